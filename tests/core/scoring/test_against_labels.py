from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_score,
    recall_score,
    roc_auc_score,
)

from core.scoring import LabelCheck, ScoreRow, batch_scores, check_labels
from core.statistics import Evidence
from tests.core.scoring.test_results import FAILED, WITHHELD, scored


def batch(count: int = 200, seed: int = 3) -> list[ScoreRow]:
    """Patches whose scores tell their labels now and then, on five slides."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    scores = np.clip(random.normal(0.35 + 0.3 * labels, 0.25), 0.001, 0.999).round(2)
    return [
        replace(scored(float(score), f"{at}.png"), label=int(label), slide=f"s{at % 5}")
        for at, (score, label) in enumerate(zip(scores, labels, strict=True))
    ]


def checked(rows: list[ScoreRow]) -> LabelCheck:
    check = check_labels(rows)
    assert check is not None
    return check


def test_rates_and_area_are_those_of_scikit_learn() -> None:
    rows = batch()
    labels = [row.label for row in rows]
    calls = [row.predicted_label for row in rows]
    check = checked([FAILED, *rows, WITHHELD])
    assert check.auroc.value == pytest.approx(
        roc_auc_score(labels, [row.prob_tumour for row in rows])
    )
    expected = {
        "sensitivity": recall_score(labels, calls),
        "specificity": recall_score(labels, calls, pos_label=0),
        "ppv": precision_score(labels, calls),
        "npv": precision_score(labels, calls, pos_label=0),
        "accuracy": accuracy_score(labels, calls),
    }
    assert {name: rate.value for name, rate in check.rates.items()} == pytest.approx(expected)
    (tn, fp), (fn, tp) = confusion_matrix(labels, calls)
    assert [check.counts[key] for key in ((0, 0), (0, 1), (1, 0), (1, 1))] == [tn, fp, fn, tp]


def test_every_wrong_call_is_named_the_most_wrong_first() -> None:
    rows = batch()
    check = checked(rows)
    wrong = {at for at, row in enumerate(rows) if row.predicted_label != row.label}
    assert {*check.missed, *check.false_alarms} == wrong
    missed = [rows[at].prob_tumour for at in check.missed]
    alarms = [rows[at].prob_tumour or 0 for at in check.false_alarms]
    assert missed == sorted(missed, key=lambda score: score or 0)
    assert alarms == sorted(alarms, reverse=True)


def test_a_patch_in_the_grey_zone_is_counted_and_not_called_tumour() -> None:
    grey = replace(scored(0.45, lower=0.4), label=1)
    check = checked([grey, replace(scored(0.9), label=1), replace(scored(0.1), label=0)])
    assert check.counts[1, None] == 1
    assert check.rates["sensitivity"].value == 0.5
    assert check.missed == (0,)


def test_patches_of_unknown_slide_count_as_one_slide_as_on_every_page() -> None:
    rows = batch()
    some = [*rows[:100], *(replace(row, slide=None) for row in rows[100:])]
    unknown = [replace(row, slide=None) for row in rows]
    known, mixed, none = checked(rows), checked(some), checked(unknown)
    assert (known.notes, none.notes, none.evidence.slides) == ((), (), None)
    assert mixed.notes == ("100 patches without a slide are treated as one more slide.",)
    named = [replace(row, id=f"p{at}") for at, row in enumerate(some)]
    assert mixed.evidence.digest == batch_scores("b", named).evidence.digest
    for name, rate in mixed.rates.items():
        assert rate.by_slides is not None
        assert rate.width > none.rates[name].width


def test_a_batch_without_labels_has_nothing_to_check() -> None:
    assert check_labels([scored(0.9), FAILED, replace(WITHHELD, label=1)]) is None


def test_the_interval_of_the_area_resamples_slides_where_they_are_known() -> None:
    random = np.random.default_rng(4)
    labels = np.tile([0, 1], 60)
    slides = np.repeat([f"s{number}" for number in range(6)], 20)
    shifts = np.repeat(random.normal(0, 1, 6), 20)
    scores = expit(labels * 2 + shifts + random.normal(0, 0.5, 120))
    counts = {(label, call): 0 for label in (0, 1) for call in (0, 1, None)}
    with_slides, without = (
        LabelCheck(Evidence.of(labels, scores, one), 0.5, counts, (), ()).auroc
        for one in (slides, None)
    )
    assert with_slides.by_slides
    assert not without.by_slides
    assert with_slides.value == without.value
    assert with_slides.high - with_slides.low > without.high - without.low
