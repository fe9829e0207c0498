import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from core.statistics import Confusion, Evidence, OperatingTable, wilson_interval, wilson_of
from core.statistics.intervals import QUANTILE, UPPER, wilson_bounds


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy_and_statsmodels(pair: tuple[int, int]) -> None:
    successes, trials = pair
    wilson = wilson_interval(successes, trials)
    reference = binomtest(successes, trials).proportion_ci(method="wilson")
    assert (wilson.low, wilson.high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    other = proportion_confint(successes, trials, method="wilson")
    assert (wilson.low, wilson.high) == pytest.approx(other, abs=1e-9)
    assert wilson.covers(successes / trials)


def test_wilson_bounds_take_arrays_and_leave_nothing_undefined_as_a_number() -> None:
    low, high = wilson_bounds([0, 5, 0], [10, 10, 0], QUANTILE)
    assert low[0] == 0
    assert high[1] == pytest.approx(wilson_interval(5, 10).high)
    assert np.isnan([low[2], high[2]]).all()


def test_only_shares_of_patches_get_a_wilson_interval() -> None:
    table = Confusion(threshold=0.5, tp=8, fp=2, fn=2, tn=18)
    sensitivity = wilson_of("sensitivity", table)
    assert (sensitivity.low, sensitivity.high) == pytest.approx(
        (binomtest(8, 10).proportion_ci(method="wilson").low, 0.9433), abs=1e-4
    )
    assert (sensitivity.hits, sensitivity.trials) == (8, 10)
    for name in ("f1", "mcc"):
        bare = wilson_of(name, table)
        assert bare.value == table.value(name)
        assert not bare.has_interval
    nothing = OperatingTable.of(Evidence.of([1], [0.5])).confusion(0.5)
    assert np.isnan(wilson_of("specificity", nothing).value)


def test_the_quantile_that_is_written_out_is_scipys() -> None:
    assert float(ndtri(UPPER)) == QUANTILE
