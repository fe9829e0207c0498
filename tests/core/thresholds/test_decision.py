import warnings

import numpy as np
import pandas as pd
import pytest

from core.errors import EvidenceError
from core.statistics import Confusion, Evidence, OperatingTable
from core.thresholds import (
    Assumptions,
    decision_curve,
    expected_cost,
    per_thousand,
    predictive_values,
)

TABLE = Confusion(threshold=0.5, tp=90, fp=40, fn=10, tn=160)


def test_hand_worked_predictive_values() -> None:
    ppv, npv = predictive_values(TABLE, prevalence=0.1)
    # 90 of 100 tumours found, 180 false alarms among 900.
    assert ppv.value == pytest.approx(90 / 270)
    assert npv.value == pytest.approx(720 / 730)
    counts = per_thousand(TABLE, prevalence=0.1)
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == pytest.approx((90, 180, 10, 720))


def test_at_its_own_prevalence_the_values_are_those_of_the_table() -> None:
    ppv, npv = predictive_values(TABLE, prevalence=1 / 3)
    assert (ppv.value, npv.value) == pytest.approx((TABLE.value("ppv"), TABLE.value("npv")))


def test_the_interval_is_the_published_logit_delta_form() -> None:
    # Mercaldo et al. 2007, var(logit PPV) = (1 - se) / (se n1) + sp / ((1 - sp) n0).
    ppv, _ = predictive_values(TABLE, prevalence=0.1)
    half = 1.959963985 * np.sqrt(0.1 / 0.9 / 100 + 0.8 / 0.2 / 200)
    odds = np.log(0.5)
    expected = [1 / (1 + np.exp(-(odds - half))), 1 / (1 + np.exp(-(odds + half)))]
    assert [ppv.low, ppv.high] == pytest.approx(expected)


def test_the_interval_covers_as_it_says() -> None:
    rng = np.random.default_rng(1)
    tp, tn = rng.binomial(200, 0.85, 1000), rng.binomial(400, 0.9, 1000)
    hits = np.zeros(2)
    true = predictive_values(Confusion(0.5, tp=85, fp=10, fn=15, tn=90), 0.05)
    for a, d in zip(tp.tolist(), tn.tolist(), strict=True):
        values = predictive_values(Confusion(0.5, tp=a, fp=400 - d, fn=200 - a, tn=d), 0.05)
        hits += [one.covers(is_.value) for one, is_ in zip(values, true, strict=True)]
    assert (hits >= 930).all()
    assert (hits <= 970).all()


def test_expected_cost_of_the_model_and_of_doing_all_or_nothing() -> None:
    cost = expected_cost(TABLE, Assumptions(0.1, 20, 1))
    assert cost.model == pytest.approx(0.1 * 20 * 0.1 + 0.9 * 1 * 0.2)
    assert cost.flag_all == pytest.approx(0.9)
    assert cost.flag_none == pytest.approx(2.0)


@pytest.mark.parametrize("prevalence", [0.4, 0.05])
def test_net_benefit_equals_dcurves(evidence: Evidence, prevalence: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference's own use of pandas
        import dcurves  # noqa: PLC0415

        reference = dcurves.dca(
            data=pd.DataFrame({"label": evidence.labels.astype(int), "m": evidence.scores}),
            outcome="label",
            modelnames=["m"],
            thresholds=np.arange(0.05, 0.95, 0.0625),
            prevalence=prevalence,
        )
    of_model = reference[reference["model"] == "m"]
    curve = decision_curve(OperatingTable.of(evidence), of_model["threshold"], prevalence)
    np.testing.assert_allclose(curve.model, of_model["net_benefit"], atol=1e-9)
    of_all = reference[reference["model"] == "all"]["net_benefit"]
    np.testing.assert_allclose(curve.flag_all, of_all, atol=1e-9)
    assert not curve.flag_none.any()


@pytest.mark.parametrize(
    ("assumed", "what"),
    [((0.0, 1, 1), "prevalence of 0"), ((5, 1, 1), "prevalence of 5"), ((0.1, -1, 1), "costs")],
)
def test_impossible_assumptions_are_refused(assumed: tuple[float, ...], what: str) -> None:
    with pytest.raises(EvidenceError, match=what):
        Assumptions(*assumed)
