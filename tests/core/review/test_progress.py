from pathlib import Path

import pytest

from core.review.progress import CaseProgress, next_position, progress, shown_now, unread
from core.review.store import ReviewStore
from core.review.vocabulary import ReadingMode, Verdict
from tests.core.review.toys import after_ai, given, shown, toy_case, undone


@pytest.fixture
def store(tmp_path: Path) -> ReviewStore:
    return ReviewStore(tmp_path / "reviews.sqlite")


def test_progress_reads_as_a_sentence() -> None:
    under_way = "37 of 212, 12 against the model, about 9 minutes left"
    assert str(CaseProgress(37, 212, 12, 3.1)) == under_way
    assert str(CaseProgress(1, 2, 1, 3.0)) == "1 of 2, 1 against the model, less than a minute left"
    assert str(CaseProgress(0, 212, 0, None)) == "0 of 212, 0 against the model"
    assert str(CaseProgress(212, 212, None, 3.0)) == "212 of 212"


def test_progress_counts_overrides_and_goes_on_where_the_reader_stopped(
    store: ReviewStore,
) -> None:
    case = toy_case()
    store.append(case)
    store.append(given(case, "Ann", 0, Verdict.TUMOUR))  # the model says no tumour
    last = store.append(given(case, "Ann", 1, Verdict.TUMOUR))  # and here it says tumour
    again = ReviewStore(store.path)
    assert progress(again.record(), "c1", "Ann") == CaseProgress(2, 4, 1, 4.0)
    assert next_position(again.record(), "c1", "Ann") == 2
    assert next_position(again.record(), "c1", "Bob") == 0
    again.append(undone(case, "Ann", 1, last.sequence))
    assert next_position(again.record(), "c1", "Ann") == 1
    assert next(unread(again.record(), "c1", "Ann", after=1)) == 2


def test_a_task_of_blind_first_is_done_only_after_the_second_verdict(store: ReviewStore) -> None:
    case = toy_case(mode=ReadingMode.BLIND_FIRST)
    store.append(case)
    store.append(given(case, "Ann", 0))
    store.append(shown(case, "Ann", 0))
    assert next_position(store.record(), "c1", "Ann") == 0
    store.append(after_ai(case, "Ann", 0, Verdict.NO_TUMOUR))
    assert next_position(store.record(), "c1", "Ann") == 1


def test_score_and_call_are_withheld_until_the_record_allows_them(store: ReviewStore) -> None:
    case = toy_case(mode=ReadingMode.BLIND_FIRST)
    store.append(case)
    assert shown_now(store.record(), "c1", "Ann", 1).patch is None
    store.append(given(case, "Ann", 1))
    assert shown_now(store.record(), "c1", "Ann", 1).patch is None
    store.append(shown(case, "Ann", 1))
    visible = shown_now(store.record(), "c1", "Ann", 1)
    assert visible.patch is not None
    assert visible.patch.prob_tumour == 0.9
    assert visible.awaits_ai_verdict
    assert shown_now(store.record(), "c1", "Bob", 1).patch is None


def test_a_blinded_second_reader_is_not_told_of_overrides(store: ReviewStore) -> None:
    store.append(toy_case("first"))
    case = toy_case("second", ReadingMode.SECOND_READER, of=("first",))
    store.append(case)
    store.append(given(case, "Bob", 0, Verdict.TUMOUR))
    assert progress(store.record(), "second", "Bob").overrides is None
    assert shown_now(store.record(), "second", "Bob", 0).patch is None
