"""The variation that is drawn on the device, against the one that is drawn on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from core.engine import d4_views
from core.patches import CENTRE
from training.course.variation import Variator
from training.recipes.recipe import Augmentation

STILL = Augmentation(d4=False)


@pytest.fixture
def images() -> Tensor:
    random = np.random.default_rng(1)
    smooth = random.integers(60, 230, (12, 12, 12, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return torch.from_numpy(smooth.astype(np.uint8))


def _as_images(planes: Tensor) -> Tensor:
    return planes.view(len(planes), 3, 96, 96).permute(0, 2, 3, 1)


def test_orientations_are_those_of_the_engine(images: Tensor) -> None:
    variator = Variator(torch.device("cpu"))
    planes = images.permute(0, 3, 1, 2).flatten(2)
    for number, expected in enumerate(d4_views(images.numpy())):
        np.testing.assert_array_equal(_as_images(variator.view(planes, number)).numpy(), expected)


def test_without_any_strength_pixels_stay(images: Tensor) -> None:
    varied, moved = Variator(torch.device("cpu")).varied(images, STILL)
    assert not moved.any()
    torch.testing.assert_close(_as_images(varied), images.float(), atol=0.01, rtol=0)


def test_a_transplant_keeps_its_own_centre(images: Tensor) -> None:
    torch.manual_seed(0)
    varied, moved = Variator(torch.device("cpu")).varied(images, STILL, 0.5)
    pictures = _as_images(varied)
    centres = (slice(None), CENTRE, CENTRE)
    torch.testing.assert_close(pictures[centres], images.float()[centres], atol=0.01, rtol=0)
    changed = (pictures - images).abs().amax(dim=(1, 2, 3)) > 1
    assert torch.equal(changed, moved)
    assert 0 < int(moved.sum()) < len(images)


def test_a_stain_swap_moves_mean_density_towards_another_patch(images: Tensor) -> None:
    torch.manual_seed(0)
    dark = images // 2
    mixed = torch.cat([images[:6], dark[:6]])[torch.arange(12).view(2, 6).T.flatten()]
    varied, _ = Variator(torch.device("cpu")).varied(mixed, replace(STILL, stain_swap=0.999))
    # The partner two rows on has the same darkness; its hue differs, so some channel moves.
    moved = (varied.mean(dim=2) - mixed.float().flatten(1, 2).mean(dim=1)).abs().amax(dim=1)
    assert (moved > 1).sum() >= 6
    assert float(varied.min()) >= 0
    assert float(varied.max()) <= 255


def test_orientations_are_drawn_evenly() -> None:
    torch.manual_seed(0)
    planes = torch.arange(96 * 96).view(1, 1, -1).expand(4000, 3, -1)
    corners = Variator(torch.device("cpu")).oriented(planes)[:, 0, :2]
    _, counts = torch.unique(corners, dim=0, return_counts=True)
    assert len(counts) == 8
    assert counts.min() > 400
