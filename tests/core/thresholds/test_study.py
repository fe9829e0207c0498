import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from core.errors import EvidenceError
from core.statistics import (
    METRIC_NAMES,
    Evidence,
    OperatingTable,
    SlideCounts,
    slide_table,
    wilson_of,
)
from core.statistics.metrics import RATIO_METRICS
from core.thresholds import (
    Assumptions,
    GreyZoneTargets,
    ThresholdStudy,
    YoudenIndex,
    choose,
    decision_curve,
    rule_of,
)
from tests.core.statistics.conftest import clustered
from tests.core.thresholds.conftest import score_set


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_snapshot_has_the_numbers_of_the_engine(study: ThresholdStudy, threshold: float) -> None:
    snapshot = study.at(threshold, Assumptions())
    evidence = study.scores.evidence
    assert snapshot.confusion == OperatingTable.of(evidence).confusion(threshold)
    assert tuple(snapshot.metrics) == METRIC_NAMES
    for name, metric in snapshot.metrics.items():
        assert metric.value == pytest.approx(snapshot.confusion.value(name), nan_ok=True)
        if metric.by_slides is not None:
            assert metric.covers(metric.value)
        if name in RATIO_METRICS:
            alone = SlideCounts.of(evidence, threshold).rate(name)
            assert (metric.low, metric.high) == (alone.low, alone.high) or metric.by != "slides"
            assert metric.by_patches == (
                naive if (naive := wilson_of(name, snapshot.confusion)).has_interval else None
            )


def test_counts_agree_with_scikit_learn(study: ThresholdStudy) -> None:
    evidence, found = study.scores.evidence, study.at(0.37, Assumptions()).confusion
    tn, fp, fn, tp = confusion_matrix(evidence.labels, evidence.scores >= 0.37).ravel()
    assert (found.tp, found.fp, found.fn, found.tn) == (tp, fp, fn, tn)
    assert study.auroc.value == pytest.approx(roc_auc_score(evidence.labels, evidence.scores))


def test_values_at_a_stated_prevalence_follow_bayes(study: ThresholdStudy) -> None:
    snapshot = study.at(0.6, Assumptions(prevalence=0.02))
    se, sp = snapshot.confusion.sensitivity, snapshot.confusion.specificity
    assert snapshot.ppv.value == pytest.approx(0.02 * se / (0.02 * se + 0.98 * (1 - sp)))
    assert snapshot.per_thousand.fp == pytest.approx(980 * (1 - sp))
    assert snapshot.ppv.by_slides is not None
    assert snapshot.ppv.by_patches is not None
    assert snapshot.ppv.by_slides.width > snapshot.ppv.by_patches.width


def test_the_slide_table_is_the_engines_and_worst_first(study: ThresholdStudy) -> None:
    rows = study.slides_at(0.4)
    for mine, engine in zip(rows, slide_table(study.scores.evidence, 0.4), strict=True):
        for name in ("slide", "n", "missed", "false_alarms", "error_rate", "small"):
            assert getattr(mine, name) == getattr(engine, name)
        assert mine.sensitivity == pytest.approx(engine.sensitivity, nan_ok=True)
        assert mine.auroc == pytest.approx(engine.auroc, nan_ok=True)
    assert rows[0].errors == max(row.errors for row in rows)


def test_at_its_own_prevalence_a_score_keeps_its_meaning(study: ThresholdStudy) -> None:
    own = study.prevalence
    assert study.probability_in_use(0.3, own) == pytest.approx(0.3)
    curve = study.decision_curve(Assumptions(prevalence=own))
    expected = decision_curve(study.table, curve.probabilities, own)
    assert curve.model == pytest.approx(expected.model, abs=2e-3)


def test_a_rarer_tumour_makes_the_same_score_mean_less(study: ThresholdStudy) -> None:
    in_use = study.probability_in_use(0.5, 0.01)
    odds = 0.01 / 0.99 / (study.prevalence / (1 - study.prevalence))
    assert in_use == pytest.approx(odds / (1 + odds))
    assert study.scores_for(np.array([in_use]), 0.01) == pytest.approx(0.5)


def test_the_net_benefit_of_the_snapshot_lies_on_the_decision_curve(study: ThresholdStudy) -> None:
    assumed = Assumptions(prevalence=0.1)
    curve = study.decision_curve(assumed)
    probability = float(curve.probabilities[60])
    score = float(study.scores_for(curve.probabilities[60:61], 0.1)[0])
    snapshot = study.at(score, assumed)
    assert snapshot.probability_in_use == pytest.approx(probability)
    assert snapshot.net_benefit == pytest.approx(float(curve.model[60]), abs=1e-3)


def test_thinned_curves_are_small_and_pass_through_exact_points(study: ThresholdStudy) -> None:
    assert max(len(study.roc), len(study.precision_recall)) <= 1000
    for x, y, threshold in list(zip(study.roc.x, study.roc.y, study.roc.thresholds, strict=True))[
        1::60
    ]:
        table = study.table.confusion(float(threshold))
        assert 1 - table.specificity == pytest.approx(x)
        assert table.sensitivity == pytest.approx(y)


def test_the_histogram_counts_every_patch_once(study: ThresholdStudy) -> None:
    histogram, evidence = study.histogram, study.scores.evidence
    assert int(histogram.counts[1].sum()) == evidence.n_positive
    assert int(histogram.counts[0].sum()) == evidence.n_negative


def test_a_grey_zone_has_the_numbers_of_the_engine(study: ThresholdStudy) -> None:
    choice = study.choose(GreyZoneTargets(0.02, 0.05))
    expected = choose(GreyZoneTargets(0.02, 0.05), study.scores.evidence)
    assert (choice.lower, choice.threshold) == (expected.lower, expected.threshold)
    deferral = study.at(choice.threshold, Assumptions(), choice.lower).deferral
    assert deferral is not None
    scores, labels = study.scores.evidence.scores, study.scores.evidence.labels
    cleared, flagged = scores < deferral.lower, scores >= choice.threshold
    zone = ~cleared & ~flagged
    assert (deferral.deferred, deferral.tumour) == (zone.sum(), (zone & labels).sum())
    assert deferral.missed.value == pytest.approx((cleared & labels).sum() / labels.sum())
    wrong = (cleared & labels) | (flagged & ~labels)
    assert deferral.errors_outside.value == pytest.approx(wrong.sum() / (~zone).sum())
    assert deferral.share.by_slides is not None


def test_targets_that_one_threshold_meets_leave_no_grey_zone(study: ThresholdStudy) -> None:
    assert study.choose(GreyZoneTargets(0.5, 0.5)).lower is None


@pytest.mark.parametrize(
    ("threshold", "lower", "said"),
    [(1.2, None, "from 0 to 1"), (0.5, 0.5, "below its end"), (0.5, -0.1, "below its end")],
)
def test_thresholds_out_of_order_are_refused(
    study: ThresholdStudy, threshold: float, lower: float | None, said: str
) -> None:
    with pytest.raises(EvidenceError, match=said):
        study.at(threshold, Assumptions(), lower)


def test_without_slides_only_intervals_by_patches_are_given() -> None:
    whole = clustered(rows=300)
    bare = ThresholdStudy.of(score_set(Evidence(whole.labels, whole.scores)))
    snapshot = bare.at(0.5, Assumptions(), 0.2)
    assert all(snapshot.metrics[name].by_slides is None for name in METRIC_NAMES)
    assert snapshot.metrics["sensitivity"].by_patches is not None
    assert snapshot.ppv.by_slides is None
    assert snapshot.deferral is not None
    assert snapshot.deferral.share.by_slides is None
    assert bare.slides_at(0.5) == ()
    assert bare.stability(YoudenIndex()) is None
    assert any("Slides unknown" in note for note in snapshot.notes)


def test_scores_that_separate_the_classes_leave_no_calibration_line() -> None:
    labels = np.arange(40) >= 20
    study = ThresholdStudy.of(score_set(Evidence.of(labels, np.linspace(0.01, 0.99, 40))))
    assert "separate" in str(study.calibration_line)
    assert study.at(0.5, Assumptions()).confusion.fp == 0


@pytest.mark.parametrize(
    "text",
    [
        "fixed:0.5",
        "youden",
        "f1",
        "sensitivity:0.9:estimate",
        "sensitivity:0.9:wilson",
        "specificity:0.8:slides",
        "cost",
        "top:0.2",
        "grey:0.02:0.05:estimate",
    ],
)
def test_every_rule_of_the_page_has_a_text_for_the_url(study: ThresholdStudy, text: str) -> None:
    choice = study.choose(rule_of(text, Assumptions()))
    assert 0 <= choice.threshold <= 1
    assert choice.description


@pytest.mark.parametrize("text", ["", "nonsense", "fixed:x", "top:7", "sensitivity:0.9:luck"])
def test_a_text_that_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(EvidenceError):
        rule_of(text, Assumptions())


def test_costs_state_from_which_probability_flagging_pays() -> None:
    assert Assumptions(0.1, 9.0, 1.0).fair_probability == pytest.approx(0.1)
    for wrong in ((0.0, 1, 1), (0.5, 0, 1), (0.5, 1, -1), (1.0, 1, 1)):
        with pytest.raises(EvidenceError):
            Assumptions(*wrong)


def test_nothing_flagged_leaves_the_rates_of_flagged_undefined(study: ThresholdStudy) -> None:
    snapshot = study.at(1.0, Assumptions())
    assert math.isnan(snapshot.metrics["ppv"].value)
    assert math.isnan(snapshot.net_benefit)
