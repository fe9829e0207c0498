import numpy as np
import torch
from torch import Tensor

from tests.training.toys import toy_patches
from training.pretraining.vicreg import LEAST_SIDE, VIEW, two_views
from training.recipes.recipe import Augmentation
from training.variation.augment import draw_crops, orient, warp

PATCHES = torch.from_numpy(toy_patches([0, 1, 0, 1]))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_crop_lies_inside_the_patch_and_keeps_its_shape() -> None:
    crops = draw_crops(0.6, 500, generator())
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, 1]]).T
    places = crops @ corners  # (500, 2, 4)
    assert places.abs().max() <= 1 + 1e-6
    assert places.abs().max() > 0.99
    sides = crops[:, 0, 0]
    assert torch.equal(sides, crops[:, 1, 1])
    assert sides.min() < 0.62
    assert sides.max() > 0.98


def test_a_crop_of_half_the_side_is_the_enlarged_part() -> None:
    ramp = torch.arange(96.0).expand(1, 3, 96, 96)
    half = torch.tensor([[[0.5, 0, -0.5], [0, 0.5, 0]]])  # the left half, middle height
    found = warp(ramp, half)[0, 0, 50]
    expected = np.clip((np.arange(96) + 0.5) / 2 - 0.5, 0, None)
    # The first place lies half a pixel beyond the first centre, where the patch is reflected.
    np.testing.assert_allclose(found[1:].numpy(), expected[1:], atol=1e-4)


def _view_of(view: Tensor, patch: Tensor) -> bool:
    turned = [orient(patch[None], torch.tensor([turn]))[0].float() for turn in range(8)]
    return any(torch.allclose(view, one, atol=1e-3) for one in turned)


def test_the_views_are_of_the_patches_in_their_order_one_half_after_the_other() -> None:
    plain = Augmentation(d4=True)
    views = two_views(PATCHES, plain, 1.0, generator())
    assert views.shape == (8, 96, 96, 3)
    for number, view in enumerate(views):
        assert _view_of(view, PATCHES[number % 4])


def test_two_views_differ_and_come_again_by_the_generator() -> None:
    views = two_views(PATCHES, VIEW, LEAST_SIDE, generator())
    one, other = views.chunk(2)
    assert (one - other).abs().flatten(1).mean(dim=1).min() > 5
    assert torch.equal(views, two_views(PATCHES, VIEW, LEAST_SIDE, generator()))
    assert not torch.equal(views, two_views(PATCHES, VIEW, LEAST_SIDE, generator(1)))
    assert views.min() >= 0
    assert views.max() <= 255
