import numpy as np
import pytest

from core.patches import ImageU8
from tests.core.audit.relations.planted import (
    Relations,
    recompressed,
    related,
    search,
    shifted,
    signed,
    turned,
)
from tools.drawing import TissueKind, TumourPlace, draw_patch, draw_set

SEEDS = range(24)


@pytest.fixture(scope="module")
def drawn() -> ImageU8:
    kinds = [patch for patch in draw_set(54, seed=5) if patch.tissue is not TissueKind.BLANK]
    return np.stack([patch.image_rgb_u8 for patch in kinds])


@pytest.fixture(scope="module")
def crops() -> list[tuple[ImageU8, ImageU8, tuple[int, int]]]:
    return [shifted(seed) for seed in SEEDS]


def pairs_of(relations: Relations) -> set[tuple[int, int]]:
    return set(zip(relations.pairs["row_a"], relations.pairs["row_b"], strict=True))


def test_drawn_patches_of_their_own_are_not_matched(drawn: ImageU8) -> None:
    assert search(drawn).pairs.empty


@pytest.mark.parametrize("quality", [70, 75, 90, 95])
def test_every_recompressed_copy_is_found_in_every_orientation(
    drawn: ImageU8, quality: int
) -> None:
    count = len(drawn)
    copies = [recompressed(turned(one, k % 8), quality) for k, one in enumerate(drawn)]
    relations = search(np.concatenate([drawn, np.stack(copies)]))
    assert pairs_of(relations) == {(k, count + k) for k in range(count)}
    assert set(relations.pairs["kind"]) == {"near"}
    for a, found in relations.pairs[["row_a", "orientation"]].to_numpy().tolist():
        assert np.array_equal(turned(turned(drawn[a], a % 8), found), drawn[a])


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 8.0), (0.93, 0.0), (1.05, -5.0)])
def test_a_copy_of_another_brightness_is_found(drawn: ImageU8, gain: float, offset: float) -> None:
    other = np.clip(drawn * gain + offset, 0, 255).astype(np.uint8)
    relations = search(np.concatenate([drawn, other]))
    assert pairs_of(relations) == {(k, len(drawn) + k) for k in range(len(drawn))}


@pytest.mark.parametrize("quality", [None, 75, 90])
def test_every_shifted_crop_is_found_with_its_shift(
    crops: list[tuple[ImageU8, ImageU8, tuple[int, int]]], quality: int | None
) -> None:
    images = [image for one, other, _ in crops for image in (one, other)]
    if quality is not None:
        images[1::2] = [recompressed(image, quality) for image in images[1::2]]
    relations = search(np.stack(images))
    assert pairs_of(relations) == {(2 * k, 2 * k + 1) for k in SEEDS}
    assert set(relations.pairs["kind"]) == {"overlap"}
    shifts = relations.pairs.sort_values("row_a")[["shift_y_px", "shift_x_px"]]
    assert shifts.to_numpy().tolist() == [list(shift) for _, _, shift in crops]


def test_a_shifted_crop_is_found_however_it_is_turned(
    crops: list[tuple[ImageU8, ImageU8, tuple[int, int]]],
) -> None:
    images = []
    for k, (one, other, _) in enumerate(crops):
        images += [one, recompressed(turned(other, k % 8), 85)]
    relations = search(np.stack(images))
    assert pairs_of(relations) == {(2 * k, 2 * k + 1) for k in SEEDS}
    columns = ["row_a", "orientation", "shift_y_px", "shift_x_px"]
    for a, orientation, down, right in relations.pairs[columns].to_numpy().tolist():
        one, _, shift = crops[a // 2]
        assert (down, right) == shift
        assert np.array_equal(turned(turned(one, a // 2 % 8), orientation), one)


def test_labels_that_differ_on_copies_are_conflicts(drawn: ImageU8) -> None:
    images = np.concatenate([drawn[:20], drawn[:20]])
    labels = [0] * 20 + [k % 2 for k in range(20)]
    pairs = search(images, label=labels).pairs
    assert pairs["label_conflict"].tolist() == [bool(k % 2) for k in pairs["row_a"]]
    assert pairs["label_conflict"].sum() == 10


def test_blank_patches_are_neither_near_nor_overlapping() -> None:
    blank = [
        draw_patch(place=TumourPlace.NONE, tissue=TissueKind.BLANK, seed=seed).image_rgb_u8
        for seed in range(20)
    ]
    rng = np.random.default_rng(0)
    noise = np.clip(rng.normal(243, 1.5, (20, 96, 96, 3)), 0, 255).astype(np.uint8)
    white = np.full((1, 96, 96, 3), 255, dtype=np.uint8)
    assert search(np.concatenate([blank, noise, white])).pairs.empty


def test_patches_that_share_only_their_shading_are_not_near() -> None:
    rng = np.random.default_rng(1)
    shade = np.linspace(30, 220, 96)[:, None, None]
    images = np.clip(shade + rng.normal(0, 3, (12, 96, 96, 3)), 0, 255).astype(np.uint8)
    compared: list[int] = []
    relations = related(images, signed(images), lambda done, _: compared.append(done))
    assert relations is not None
    assert relations.pairs.empty
    assert compared[-1] > 0


def test_a_stopped_search_says_so(drawn: ImageU8) -> None:
    images = np.concatenate([drawn[:5], drawn[:5]])
    assert related(images, signed(images), should_stop=lambda: True) is None


def test_nothing_is_related_to_nothing() -> None:
    assert search(np.empty((0, 96, 96, 3), dtype=np.uint8)).pairs.empty
