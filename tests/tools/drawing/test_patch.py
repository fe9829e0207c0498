import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PatchError
from tools.drawing import DrawnPatch, TissueKind, TumourPlace, draw_patch, draw_set
from tools.drawing.patch import CENTRE_LEAST_PX, RING_LEAST_PX

seeds = st.integers(0, 2**31)
tissues = st.sampled_from(TissueKind)


def counted(patch: DrawnPatch) -> tuple[int, int]:
    """Tumour pixels in the centre and in the ring, counted without the code under test."""
    centre = sum(
        int(patch.tumour_mask[row, column]) for row in range(32, 64) for column in range(32, 64)
    )
    return centre, int(np.count_nonzero(patch.tumour_mask)) - centre


@pytest.mark.parametrize("place", TumourPlace)
@pytest.mark.parametrize("tissue", TissueKind)
def test_the_same_seed_gives_the_same_bytes(place: TumourPlace, tissue: TissueKind) -> None:
    first, second = (draw_patch(place=place, tissue=tissue, seed=11) for _ in range(2))
    assert first.image_rgb_u8.tobytes() == second.image_rgb_u8.tobytes()
    assert first.tumour_mask.tobytes() == second.tumour_mask.tobytes()


def test_another_seed_gives_another_image() -> None:
    images = {
        draw_patch(
            place=TumourPlace.BOTH, tissue=TissueKind.STROMA, seed=seed
        ).image_rgb_u8.tobytes()
        for seed in range(20)
    }
    assert len(images) == 20


@settings(max_examples=12)
@given(seed=seeds, tissue=tissues)
def test_tumour_in_the_centre_stays_in_the_centre(seed: int, tissue: TissueKind) -> None:
    patch = draw_patch(place=TumourPlace.CENTRE, tissue=tissue, seed=seed)
    centre, ring = counted(patch)
    assert centre >= CENTRE_LEAST_PX
    assert ring == 0
    assert patch.label == 1


@settings(max_examples=12)
@given(seed=seeds, tissue=tissues)
def test_tumour_in_the_ring_leaves_the_label_negative(seed: int, tissue: TissueKind) -> None:
    patch = draw_patch(place=TumourPlace.RING, tissue=tissue, seed=seed)
    centre, ring = counted(patch)
    assert centre == 0
    assert ring >= RING_LEAST_PX
    assert patch.label == 0


@settings(max_examples=12)
@given(seed=seeds, tissue=tissues)
def test_tumour_in_both_lies_inside_and_outside(seed: int, tissue: TissueKind) -> None:
    patch = draw_patch(place=TumourPlace.BOTH, tissue=tissue, seed=seed)
    centre, ring = counted(patch)
    assert centre >= CENTRE_LEAST_PX
    assert ring >= RING_LEAST_PX
    assert patch.label == 1


@settings(max_examples=12)
@given(seed=seeds, tissue=tissues)
def test_a_patch_without_tumour_has_an_empty_mask(seed: int, tissue: TissueKind) -> None:
    patch = draw_patch(place=TumourPlace.NONE, tissue=tissue, seed=seed)
    assert counted(patch) == (0, 0)
    assert patch.label == 0


def test_one_pixel_in_the_corner_of_the_centre_makes_the_label_positive() -> None:
    patch = draw_patch(place=TumourPlace.NONE, tissue=TissueKind.BLANK, seed=0)
    for row, column, label in ((32, 32, 1), (63, 63, 1), (31, 32, 0), (63, 64, 0)):
        mask = np.zeros((96, 96), dtype=np.bool_)
        mask[row, column] = True
        marked = DrawnPatch(patch.image_rgb_u8, mask, patch.place, patch.tissue, patch.seed)
        assert marked.label == label


def test_a_patch_has_the_shape_that_the_model_judges() -> None:
    patch = draw_patch(place=TumourPlace.BOTH, tissue=TissueKind.FAT, seed=1)
    assert patch.image_rgb_u8.shape == (96, 96, 3)
    assert patch.image_rgb_u8.dtype.name == "uint8"
    assert patch.tumour_mask.shape == (96, 96)
    assert patch.tumour_mask.dtype.name == "bool"


def test_a_set_is_balanced_over_places_tissues_and_labels() -> None:
    drawn = draw_set(24, seed=3)
    assert {(patch.place, patch.tissue) for patch in drawn} == {
        (place, tissue) for place in TumourPlace for tissue in TissueKind
    }
    assert sum(patch.label for patch in drawn) == 12


def test_a_longer_set_begins_with_the_shorter_one() -> None:
    short, long = draw_set(5, seed=9), draw_set(9, seed=9)
    assert [a.image_rgb_u8.tobytes() for a in short] == [b.image_rgb_u8.tobytes() for b in long[:5]]


@pytest.mark.parametrize(("count", "seed"), [(-1, 0), (1, -1)])
def test_negative_numbers_are_refused_in_words(count: int, seed: int) -> None:
    with pytest.raises(PatchError, match="expected 0 or greater"):
        draw_set(count, seed)
