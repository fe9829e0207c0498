import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import EvidenceError
from core.statistics import Evidence, SlideCounts, slide_table


def test_hand_worked_table_has_the_worst_slide_first() -> None:
    evidence = Evidence.of(
        labels=[1, 0, 1, 0, 0, 0],
        scores=[0.9, 0.1, 0.2, 0.8, 0.7, 0.3],
        slides=["good", "good", "bad", "bad", "normal", "normal"],
    )
    bad, normal, good = slide_table(evidence, 0.5)
    assert (bad.slide, bad.errors, bad.missed, bad.false_alarms) == ("bad", 2, 1, 1)
    assert (bad.sensitivity, bad.specificity, bad.auroc) == (0, 0, 0)
    assert (normal.slide, normal.errors, normal.error_rate) == ("normal", 1, 0.5)
    assert np.isnan([normal.sensitivity, normal.auroc]).all()
    assert (good.slide, good.errors, good.auroc) == ("good", 0, 1)
    assert bad.small


def test_rows_sum_to_the_whole_and_equal_scikit_learn(evidence: Evidence) -> None:
    rows = slide_table(evidence, 0.5)
    whole = SlideCounts.of(evidence, 0.5).total()
    assert sum(row.n for row in rows) == len(evidence)
    assert sum(row.missed for row in rows) == whole.fn
    assert sum(row.false_alarms for row in rows) == whole.fp
    assert [row.errors for row in rows] == sorted((row.errors for row in rows), reverse=True)
    assert evidence.slides is not None
    for row in rows:
        here = evidence.select(evidence.slides == row.slide)
        if here.n_positive and here.n_negative:
            assert row.auroc == pytest.approx(roc_auc_score(here.labels, here.scores))


def test_without_slides_there_is_no_table() -> None:
    with pytest.raises(EvidenceError, match="no slide names"):
        slide_table(Evidence.of([0, 1], [0.1, 0.9]), 0.5)
