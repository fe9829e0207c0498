import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tests.training.toys import toy_patches
from training.recipes.recipe import Augmentation
from training.variation.augment import augment, draw_variation, warp, warps

IMAGES = torch.from_numpy(toy_patches([0, 1]))
PLANES = IMAGES.permute(0, 3, 1, 2).float()
STEPS = (slice(None, None, 1), slice(None, None, -1))
FLIPS = [(rows, columns) for rows in STEPS for columns in STEPS]
STILL = {"angle": torch.zeros(2), "zoom": torch.ones(2), "shear": torch.zeros(2)}


def warped(**changes: Tensor) -> Tensor:
    return warp(PLANES, warps(**{**STILL, **changes}))


def test_at_rest_nothing_moves() -> None:
    torch.testing.assert_close(warped(), PLANES, atol=5e-3, rtol=0)


def test_a_quarter_turn_is_rot90() -> None:
    found = warped(angle=torch.full((2,), math.pi / 2))
    torch.testing.assert_close(found, PLANES.rot90(1, dims=(2, 3)), atol=0.05, rtol=0)


def test_a_zoom_of_two_shows_the_middle_half_enlarged() -> None:
    found = warped(zoom=torch.full((2,), 2.0))
    middle = PLANES[:, :, 23:73, 23:73]
    enlarged = functional.interpolate(middle, scale_factor=2, mode="bilinear")[:, :, 2:98, 2:98]
    torch.testing.assert_close(found, enlarged, atol=0.05, rtol=0)


def test_a_shear_moves_rows_by_their_distance_from_the_middle() -> None:
    stripes = torch.zeros(1, 1, 96, 96)
    stripes[..., 48] = 1.0
    leaning = warps(angle=torch.zeros(1), zoom=torch.ones(1), shear=torch.full((1,), 0.2))
    found = warp(stripes, leaning)
    columns = found[0, 0, 20:76].argmax(dim=1).float()
    expected = 48 - (torch.arange(20, 76) - 47.5) * math.tan(0.2)
    assert (columns - expected).abs().max() <= 1


def test_what_lies_beyond_the_edge_is_the_patch_reflected() -> None:
    grey = torch.full((1, 3, 96, 96), 137.0)
    found = warp(grey, warps(angle=torch.ones(1), zoom=torch.full((1,), 0.5), shear=torch.zeros(1)))
    torch.testing.assert_close(found, grey)


def test_flips_are_exact_and_of_both_kinds() -> None:
    on = Augmentation(d4=False, horizontal_flip=True, vertical_flip=True)
    images = IMAGES[:1].repeat(64, 1, 1, 1)
    variation = draw_variation(on, 64, torch.Generator().manual_seed(0))
    found = augment(images, variation, on).byte().numpy()
    plain = IMAGES[0].numpy()
    kinds = {bytes(np.ascontiguousarray(plain[rows, columns])) for rows, columns in FLIPS}
    assert {image.tobytes() for image in found} == kinds


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
