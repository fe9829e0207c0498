"""Toy evidence: small, tied, single-precision and clustered sets that the claims are tried on."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from core.statistics import Evidence

Make = Callable[..., Evidence]


def clustered(
    rows: int = 2000,
    slides: int = 24,
    *,
    seed: int = 0,
    decimals: int | None = None,
    dtype: type = np.float64,
) -> Evidence:
    """Patches on slides with a slide effect; two fifths of the slides carry most of the tumour."""
    rng = np.random.default_rng(seed)
    slide: NDArray[np.int64] = rng.integers(0, slides, rows)
    effect = rng.normal(0.0, 0.8, slides)
    share = np.where(np.arange(slides) < 0.4 * slides, 0.85, 0.1)
    labels = rng.random(rows) < share[slide]
    signal = 1.6 * labels - 0.8 + effect[slide] + rng.normal(0.0, 1.0, rows)
    scores = 1 / (1 + np.exp(-signal))
    if decimals is not None:
        scores = scores.round(decimals)
    names = np.array([f"slide_{number:03d}" for number in range(slides)])
    return Evidence.of(labels, scores.astype(dtype), names[slide])


@pytest.fixture(
    params=[
        pytest.param({}, id="float64"),
        pytest.param({"dtype": np.float32}, id="float32"),
        pytest.param({"decimals": 1}, id="tied"),
        pytest.param({"decimals": 2, "dtype": np.float32}, id="tied-float32"),
        pytest.param({"rows": 40, "slides": 5}, id="tiny"),
    ]
)
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Evidence of each kind that has ever broken a threshold."""
    return clustered(**request.param)


@pytest.fixture
def make() -> Make:
    """Builds clustered evidence: rows, slides, seed, decimals, dtype."""
    return clustered
