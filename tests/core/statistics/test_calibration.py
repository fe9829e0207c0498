from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from scipy.stats import t as student_t
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from core.errors import EvidenceError
from core.statistics import Evidence, calibration_line, log_loss, reliability
from core.statistics.calibration import fit_temperature


def test_brier_and_log_loss_equal_scikit_learn(evidence: Evidence) -> None:
    scores = evidence.scores.astype(np.float64)
    diagram = reliability(evidence)
    assert diagram.brier == pytest.approx(sk.brier_score_loss(evidence.labels, scores))
    expected = sk.log_loss(evidence.labels, np.clip(scores, 1e-7, 1 - 1e-7))
    assert log_loss(evidence) == pytest.approx(expected, rel=1e-9)


def test_bins_equal_scikit_learn(make: Callable[..., Evidence]) -> None:
    evidence = make(rows=3000)
    diagram = reliability(evidence, bins=10)
    share, mean = calibration_curve(evidence.labels, evidence.scores, n_bins=10)
    assert [b.tumour_share.value for b in diagram.bins] == pytest.approx(share.tolist())
    assert [b.mean_score for b in diagram.bins] == pytest.approx(mean.tolist())
    assert sum(b.n for b in diagram.bins) == len(evidence)


def test_hand_worked_calibration_error() -> None:
    # Bin 0..0.5 says 0.2 and holds 1 tumour in 2; bin 0.5..1 says 0.7 and holds 1 in 2.
    diagram = reliability(Evidence.of([1, 0, 1, 0], [0.1, 0.3, 0.6, 0.8]), bins=2)
    assert diagram.ece == pytest.approx((0.3 + 0.2) / 2)
    assert [b.n for b in diagram.bins] == [2, 2]


def test_a_score_on_an_edge_belongs_to_the_bin_above_and_one_to_the_last() -> None:
    diagram = reliability(Evidence.of([0, 1, 1], [0.0, 0.5, 1.0]), bins=2)
    assert [b.n for b in diagram.bins] == [1, 2]


def test_a_bin_begins_at_the_number_that_a_reader_would_write() -> None:
    scores = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]
    found = reliability(Evidence.of([0, 1] * 5, scores))
    assert [str(b.low) for b in found.bins] == [f"0.{tenth}" for tenth in range(10)]


def test_bins_carry_slide_intervals_wider_than_wilson() -> None:
    slides = np.repeat([f"s{number}" for number in range(20)], 100)
    labels = np.repeat(np.arange(20) % 2, 100)  # each slide is all tumour or none
    diagram = reliability(Evidence.of(labels, np.full(2000, 0.5), slides)).bins[0]
    share = diagram.tumour_share
    assert share.by_slides is not None
    assert share.by_patches is not None
    assert share.by_slides.width > 3 * share.by_patches.width


def test_the_line_equals_statsmodels_logistic_regression(evidence: Evidence) -> None:
    odds = logit(np.clip(evidence.scores.astype(np.float64), 1e-7, 1 - 1e-7))
    labels = evidence.labels.astype(float)
    model = sm.GLM(labels, sm.add_constant(odds), family=sm.families.Binomial()).fit(tol=1e-12)
    large = sm.GLM(labels, np.ones((len(odds), 1)), offset=odds, family=sm.families.Binomial())
    alone = calibration_line(Evidence.of(evidence.labels, evidence.scores))
    assert (alone.intercept, alone.slope.value) == pytest.approx(tuple(model.params), abs=1e-7)
    assert alone.intercept_at_slope_1 == pytest.approx(large.fit(tol=1e-12).params[0], abs=1e-7)
    assert (alone.slope.low, alone.slope.high) == pytest.approx(
        tuple(model.conf_int()[1]), abs=1e-6
    )
    assert alone.slope.by == "patches"


def test_the_slide_sandwich_equals_statsmodels(evidence: Evidence) -> None:
    odds = logit(np.clip(evidence.scores.astype(np.float64), 1e-7, 1 - 1e-7))
    model = sm.Logit(evidence.labels.astype(float), sm.add_constant(odds)).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": evidence.slide_codes}
    )
    quantile = student_t.ppf(0.975, len(evidence.slide_names) - 1)
    error = calibration_line(evidence).slope.width / 2 / quantile
    # statsmodels also corrects for the number of rows, which is not what is random here.
    rows = len(evidence)
    assert error == pytest.approx(model.bse[1] / np.sqrt((rows - 1) / (rows - 2)), rel=1e-5)


def test_perfect_probabilities_have_slope_one_and_intercept_zero() -> None:
    rng = np.random.default_rng(1)
    truth = expit(rng.normal(0, 2, 100_000))
    line = calibration_line(Evidence.of(rng.random(100_000) < truth, truth))
    assert line.slope.value == pytest.approx(1, abs=0.03)
    assert line.intercept == pytest.approx(0, abs=0.03)
    assert line.slope.covers(1)


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(EvidenceError, match="through a sigmoid"):
        reliability(Evidence.of([0, 1], [-3.0, 4.0]))


def test_separated_classes_have_no_line_and_no_temperature() -> None:
    apart = Evidence.of([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    with pytest.raises(EvidenceError, match="separate"):
        calibration_line(apart)
    with pytest.raises(EvidenceError, match="right side"):
        fit_temperature(apart)
    with pytest.raises(EvidenceError, match="both classes"):
        calibration_line(Evidence.of([1, 1], [0.1, 0.9]))


def test_the_temperature_undoes_a_known_sharpening() -> None:
    rng = np.random.default_rng(2)
    odds = rng.normal(0, 1.5, 200_000)
    labels = rng.random(200_000) < expit(odds)
    sharp = Evidence.of(labels, expit(2.5 * odds))
    assert fit_temperature(sharp) == pytest.approx(2.5, rel=0.03)


def test_the_temperature_is_the_minimum_that_a_blind_search_finds(evidence: Evidence) -> None:
    odds = logit(np.clip(evidence.scores.astype(np.float64), 1e-7, 1 - 1e-7))

    def loss(temperature: float) -> float:
        scaled = np.clip(expit(odds / temperature), 1e-15, 1 - 1e-15)
        return float(sk.log_loss(evidence.labels, scaled))

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-7})
    assert fit_temperature(evidence) == pytest.approx(best.x, rel=1e-4)


def test_scores_that_point_the_wrong_way_have_no_temperature() -> None:
    with pytest.raises(EvidenceError, match="do not increase"):
        fit_temperature(Evidence.of([1, 0, 1, 0], [0.1, 0.9, 0.2, 0.6]))
