import hashlib

import numpy as np
import pytest

from core.audit.relations.signatures import signatures
from core.errors import PatchError
from core.patches.patch import ORIENTATIONS, turn
from tests.core.audit.relations.planted import search
from tests.toys import noise_patches


def test_the_eight_orientations_are_eight_different_views() -> None:
    views = {turn(noise_patches(1), o).tobytes() for o in range(ORIENTATIONS)}
    assert len(views) == 8


@pytest.mark.parametrize("orientation", range(1, ORIENTATIONS))
def test_a_turned_copy_is_found_with_its_orientation(orientation: int) -> None:
    images = noise_patches(6, seed=orientation)
    images[4] = turn(images[1:2], orientation)[0]
    pairs = search(images).pairs
    assert pairs[["row_a", "row_b", "kind"]].to_numpy().tolist() == [
        [1, 4, "same-under-orientation"]
    ]
    turn_found = int(pairs["orientation"][0])
    assert np.array_equal(turn(images[4:5], turn_found)[0], images[1])


def test_the_same_pixels_in_three_files_are_two_pairs_and_one_group() -> None:
    images = noise_patches(6)
    images[[3, 5]] = images[2]
    relations = search(images, label=[0, 0, 1, 1, 0, 0])
    assert relations.pairs["kind"].tolist() == ["same-pixels", "same-pixels"]
    assert relations.pairs["label_conflict"].tolist() == [False, True]
    assert relations.groups["row"].tolist() == [2, 3, 5]
    assert relations.groups["size"].tolist() == [3, 3, 3]
    assert relations.groups["label_conflict"].all()


def test_the_same_bytes_are_told_from_the_same_pixels() -> None:
    images = noise_patches(4)
    images[[1, 2]] = images[0]
    files = ["a", "a", "b", None]
    sha256 = [name and hashlib.sha256(name.encode()).hexdigest() for name in files]
    assert search(images, sha256=sha256).pairs["kind"].tolist() == [
        "same-bytes",
        "same-pixels",
    ]


def test_one_value_of_one_pixel_makes_another_patch() -> None:
    images = noise_patches(2)
    images[1] = images[0]
    images[1, 50, 50, 1] ^= 1
    hashes = signatures(images)
    assert hashes["pixel_hash"][0] != hashes["pixel_hash"][1]
    assert hashes["turned_hash"][0] != hashes["turned_hash"][1]


def test_unknown_labels_make_no_conflict() -> None:
    images = noise_patches(2)
    images[1] = images[0]
    relations = search(images, label=[1, None])
    assert relations.pairs["label_conflict"].isna().all()
    assert relations.pairs["across_slides"].isna().all()


def test_patches_of_another_size_are_refused() -> None:
    with pytest.raises(PatchError, match="expected uint8"):
        signatures(np.zeros((2, 32, 32, 3), dtype=np.uint8))
