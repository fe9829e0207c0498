"""The drawings are compared with what is known of H&E, not with other drawings."""

import numpy as np
import pytest
from scipy.ndimage import label as connected

from tools.drawing import TissueKind, TumourPlace, draw_patch, draw_set
from tools.drawing.canvas import Canvas
from tools.drawing.cells import grow, nearest, scatter
from tools.drawing.noise import grain, smooth_noise
from tools.drawing.tumour import paint_tumour


@pytest.fixture(scope="module")
def drawn_images() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(N, 96, 96, 3) as float."""
    return np.stack([patch.image_rgb_u8 for patch in draw_set(96, seed=21)]).astype(np.float64)


def mean_colour(tissue: TissueKind, place: TumourPlace = TumourPlace.NONE) -> list[float]:
    images = [draw_patch(place=place, tissue=tissue, seed=seed).image_rgb_u8 for seed in range(10)]
    mean: list[float] = np.stack(images).mean(axis=(0, 1, 2)).tolist()
    return mean


def test_colours_lie_where_patches_of_the_field_have_them(
    drawn_images: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    # PatchCamelyon: means about (180, 140, 180), within-patch standard deviations about 45.
    mean = drawn_images.mean(axis=(0, 1, 2))
    within = drawn_images.std(axis=(1, 2)).mean(axis=0)
    assert np.all(np.abs(mean - (180, 140, 180)) < 25), mean
    assert np.all((within > 30) & (within < 65)), within


def test_green_is_absorbed_most(
    drawn_images: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    means = drawn_images.mean(axis=(1, 2))
    assert np.mean((means[:, 1] <= means[:, 0] + 1) & (means[:, 1] <= means[:, 2] + 1)) > 0.8


def test_blank_is_nearly_glass() -> None:
    assert min(mean_colour(TissueKind.BLANK)) > 200


def test_lymphocytes_are_darker_than_stroma_and_stroma_than_fat() -> None:
    lymphocytes, stroma, fat = (
        sum(mean_colour(kind))
        for kind in (TissueKind.LYMPHOCYTES, TissueKind.STROMA, TissueKind.FAT)
    )
    assert lymphocytes < stroma < fat


def test_blood_is_redder_than_lymphocytes() -> None:
    blood, lymphocytes = mean_colour(TissueKind.BLOOD), mean_colour(TissueKind.LYMPHOCYTES)
    assert blood[0] - blood[2] > 20 > lymphocytes[0] - lymphocytes[2]


def test_tumour_nuclei_are_larger_than_lymphocytes() -> None:
    shape = (192, 192)
    rng = np.random.Generator(np.random.PCG64(4))
    texture = grain(rng, shape, 0.8)
    _, nuclei = paint_tumour(Canvas.glass(shape), np.full(shape, -99.0), texture, rng, 6.5)
    components, count = connected(nuclei)
    areas_px = np.bincount(components.ravel())[1:]
    diameter_um = 2 * np.sqrt(np.median(areas_px) / np.pi) * 0.97
    assert count > 20
    # A lymphocyte is about 7 um wide.
    assert 10 < diameter_um < 22


def test_tumour_cells_are_paler_than_lymphocytes() -> None:
    inside, outside = [], []
    for seed in range(12):
        patch = draw_patch(place=TumourPlace.BOTH, tissue=TissueKind.LYMPHOCYTES, seed=seed)
        inside.append(patch.image_rgb_u8[patch.tumour_mask].mean())
        outside.append(patch.image_rgb_u8[~patch.tumour_mask].mean())
    assert np.mean(inside) > np.mean(outside)


def test_a_round_cell_covers_the_area_of_its_circle() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    cell = grow(
        rng,
        (np.array([20.0]), np.array([20.0])),
        radius_px=8.0,
        size_spread=0.0,
        elongation=(1.5, 1.5),
        lobe_depth=0.0,
        tone_spread=0.0,
    )
    area_px = nearest(cell, (41, 41), 2.0).coverage.sum()
    assert area_px == pytest.approx(np.pi * 8.0**2, rel=0.03)


def test_scattered_points_keep_apart() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    rows, columns = scatter(rng, (96, 96), 8.0, 8.0)
    points = np.stack([rows, columns], axis=1)
    gaps = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    np.fill_diagonal(gaps, np.inf)
    assert np.median(gaps.min(axis=1)) > 5.0


def test_noise_has_unit_spread() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    assert smooth_noise(rng, (400, 400), 5.0).std() == pytest.approx(1.0, abs=0.1)
    assert grain(rng, (400, 400), 1.2).std() == pytest.approx(1.0, abs=0.1)
