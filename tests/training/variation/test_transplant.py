import numpy as np
import pytest
import torch
from torch import Tensor

from core.patches import CENTRE
from training.variation.transplant import (
    MARGIN_PX,
    SEAM_PX,
    Transplants,
    draw_mixture,
    draw_transplants,
)

CPU = torch.device("cpu")
COUNT = 6


@pytest.fixture
def images() -> Tensor:
    noise = torch.randint(40, 216, (COUNT, 96, 96, 3), generator=torch.Generator().manual_seed(0))
    return noise.byte()


def drawn(share: float, seed: int = 1) -> Transplants:
    return draw_transplants(share, COUNT, torch.Generator().manual_seed(seed), CPU)


def all_moved(matching: float) -> Transplants:
    margin, seam = torch.rand(2, COUNT, generator=torch.Generator().manual_seed(2))
    return Transplants(
        rows=torch.arange(COUNT),
        partners=torch.arange(COUNT).roll(1),
        margin_px=margin * MARGIN_PX,
        seam_px=1 + seam * (SEAM_PX - 1),
        matching=torch.full((COUNT,), matching),
    )


def test_the_centre_that_decides_the_label_keeps_every_pixel(images: Tensor) -> None:
    mixed = all_moved(0.5).of(images)
    assert torch.equal(mixed[:, CENTRE, CENTRE], images[:, CENTRE, CENTRE])
    assert not torch.equal(mixed, images)


def test_the_surroundings_beyond_the_seam_are_the_partners(images: Tensor) -> None:
    mixed = all_moved(0.0).of(images)
    reach = int(np.ceil(MARGIN_PX + SEAM_PX))
    outside = torch.ones(96, 96, dtype=torch.bool)
    outside[
        CENTRE.start - reach : CENTRE.stop + reach, CENTRE.start - reach : CENTRE.stop + reach
    ] = False
    assert torch.equal(mixed[:, outside], images.roll(1, 0)[:, outside])


def test_in_the_seam_both_are_blended_and_never_exceed_either(images: Tensor) -> None:
    mixed = all_moved(0.0).of(images).int()
    partner = images.roll(1, 0)
    low, high = torch.minimum(images, partner).int(), torch.maximum(images, partner).int()
    assert bool(((mixed >= low) & (mixed <= high)).all())
    between = (mixed > low) & (mixed < high)
    assert bool(between.any())


def test_matched_surroundings_have_the_colours_of_the_own_patch() -> None:
    generator = np.random.default_rng(0)
    own = generator.normal(160, 12, (96, 96, 3))
    other = generator.normal(110, 20, (96, 96, 3))
    images = torch.from_numpy(np.stack([own, other]).clip(0, 255).astype(np.uint8))
    transplants = Transplants(
        rows=torch.tensor([0]),
        partners=torch.tensor([1]),
        margin_px=torch.zeros(1),
        seam_px=torch.ones(1),
        matching=torch.ones(1),
    )
    mixed = transplants.of(images)
    corner = mixed[0, :30].float()
    assert abs(float(corner.mean()) - 160) < 1
    assert abs(float(corner.std()) - 12) < 1
    assert torch.equal(mixed[1], images[1])


def test_only_the_drawn_share_is_moved_and_the_same_seed_draws_the_same() -> None:
    generator = torch.Generator().manual_seed(3)
    moved = sum(len(draw_transplants(0.25, 50, generator, CPU).rows) for _ in range(80))
    assert abs(moved / 4000 - 0.25) < 0.03
    first, again = drawn(0.5), drawn(0.5)
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name))
        assert len(value) == len(first.rows)


def test_nothing_moved_leaves_every_pixel(images: Tensor) -> None:
    assert torch.equal(drawn(0.0).of(images), images)


def test_patches_and_labels_are_blended_by_the_same_share_with_the_same_partner() -> None:
    mixture = draw_mixture(0.4, 6, torch.Generator().manual_seed(1), CPU)
    patches, labels = torch.randn(6, 3, 4, 4), torch.tensor([0.0, 1, 0, 1, 1, 0])
    for values in (patches, labels):
        mixed = mixture.of(values)
        for row, partner in enumerate(mixture.partners.tolist()):
            expected = mixture.share * values[row] + (1 - mixture.share) * values[partner]
            torch.testing.assert_close(mixed[row], expected)


def test_the_shares_follow_the_beta_distribution() -> None:
    generator = torch.Generator().manual_seed(0)
    shares = [draw_mixture(0.4, 2, generator, CPU).share for _ in range(2000)]
    # Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
    assert abs(np.mean(shares) - 0.5) < 0.03
    assert abs(np.var(shares) - 1 / (4 * 1.8)) < 0.01
