"""The distance from the training patches against textbook Mahalanobis and its own promises."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import mahalanobis

from core.bundle.domain import (
    SHRINKAGE,
    Domain,
    domain_of,
    fit_domain,
    left_out_in_turn,
    write_domain,
)
from core.errors import BundleError


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def _correlated(random: np.random.Generator, count: int, shift: float = 0.0) -> NDArray[np.float32]:
    mix = np.random.default_rng(0).normal(size=(6, 6))
    drawn: NDArray[np.float32] = (random.normal(size=(count, 6)) @ mix + shift).astype(np.float32)
    return drawn


def _domain(train: NDArray[np.float32], others: NDArray[np.float32], *, share: float) -> Domain:
    return fit_domain(train, [(train, others)], share=share)


def test_beyond_the_limit_lies_the_stated_share_of_other_slides(
    random: np.random.Generator,
) -> None:
    others = _correlated(random, 4000)
    domain = _domain(_correlated(random, 3000), others, share=0.01)
    assert (domain.distances(others) > 1).mean() == pytest.approx(0.01, abs=0.001)


def test_ratios_of_distances_are_those_of_mahalanobis(random: np.random.Generator) -> None:
    train = _correlated(random, 3000).astype(np.float64)
    domain = _domain(train.astype(np.float32), _correlated(random, 500), share=0.05)
    spread = train.std(axis=0)
    correlations = (1 - SHRINKAGE) * np.corrcoef(train.T) + SHRINKAGE * np.eye(6)
    inverse = np.linalg.inv(correlations * np.outer(spread, spread))
    patches = _correlated(random, 20, shift=0.7)
    expected = np.array([mahalanobis(one, train.mean(axis=0), inverse) for one in patches])
    distances = domain.distances(patches)
    np.testing.assert_allclose(distances / distances[0], expected / expected[0], rtol=2e-3)


def test_a_shifted_set_is_unlike(random: np.random.Generator) -> None:
    domain = _domain(_correlated(random, 3000), _correlated(random, 1000), share=0.01)
    assert (domain.distances(_correlated(random, 500, shift=12.0)) > 1).mean() > 0.9


def test_a_channel_that_never_varies_in_training_harms_no_distance() -> None:
    random = np.random.default_rng(1)
    train = np.concatenate([_correlated(random, 500), np.zeros((500, 1), np.float32)], axis=1)
    domain = _domain(train, train, share=0.1)
    assert np.isfinite(domain.distances(train)).all()


def test_a_written_reference_reads_the_same(tmp_path: Path, random: np.random.Generator) -> None:
    domain = _domain(_correlated(random, 300), _correlated(random, 300), share=0.02)
    write_domain(tmp_path, domain)
    again = domain_of((tmp_path / "domain.safetensors").read_bytes())
    patches = _correlated(random, 10)
    np.testing.assert_array_equal(again.distances(patches), domain.distances(patches))


def test_other_bytes_are_refused() -> None:
    with pytest.raises(BundleError, match=r"domain\.safetensors cannot be read"):
        domain_of(b"no safetensors at all")


def test_slides_left_out_in_turn_set_the_limit_of_patches_that_all_train(
    random: np.random.Generator,
) -> None:
    train = _correlated(random, 6000)
    folds = np.repeat([0, 1, 2], 2000)
    alike = fit_domain(train, left_out_in_turn(train, folds), share=0.02)
    assert (alike.distances(train) > 1).mean() == pytest.approx(0.02, abs=0.005)
    # A slide unlike the others is far from them, so that more has to be borne.
    train[folds == 2] += 6
    assert (
        fit_domain(train, left_out_in_turn(train, folds), share=0.02).distances(train) > 1
    ).mean() < 0.002
    assert (_domain(train, train, share=0.02).distances(train) > 1).mean() > 0.015
