import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from core.statistics import further_patches, further_slides, slide_rate


@pytest.mark.parametrize(("hits", "trials"), [(19, 20), (27, 30), (30, 30), (15, 40)])
def test_so_many_further_patches_and_no_fewer_give_the_width(hits: int, trials: int) -> None:
    more = further_patches(hits, trials, 0.1)
    assert more is not None

    def width(n: int) -> float:
        low, high = proportion_confint(hits / trials * n, n, method="wilson")
        return float(high - low)

    assert more > 0
    assert width(trials + more) <= 0.1 + 1e-9
    assert width(trials + more - 1) > 0.1


def test_enough_patches_need_no_more_and_none_cannot_tell() -> None:
    assert further_patches(950, 1000, 0.1) == 0
    assert further_patches(0, 0, 0.1) is None
    assert further_patches(1, 2, 0.01) is None


def test_so_many_further_slides_like_these_give_the_width() -> None:
    rng = np.random.default_rng(5)
    trials = np.full(12, 20)
    hits = rng.binomial(20, rng.beta(9, 1, 12))
    more = further_slides(hits, trials, 0.1)
    assert more is not None
    assert more > 0
    copies = (12 + more) / 12

    def width(times: int) -> float:
        return slide_rate(np.tile(hits, times), np.tile(trials, times)).width

    assert width(int(np.ceil(copies))) <= 0.1
    assert width(int(np.ceil(copies)) - 1) > 0.1


def test_slides_that_do_not_count_change_nothing() -> None:
    hits, trials = np.array([9, 7, 10, 8]), np.full(4, 10)
    without = further_slides(hits, trials, 0.1)
    assert further_slides([*hits, 0, 0], [*trials, 0, 0], 0.1) == without
    assert further_slides([9], [10], 0.1) is None


def test_uneven_slides_need_more_than_as_many_independent_patches() -> None:
    hits, trials = np.array([20] * 9 + [0]), np.full(10, 20)
    slides, patches = further_slides(hits, trials, 0.1), further_patches(180, 200, 0.1)
    assert slides is not None
    assert patches == 0
    assert slides > 10
