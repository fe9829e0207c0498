import colorsys
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.engine import D4_VIEWS, d4_views
from tests.training.toys import toy_patches
from training.recipes.recipe import Augmentation
from training.variation.augment import (
    RGB_FROM_HED,
    Variation,
    augment,
    draw_variation,
    gather_oriented,
    orient,
    swap_stain,
    vary_stain,
    warp,
    warps,
)

ALL = Augmentation(
    d4=True,
    stain_gain=0.3,
    stain_shift=0.1,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    channel=0.2,
    stain_swap=0.5,
)
IMAGES = toy_patches([0, 1] * 8)


def light(
    brightness: float = 1, contrast: float = 1, saturation: float = 1, channel: float = 1
) -> Variation:
    """Return a variation of one patch's light alone."""
    return Variation(
        views=torch.zeros(1, dtype=torch.int64),
        stain_gain=torch.ones(1, 3),
        stain_shift=torch.zeros(1, 3),
        brightness=torch.full((1, 1), float(brightness)),
        contrast=torch.full((1, 1), float(contrast)),
        saturation=torch.full((1, 1), float(saturation)),
        channel=torch.tensor([[float(channel), 1.0, 1.0]]),
    )


def test_each_view_is_the_engines_view_of_that_number() -> None:
    for view, expected in enumerate(d4_views(IMAGES)):
        oriented = orient(torch.from_numpy(IMAGES), torch.full((len(IMAGES),), view))
        np.testing.assert_array_equal(oriented.numpy(), expected)


def test_a_batch_of_mixed_views_turns_each_patch_by_its_own() -> None:
    views = torch.arange(16) % D4_VIEWS
    oriented = orient(torch.from_numpy(IMAGES), views).numpy()
    for image, view, turned in zip(IMAGES, views.tolist(), oriented, strict=True):
        start = image[:, ::-1] if view >= 4 else image
        np.testing.assert_array_equal(turned, np.rot90(start, view % 4))


def test_the_views_are_a_group() -> None:
    image = torch.from_numpy(IMAGES[:1])
    views = [orient(image, torch.tensor([view])) for view in range(D4_VIEWS)]
    for once in views:
        twice = [orient(once, torch.tensor([view])) for view in range(D4_VIEWS)]
        matches = [sum(torch.equal(a, b) for b in views) for a in twice]
        assert matches == [1] * D4_VIEWS


def test_augmented_patches_keep_shape_and_range() -> None:
    variation = draw_variation(ALL, 16, torch.Generator().manual_seed(1))
    augmented = augment(torch.from_numpy(IMAGES), variation, ALL)
    assert augmented.shape == IMAGES.shape
    assert augmented.dtype == torch.float32
    assert 0 <= float(augmented.min()) < float(augmented.max()) <= 255


def test_with_everything_off_pixels_are_untouched() -> None:
    off = Augmentation(d4=False)
    variation = draw_variation(off, 16, torch.Generator().manual_seed(1))
    np.testing.assert_array_equal(augment(torch.from_numpy(IMAGES), variation, off), IMAGES)


def test_at_strength_zero_every_part_is_the_identity() -> None:
    still = draw_variation(Augmentation(d4=False), 16, torch.Generator().manual_seed(1))
    moved = augment(torch.from_numpy(IMAGES), still, ALL.__class__(d4=False, stain_gain=0.1))
    np.testing.assert_allclose(moved, IMAGES, atol=2e-3)
    lit = augment(torch.from_numpy(IMAGES), still, ALL.__class__(d4=False, contrast=0.1))
    np.testing.assert_allclose(lit, IMAGES, atol=1e-3)


def test_stain_jitter_agrees_with_unmixing_patch_by_patch() -> None:
    rng = np.random.default_rng(3)
    gain, shift = rng.uniform(0.7, 1.3, (16, 3)), rng.uniform(-0.1, 0.1, (16, 3))
    planes = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).flatten(2).float()
    varied = vary_stain(planes, torch.tensor(gain).float(), torch.tensor(shift).float())
    for image, by, to, out in zip(IMAGES, gain, shift, varied.numpy(), strict=True):
        density = -np.log((image.reshape(-1, 3) + 1.0) / 256)
        stains = np.linalg.solve(np.array(RGB_FROM_HED).T, density.T).T  # (P, 3)
        changed = (stains * by + to) @ np.array(RGB_FROM_HED)
        expected = np.clip(256 * np.exp(-changed) - 1, 0, 255)
        np.testing.assert_allclose(out.T, expected, atol=0.02)


def test_more_haematoxylin_is_darker_and_bluer() -> None:
    planes = torch.full((1, 3, 4), 150.0)
    varied = vary_stain(planes, torch.ones(1, 3), torch.tensor([[0.3, 0.0, 0.0]]))[0, :, 0]
    assert (varied < 150).all()
    assert varied[2] > varied[0]


def test_brightness_scales_and_clips() -> None:
    on = Augmentation(d4=False, brightness=0.5)
    augmented = augment(torch.from_numpy(IMAGES[:1]), light(brightness=1.5), on)
    np.testing.assert_allclose(augmented[0], np.clip(IMAGES[0] * 1.5, 0, 255), atol=1e-3)


def test_zero_contrast_leaves_the_mean_grey_alone() -> None:
    on = Augmentation(d4=False, contrast=0.5)
    augmented = augment(torch.from_numpy(IMAGES[:1]), light(contrast=0), on)
    grey = (IMAGES[0] @ np.array([0.299, 0.587, 0.114])).mean()
    np.testing.assert_allclose(augmented[0], np.full((96, 96, 3), grey), atol=0.01)


def test_zero_saturation_is_grey_and_keeps_luma() -> None:
    on = Augmentation(d4=False, saturation=0.5)
    augmented = augment(torch.from_numpy(IMAGES[:1]), light(saturation=0), on)[0].numpy()
    expected = [colorsys.rgb_to_yiq(*(image / 255))[0] for image in IMAGES[0].reshape(-1, 3)]
    np.testing.assert_allclose(augmented[..., 0].ravel(), np.array(expected) * 255, atol=1.5)
    np.testing.assert_allclose(augmented[..., 0], augmented[..., 2], atol=1e-3)


def test_the_channel_gain_acts_on_its_channel_only() -> None:
    on = Augmentation(d4=False, channel=0.2)
    augmented = augment(torch.from_numpy(IMAGES[:1]), light(channel=0.9), on)[0].numpy()
    np.testing.assert_allclose(augmented, IMAGES[0] * [0.9, 1, 1], atol=1e-3)


@pytest.mark.parametrize("seed", [0, 5])
def test_the_same_generator_state_draws_the_same_variation(seed: int) -> None:
    first, again = (draw_variation(ALL, 8, torch.Generator().manual_seed(seed)) for _ in range(2))
    for name in vars(first).keys() - {"warps"}:
        assert torch.equal(getattr(first, name), getattr(again, name))


def test_one_gather_turns_patches_as_the_groups_do() -> None:
    images = torch.from_numpy(IMAGES)
    views = torch.randint(D4_VIEWS, (len(images),), generator=torch.Generator().manual_seed(0))
    assert torch.equal(gather_oriented(images, views), orient(images, views))


def test_a_swapped_stain_has_mean_and_spread_of_the_patch_before_in_the_batch() -> None:
    # Mid tones: nothing is cut off at 0 or 255.
    pixels = 90 + 60 * torch.rand(4, 3, 500, generator=torch.Generator().manual_seed(0))
    pixels[1] *= 1.4
    moved = swap_stain(pixels, torch.tensor([[0.0], [1.0], [0.5], [0.0]]))
    before, after = (-torch.log((planes + 1) / 256) for planes in (pixels, moved))
    torch.testing.assert_close(moved[[0, 3]], pixels[[0, 3]])
    torch.testing.assert_close(after[1].mean(1), before[0].mean(1))
    torch.testing.assert_close(after[1].std(1), before[0].std(1))
    torch.testing.assert_close(after[2].mean(1), (before[1].mean(1) + before[2].mean(1)) / 2)
    # The order of the pixels by each colour stays.
    assert torch.equal(moved.argsort(dim=2), pixels.argsort(dim=2))


def test_a_blank_patch_gets_no_spread_from_another() -> None:
    pixels = torch.stack([torch.full((3, 64), 240.0), 60 + 120 * torch.rand(3, 64)])
    moved = swap_stain(pixels, torch.ones(2, 1))
    assert float(moved[0].std(dim=1).max()) < 1e-3


PATCHES = torch.from_numpy(toy_patches([0, 1]))
PLANES = PATCHES.permute(0, 3, 1, 2).float()
STEPS = (slice(None, None, 1), slice(None, None, -1))
FLIPS = [(rows, columns) for rows in STEPS for columns in STEPS]
STILL = {"angle": torch.zeros(2), "zoom": torch.ones(2), "shear": torch.zeros(2)}


def warped(**changes: Tensor) -> Tensor:
    return warp(PLANES, warps(**{**STILL, **changes}))


def test_at_rest_nothing_moves() -> None:
    torch.testing.assert_close(warped(), PLANES, atol=5e-3, rtol=0)


def test_a_quarter_turn_is_rot90() -> None:
    pictures = warped(angle=torch.full((2,), math.pi / 2))
    torch.testing.assert_close(pictures, PLANES.rot90(1, dims=(2, 3)), atol=0.05, rtol=0)


def test_a_zoom_of_two_shows_the_middle_half_enlarged() -> None:
    pictures = warped(zoom=torch.full((2,), 2.0))
    middle = PLANES[:, :, 23:73, 23:73]
    enlarged = functional.interpolate(middle, scale_factor=2, mode="bilinear")[:, :, 2:98, 2:98]
    torch.testing.assert_close(pictures, enlarged, atol=0.05, rtol=0)


def test_a_shear_moves_rows_by_their_distance_from_the_middle() -> None:
    stripes = torch.zeros(1, 1, 96, 96)
    stripes[..., 48] = 1.0
    leaning = warps(angle=torch.zeros(1), zoom=torch.ones(1), shear=torch.full((1,), 0.2))
    warped = warp(stripes, leaning)
    columns = warped[0, 0, 20:76].argmax(dim=1).float()
    expected = 48 - (torch.arange(20, 76) - 47.5) * math.tan(0.2)
    assert (columns - expected).abs().max() <= 1


def test_what_lies_beyond_the_edge_is_the_patch_reflected() -> None:
    grey = torch.full((1, 3, 96, 96), 137.0)
    warped = warp(
        grey, warps(angle=torch.ones(1), zoom=torch.full((1,), 0.5), shear=torch.zeros(1))
    )
    torch.testing.assert_close(warped, grey)


def test_flips_are_exact_and_of_both_kinds() -> None:
    on = Augmentation(d4=False, horizontal_flip=True, vertical_flip=True)
    images = PATCHES[:1].repeat(64, 1, 1, 1)
    variation = draw_variation(on, 64, torch.Generator().manual_seed(0))
    augmented = augment(images, variation, on).byte().numpy()
    plain = PATCHES[0].numpy()
    kinds = {bytes(np.ascontiguousarray(plain[rows, columns])) for rows, columns in FLIPS}
    assert {image.tobytes() for image in augmented} == kinds


def test_a_horizontal_flip_alone_never_turns_upside_down() -> None:
    on = Augmentation(d4=False, horizontal_flip=True)
    variation = draw_variation(on, 64, torch.Generator().manual_seed(0))
    assert set(variation.views.tolist()) == {0, 4}


def test_recipes_without_warps_keep_their_random_numbers() -> None:
    plain = draw_variation(Augmentation(), 8, torch.Generator().manual_seed(0))
    warping = draw_variation(Augmentation(rotation_degrees=30), 8, torch.Generator().manual_seed(0))
    assert torch.equal(plain.views, warping.views)
    assert torch.equal(plain.channel, warping.channel)
    assert plain.warps is None
    assert warping.warps is not None
