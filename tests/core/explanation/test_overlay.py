import io
from dataclasses import replace

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image
from pytorch_grad_cam.utils.image import scale_cam_image

from core.errors import RunError
from core.explanation import (
    CamMap,
    Method,
    OverlayStyle,
    Target,
    draw_overlay,
    draw_pair,
    draw_patch_box,
    draw_scale_bar,
    drawn_map,
    shared_scale,
)
from core.explanation.overlay import PALE_TISSUE
from core.pictures import png_bytes
from tests.toys import noise_patches

BARE = OverlayStyle(
    zoom=1,
    opacity=1,
    smooth=False,
    contour=False,
    centre_box=False,
)


def cam(values: list[list[float]], span_px: tuple[int, int] = (0, 96)) -> CamMap:
    return CamMap(np.array(values, np.float32), Method.CAM, "last", Target.TUMOUR, span_px)


def test_the_picture_of_an_empty_map_is_the_patch_itself() -> None:
    (image,) = noise_patches(1)
    zero = cam([[0.0] * 3] * 3)
    np.testing.assert_array_equal(draw_overlay(image, zero, scale=1, style=BARE), image)
    large = draw_overlay(image, zero, scale=1, style=OverlayStyle(zoom=3, centre_box=False))
    np.testing.assert_array_equal(large[1::3, 1::3], image)


def test_weak_evidence_on_a_shared_scale_hardly_covers_the_patch() -> None:
    (image,) = noise_patches(1)
    weak, strong = cam([[0.1]]), cam([[10.0]])
    scale = shared_scale([weak, strong], quantile=1.0)
    change = [
        np.abs(draw_overlay(image, one, scale=scale, style=BARE).astype(int) - image).mean()
        for one in (weak, strong)
    ]
    assert change[0] < 0.05 * change[1]


def test_evidence_for_has_its_colour_in_its_own_cells_and_evidence_against_none() -> None:
    image = np.zeros((96, 96, 3), np.uint8)
    overlay = draw_overlay(image, cam([[1, -1]]), scale=1, style=BARE)
    viridis = 255 * np.array(matplotlib.colormaps["viridis"](1.0)[:3])
    assert np.abs(overlay[:, :48] - viridis).max() <= 1
    assert not overlay[:, 48:].any()


def test_nothing_is_drawn_where_the_model_does_not_look() -> None:
    (image,) = noise_patches(1)
    overlay = draw_overlay(image, cam([[1.0]], (16, 80)), scale=1, style=BARE)
    changed = (overlay != image).any(axis=2)
    assert not changed[:16].any()
    assert not changed[80:].any()
    assert changed[16:80, 16:80].mean() > 0.9


@pytest.mark.parametrize("zoom", [1, 2, 4, 7])
def test_the_box_frames_the_centre_in_two_tones_without_covering_it(zoom: int) -> None:
    image = np.full((96, 96, 3), 128, np.uint8)
    picture = draw_patch_box(image, OverlayStyle(zoom=zoom))
    assert picture.shape == (96 * zoom, 96 * zoom, 3)
    centre = slice(32 * zoom, 64 * zoom)
    assert (picture[centre, centre] == 128).all()
    assert (picture[32 * zoom - 1, centre] == 255).all()
    assert (picture == 0).all(axis=2).any()


def test_interpolation_keeps_the_middles_of_the_cells_in_place() -> None:
    image = np.zeros((96, 96, 3), np.uint8)
    smooth = replace(BARE, smooth=True)
    overlay = draw_overlay(image, cam([[0, 0, 0], [0, 1, 0], [0, 0, 0]]), scale=1, style=smooth)
    assert divmod(int(overlay.sum(axis=2, dtype=int).argmax()), 96) in [
        (47, 47),
        (47, 48),
        (48, 48),
    ]
    np.testing.assert_array_equal(overlay, overlay[::-1, ::-1])


def test_a_pair_shows_both_at_one_zoom_and_survives_as_png() -> None:
    (image,) = noise_patches(1)
    pair = draw_pair(image, cam([[1.0]]), scale=1, style=OverlayStyle(zoom=2))
    assert pair.shape == (192, 192 * 2 + 4, 3)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(pair)))), pair)


def test_viridis_grows_lighter_in_even_steps_and_shows_only_what_speaks_for_the_target() -> None:
    bar = draw_scale_bar()
    np.testing.assert_allclose(bar[0, 0], PALE_TISSUE, atol=1)
    steps = np.arange(256, dtype=np.uint8)[None]
    colours = cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS)
    lightness = cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[0, :, 0]
    assert np.polyfit(np.arange(256), lightness, 1)[0] > 0.2
    assert np.corrcoef(np.arange(256), lightness)[0, 1] > 0.999  # perceptually even
    paler = draw_scale_bar(opacity=0.5).astype(float)[0, -1]
    np.testing.assert_allclose(paler, (bar[0, -1] + np.array(PALE_TISSUE)) / 2, atol=1)
    (image,) = noise_patches(1)
    against = draw_overlay(image, cam([[-1.0, -1.0]]), scale=1, style=BARE)
    np.testing.assert_array_equal(against, image)


def test_the_contour_lies_where_the_map_falls_to_half_of_its_highest_value() -> None:
    image = np.full((96, 96, 3), 200, np.uint8)
    ramp = cam(np.linspace(0, 1, 96)[None].repeat(96, axis=0).tolist())
    style = replace(BARE, contour=True, opacity=0)
    overlay = draw_overlay(image, ramp, style=style)
    marked = np.flatnonzero((overlay[48] != image[48]).any(axis=1))
    assert marked.min() in range(45, 49)  # half lies between columns 47 and 48
    assert overlay[48, 10:40].tolist() == image[48, 10:40].tolist()


def test_weak_evidence_stays_faint_on_its_own_scale_too() -> None:
    (image,) = noise_patches(1)
    one = cam([[0.01]])
    change = [
        np.abs(draw_overlay(image, one, style=BARE, strength=part).astype(int) - image).mean()
        for part in (1.0, 0.1)
    ]
    assert change[1] < 0.15 * change[0]


def test_a_smooth_map_is_that_of_pytorch_grad_cam_at_the_size_of_the_patch() -> None:
    values = np.random.default_rng(0).random((6, 6), np.float32)
    expected = scale_cam_image(values[None], (96, 96))[0]
    low, high = float(values.min()), float(values.max())
    scaled = cam(((values - low) / (high - low)).tolist())
    black = np.zeros((96, 96, 3), np.uint8)
    drawn = draw_overlay(black, scaled, scale=1, style=replace(BARE, smooth=True))
    viridis = matplotlib.colormaps["viridis"](expected)[..., :3]
    coloured = 255 * viridis * expected[..., None] ** 0.75
    np.testing.assert_allclose(drawn, coloured, atol=4)  # a step of the 256 colours, rounded


def test_where_nothing_speaks_for_the_target_the_map_shows_what_speaks_against_it() -> None:
    (image,) = noise_patches(1)
    style = OverlayStyle(zoom=1)
    against, favour = cam([[-2.0, -1.0]]), cam([[2.0, 1.0]])
    turned = drawn_map(against)
    assert turned.target is Target.NO_TUMOUR
    np.testing.assert_array_equal(
        draw_overlay(image, against, style=style), draw_overlay(image, favour, style=style)
    )
    assert drawn_map(favour) is favour


def test_nonsense_is_refused() -> None:
    with pytest.raises(RunError, match="whole zoom"):
        OverlayStyle(zoom=0)
    with pytest.raises(RunError, match="above 0"):
        draw_overlay(noise_patches(1)[0], cam([[1.0]]), scale=0, style=BARE)
