import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from core.errors import EvidenceError
from core.statistics import (
    METRIC_NAMES,
    Evidence,
    OperatingTable,
    average_precision,
    precision_recall_curve,
    roc_curve,
)


def brute(evidence: Evidence, threshold: float) -> tuple[int, int, int, int]:
    flagged = evidence.scores >= evidence.scores.dtype.type(threshold)
    tn, fp, fn, tp = sk.confusion_matrix(evidence.labels, flagged, labels=[False, True]).ravel()
    return int(tp), int(fp), int(fn), int(tn)


def test_every_query_equals_the_brute_force_comparison(evidence: Evidence) -> None:
    table = OperatingTable.of(evidence)
    rng = np.random.default_rng(1)
    asked = [*rng.random(50).tolist(), *evidence.scores[:50].tolist(), 0.0, 0.5, 1.0]
    asked += [0.1, 0.3, 0.7, -np.inf, np.inf, 1e300, -1e300]
    many = table.confusions([value for value in asked if abs(value) < 1e300])
    for row, threshold in enumerate(value for value in asked if abs(value) < 1e300):
        confusion = table.confusion(threshold)
        assert (confusion.tp, confusion.fp, confusion.fn, confusion.tn) == brute(
            evidence, threshold
        )
        cells = (many.tp, many.fp, many.fn, many.tn)
        assert tuple(float(cell[row]) for cell in cells) == brute(evidence, threshold)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=1, max_size=40),
    st.floats(-0.5, 1.5),
)
def test_float32_scores_are_compared_in_float32(
    rows: list[tuple[bool, float]], threshold: float
) -> None:
    labels, scores = zip(*rows, strict=True)
    evidence = Evidence.of(labels, np.array(scores, dtype=np.float32))
    confusion = OperatingTable.of(evidence).confusion(threshold)
    assert (confusion.tp, confusion.fp, confusion.fn, confusion.tn) == brute(evidence, threshold)
    # NumPy's own comparison with a Python float is the same.
    assert confusion.flagged == np.count_nonzero(evidence.scores >= threshold)


def test_an_observed_float32_score_survives_the_way_through_text() -> None:
    score = np.float32(0.7)
    evidence = Evidence.of([1, 0], np.array([score, 0.1], dtype=np.float32))
    assert OperatingTable.of(evidence).confusion(float(str(score))).tp == 1
    assert OperatingTable.of(evidence).confusion(float(score)).tp == 1


def test_a_nan_threshold_is_refused() -> None:
    table = OperatingTable.of(Evidence.of([0, 1], [0.1, 0.9]))
    with pytest.raises(EvidenceError, match="NaN"):
        table.confusion(float("nan"))
    with pytest.raises(EvidenceError, match="NaN"):
        table.confusions([0.1, np.nan])


def test_hand_worked_ties() -> None:
    # Scores 0.9: one tumour; 0.5: two tumour, one not; 0.1: one not.
    table = OperatingTable.of(Evidence.of([1, 1, 1, 0, 0], [0.9, 0.5, 0.5, 0.5, 0.1]))
    assert table.thresholds.tolist() == [0.9, 0.5, 0.1]
    assert table.tp.tolist() == [1, 3, 3]
    assert table.fp.tolist() == [0, 1, 2]
    assert roc_curve(table).x.tolist() == [0, 0, 0.5, 1]
    assert average_precision(table) == pytest.approx(1 / 3 * 1 + 2 / 3 * 3 / 4)


def test_curves_equal_scikit_learn(evidence: Evidence) -> None:
    table = OperatingTable.of(evidence)
    fpr, tpr, _ = sk.roc_curve(evidence.labels, evidence.scores, drop_intermediate=False)
    ours = roc_curve(table)
    np.testing.assert_allclose(ours.x, fpr, atol=1e-12)
    np.testing.assert_allclose(ours.y, tpr, atol=1e-12)
    precision, recall, _ = sk.precision_recall_curve(evidence.labels, evidence.scores)
    curve = precision_recall_curve(table)
    np.testing.assert_allclose(curve.y[::-1], precision[:-1], atol=1e-12)
    np.testing.assert_allclose(curve.x[::-1], recall[:-1], atol=1e-12)
    expected = sk.average_precision_score(evidence.labels, evidence.scores)
    assert average_precision(table) == pytest.approx(expected, abs=1e-12)


def test_metrics_equal_scikit_learn(evidence: Evidence) -> None:
    confusion = OperatingTable.of(evidence).confusion(0.5)
    labels, flagged = evidence.labels, evidence.scores >= 0.5
    plus, minus = sk.class_likelihood_ratios(labels, flagged)
    expected = {
        "sensitivity": sk.recall_score(labels, flagged),
        "specificity": sk.recall_score(labels, flagged, pos_label=0),
        "ppv": sk.precision_score(labels, flagged),
        "npv": sk.precision_score(labels, flagged, pos_label=0),
        "f1": sk.f1_score(labels, flagged),
        "accuracy": sk.accuracy_score(labels, flagged),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, flagged),
        "mcc": sk.matthews_corrcoef(labels, flagged),
        "lr_plus": plus,
        "lr_minus": minus,
        "flagged_share": flagged.mean(),
    }
    assert set(expected) == set(METRIC_NAMES)
    assert {name: confusion.value(name) for name in METRIC_NAMES} == pytest.approx(
        expected, abs=1e-12
    )


def test_one_class_leaves_what_is_undefined_as_nan() -> None:
    table = OperatingTable.of(Evidence.of([1, 1], [0.2, 0.8]))
    confusion = table.confusion(0.5)
    assert confusion.sensitivity == 0.5
    assert np.isnan(confusion.specificity)
    assert np.isnan(confusion.value("lr_plus"))
    assert np.isnan(roc_curve(table).x).all()
    assert np.isnan(average_precision(OperatingTable.of(Evidence.of([0], [0.2]))))


def test_the_order_of_the_rows_does_not_matter(evidence: Evidence) -> None:
    shuffled = evidence.select(np.random.default_rng(3).permutation(len(evidence)))
    one, other = OperatingTable.of(evidence), OperatingTable.of(shuffled)
    np.testing.assert_array_equal(one.thresholds, other.thresholds)
    np.testing.assert_array_equal(one.tp, other.tp)
    np.testing.assert_array_equal(one.fp, other.fp)


def test_a_monotone_transform_moves_thresholds_but_no_counts() -> None:
    rng = np.random.default_rng(4)
    labels, scores = rng.random(500) < 0.4, rng.random(500)
    one = OperatingTable.of(Evidence.of(labels, scores))
    other = OperatingTable.of(Evidence.of(labels, np.log(scores)))
    np.testing.assert_array_equal(one.tp, other.tp)
    np.testing.assert_array_equal(one.fp, other.fp)


def test_a_thinned_curve_keeps_its_ends_its_hull_and_its_shape() -> None:
    rng = np.random.default_rng(5)
    labels = rng.random(50_000) < 0.4
    curve = roc_curve(OperatingTable.of(Evidence.of(labels, labels + rng.normal(0, 1, 50_000))))
    thin = curve.thinned(1000)
    assert len(thin) <= 1000
    assert (thin.x[0], thin.y[0]) == (0, 0)
    assert (thin.x[-1], thin.y[-1]) == (1, 1)
    # Youden's point is a corner of the hull, so it is drawn where it is.
    assert (thin.y - thin.x).max() == (curve.y - curve.x).max()
    assert np.abs(np.interp(curve.x, thin.x, thin.y) - curve.y).max() < 0.005


def test_a_220_025_row_table_equals_the_brute_force() -> None:
    rng = np.random.default_rng(6)
    labels = rng.random(220_025) < 0.405
    scores = rng.beta(2, 2, 220_025).astype(np.float32)
    evidence = Evidence.of(labels, scores)
    table = OperatingTable.of(evidence)
    for threshold in rng.random(20).tolist():
        confusion = table.confusion(threshold)
        assert (confusion.tp, confusion.fp, confusion.fn, confusion.tn) == brute(
            evidence, threshold
        )
