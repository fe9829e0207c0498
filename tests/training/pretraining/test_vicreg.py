"""The loss against plain loops over the paper's formulas."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.pretraining.vicreg import spread, vicreg_terms

Projections = NDArray[np.float64]


@pytest.fixture
def views() -> tuple[Projections, Projections]:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(12, 5)) @ rng.normal(size=(5, 5)) * 0.5
    return one, one + 0.3 * rng.normal(size=(12, 5))


def by_the_paper(one: Projections, other: Projections) -> tuple[float, float, float]:
    count, width = one.shape
    invariance = sum(np.sum((one[i] - other[i]) ** 2) for i in range(count)) / (count * width)
    variance = covariance = 0.0
    for view in (one, other):
        matrix = np.cov(view, rowvar=False)
        for j in range(width):
            variance += max(0.0, 1 - np.sqrt(matrix[j, j] + 1e-4)) / width / 2
            covariance += sum(matrix[j, k] ** 2 for k in range(width) if k != j) / width
    return float(invariance), float(variance), float(covariance)


def test_the_terms_are_those_of_the_paper(views: tuple[Projections, Projections]) -> None:
    one, other = views
    terms = vicreg_terms(torch.from_numpy(one), torch.from_numpy(other))
    found = (terms.invariance.item(), terms.variance.item(), terms.covariance.item())
    assert found == pytest.approx(by_the_paper(one, other), rel=1e-9)
    assert min(found) > 0.01


def test_a_network_that_answers_the_same_to_everything_is_told_to_vary() -> None:
    same = torch.ones(8, 4).requires_grad_()
    noise = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)) * 1e-3
    terms = vicreg_terms(same + noise, same + noise)
    assert terms.invariance.item() == 0
    assert terms.variance.item() == pytest.approx(0.99, abs=0.01)
    terms.variance.backward()  # type: ignore[no-untyped-call]
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()
    assert same.grad.abs().max() > 0


def test_spread_is_1_for_directions_all_around_and_0_for_one_direction() -> None:
    everywhere = torch.randn(5000, 64, generator=torch.Generator().manual_seed(0))
    assert spread(everywhere).item() == pytest.approx(1, abs=0.02)
    assert spread(everywhere[:1] * torch.rand(50, 1)).item() == pytest.approx(0, abs=1e-5)
