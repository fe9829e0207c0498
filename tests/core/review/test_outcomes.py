from math import isnan
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from core.review.events import Task
from core.review.outcomes import (
    CALLS,
    agreement,
    between_readers,
    flip_matrix,
    reading_time,
    with_model,
    within_reader,
)
from core.review.record import current_verdicts
from core.review.store import ReviewStore
from core.review.vocabulary import OnScreen, Origin, ReadingMode, Verdict
from tests.core.review.toys import after_ai, given, reading, shown, toy_case, toy_patch

T, N, X = Verdict.TUMOUR, Verdict.NO_TUMOUR, Verdict.CANNOT_JUDGE


def pairs_of(table: list[list[int]]) -> list[tuple[Verdict, Verdict]]:
    return [
        (CALLS[row], CALLS[column])
        for row in (0, 1)
        for column in (0, 1)
        for _ in range(table[row][column])
    ]


@pytest.mark.parametrize("seed", range(6))
def test_kappa_and_its_interval_are_those_of_statsmodels_and_sklearn(seed: int) -> None:
    table = np.random.default_rng(seed).integers(1, 40, (2, 2)).tolist()
    pairs = pairs_of(table)
    measures = agreement(pairs)
    reference = cohens_kappa(np.array(table))
    assert measures.kappa.value == pytest.approx(reference.kappa)
    assert measures.kappa.low == pytest.approx(reference.kappa_low)
    assert measures.kappa.high == pytest.approx(reference.kappa_upp)
    assert measures.kappa.value == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))


def test_kappa_of_the_textbook_example() -> None:
    measures = agreement(pairs_of([[20, 5], [10, 15]]))  # Cohen 1960's form: 0.70 against 0.50
    assert (measures.percent.value, measures.kappa.value, measures.pabak.value) == pytest.approx(
        (0.7, 0.4, 0.4)
    )
    assert measures.percent.covers(0.7)
    assert measures.pabak.low == pytest.approx(2 * measures.percent.low - 1)


def test_kappa_is_undefined_when_both_always_say_the_same() -> None:
    measures = agreement([(N, N)] * 20)
    assert (measures.percent.value, measures.pabak.value) == (1.0, 1.0)
    assert isnan(measures.kappa.value)


def test_no_pairs_give_no_numbers_and_no_error() -> None:
    measures = agreement([(X, N)])
    assert (measures.pairs, measures.not_judged) == (0, 1)
    assert isnan(measures.percent.value)
    assert isnan(measures.kappa.value)


def test_kappa_does_not_depend_on_who_is_first() -> None:
    pairs = pairs_of([[30, 4], [9, 12]])
    swapped = agreement([(b, a) for a, b in pairs])
    assert swapped.kappa.value == pytest.approx(agreement(pairs).kappa.value)
    assert swapped.kappa.low == pytest.approx(agreement(pairs).kappa.low)


@pytest.fixture
def store(tmp_path: Path) -> ReviewStore:
    return ReviewStore(tmp_path / "reviews.sqlite")


def test_repeats_count_for_one_reader_and_not_between_readers(store: ReviewStore) -> None:
    tasks = (
        *(Task(patch=n) for n in range(4)),
        Task(patch=0, origin=Origin.REPEAT),
        Task(patch=1, origin=Origin.REPEAT),
    )
    case = toy_case(tasks=tasks)
    store.append(case)
    for task, verdict in enumerate((T, N, T, N, T, T)):  # the second repeat differs
        store.append(given(case, "Ann", task, verdict))
        store.append(given(case, "Bob", task, T if task else X))
    record = store.record()
    assert within_reader(record, "c1", "Ann").table == ((0, 1), (0, 1))
    between = between_readers(record, ("c1", "Ann"), ("c1", "Bob"))
    assert (between.table, between.not_judged) == (((0, 2), (0, 1)), 1)
    model = with_model(current_verdicts(record, "c1", "Ann"))  # it says N T N T
    assert model.table == ((0, 2), (2, 0))


def test_the_flip_matrix_tells_help_from_harm(store: ReviewStore) -> None:
    labels = (1, 1, 0, 0, None, 1)
    patches = tuple(toy_patch(n, label=label) for n, label in enumerate(labels))
    case = toy_case(mode=ReadingMode.BLIND_FIRST, patches=patches)
    store.append(case)
    steps = ((T, T), (N, T), (N, T), (T, T), (N, T), (T, X))
    for task, (first, second) in enumerate(steps):
        store.append(given(case, "Ann", task, first))
        store.append(shown(case, "Ann", task))
        store.append(after_ai(case, "Ann", task, second))
    flips = flip_matrix(current_verdicts(store.record()))
    assert (flips.right_right, flips.wrong_right, flips.right_wrong, flips.wrong_wrong) == (
        1,
        1,
        1,
        1,
    )
    assert (flips.not_judged, flips.unlabelled) == (1, 1)
    assert flips.helped.covers(0.5)


def test_the_time_of_a_patch_is_the_median_of_the_readings(store: ReviewStore) -> None:
    case = toy_case(patches=tuple(toy_patch(n) for n in range(4)))
    store.append(case)
    for task in range(4):
        told = reading(T, OnScreen.SCORE, seconds=float(task + 1))
        store.append(given(case, "Ann", task, told))
    assert reading_time(current_verdicts(store.record())).median_s == 2.5
