from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ReviewError
from core.review.record import current_verdicts, disputed_patches
from core.review.store import ReviewStore
from core.review.vocabulary import OnScreen, ReadingMode, Verdict
from tests.core.review.toys import (
    after_ai,
    corrected,
    given,
    reading,
    sha256_of_number,
    shown,
    toy_case,
    toy_map,
    toy_patch,
    undone,
)


@pytest.fixture
def store(tmp_path: Path) -> ReviewStore:
    return ReviewStore(tmp_path / "reviews.sqlite")


def test_a_blind_reading_is_taken_on_the_bare_patch_only(store: ReviewStore) -> None:
    for name, mode in (("b", ReadingMode.BLIND_FIRST), ("s", ReadingMode.SECOND_READER)):
        store.append(toy_case(f"first-{name}"))
        of = (f"first-{name}",) if mode is ReadingMode.SECOND_READER else ()
        case = toy_case(name, mode, of=of)
        store.append(case)
        for seen in set(OnScreen) - {OnScreen.SURROUNDINGS}:
            with pytest.raises(ReviewError, match="on the bare patch"):
                store.append(given(case, "Ann", 0, reading(Verdict.TUMOUR, seen)))


def test_the_ai_is_shown_only_after_the_blind_verdict(store: ReviewStore) -> None:
    case = toy_case(mode=ReadingMode.BLIND_FIRST)
    store.append(case)
    with pytest.raises(ReviewError, match="has not yet given the blinded verdict"):
        store.append(shown(case, "Ann", 0))
    store.append(given(case, "Bob", 0))
    with pytest.raises(ReviewError, match="Ann has not yet given the blinded verdict"):
        store.append(shown(case, "Ann", 0))


def test_a_verdict_after_the_ai_needs_both_steps_before_it(store: ReviewStore) -> None:
    case = toy_case(mode=ReadingMode.BLIND_FIRST)
    store.append(case)
    with pytest.raises(ReviewError, match="not there yet"):
        store.append(after_ai(case, "Ann", 0, Verdict.TUMOUR))
    store.append(given(case, "Ann", 0))
    with pytest.raises(ReviewError, match="not there yet"):
        store.append(after_ai(case, "Ann", 0, Verdict.TUMOUR))


def test_the_blind_verdict_is_frozen_once_the_ai_is_shown(store: ReviewStore) -> None:
    case = toy_case(mode=ReadingMode.BLIND_FIRST)
    store.append(case)
    first = store.append(given(case, "Ann", 0, Verdict.NO_TUMOUR))
    store.append(shown(case, "Ann", 0))
    with pytest.raises(ReviewError, match="frozen"):
        store.append(corrected(case, "Ann", 0, first.sequence, reading(Verdict.TUMOUR)))
    with pytest.raises(ReviewError, match="cannot be undone"):
        store.append(undone(case, "Ann", 0, first.sequence))
    second = store.append(after_ai(case, "Ann", 0, Verdict.TUMOUR))
    with pytest.raises(ReviewError, match="the current verdict is event"):
        store.append(corrected(case, "Ann", 0, first.sequence, reading(Verdict.TUMOUR)))
    store.append(undone(case, "Ann", 0, second.sequence))
    store.append(after_ai(case, "Ann", 0, Verdict.CANNOT_JUDGE))
    (verdict,) = current_verdicts(store.record())
    assert verdict.first.reading.verdict is Verdict.NO_TUMOUR
    assert verdict.final.reading.verdict is Verdict.CANNOT_JUDGE


def test_corrections_and_undo_lead_back_step_by_step(store: ReviewStore) -> None:
    case = toy_case()
    store.append(case)
    first = store.append(given(case, "Ann", 1))
    second = store.append(corrected(case, "Ann", 1, first.sequence, reading(Verdict.NO_TUMOUR)))
    with pytest.raises(ReviewError, match=f"is event {second.sequence}"):
        store.append(undone(case, "Ann", 1, first.sequence))
    store.append(undone(case, "Ann", 1, second.sequence))
    assert current_verdicts(store.record())[0].final.sequence == first.sequence
    store.append(undone(case, "Ann", 1, first.sequence))
    assert current_verdicts(store.record()) == ()
    with pytest.raises(ReviewError, match="is none"):
        store.append(undone(case, "Ann", 1, first.sequence))
    store.append(given(case, "Ann", 1, Verdict.CANNOT_JUDGE))
    assert len(store.entries()) == 7  # nothing is ever taken out


def test_nobody_undoes_the_verdict_of_another(store: ReviewStore) -> None:
    case = toy_case()
    store.append(case)
    hers = store.append(given(case, "Ann", 0))
    with pytest.raises(ReviewError, match="cannot be undone"):
        store.append(undone(case, "Bob", 0, hers.sequence))


def test_a_second_verdict_on_the_same_task_is_refused(store: ReviewStore) -> None:
    case = toy_case()
    store.append(case)
    store.append(given(case, "Ann", 0))
    with pytest.raises(ReviewError, match="already"):
        store.append(given(case, "Ann", 0, Verdict.NO_TUMOUR))


def test_a_verdict_on_other_bytes_than_the_task_has_is_refused(store: ReviewStore) -> None:
    case = toy_case()
    store.append(case)
    other = toy_case(patches=tuple(toy_patch(number) for number in range(10, 14)))
    with pytest.raises(ReviewError, match="file has changed"):
        store.append(given(other, "Ann", 0))


def test_the_second_reader_is_somebody_else(store: ReviewStore) -> None:
    first = toy_case("first")
    second = toy_case("second", ReadingMode.SECOND_READER, of=("first",))
    store.append(first)
    store.append(second)
    store.append(given(first, "Ann", 0))
    with pytest.raises(ReviewError, match="someone else"):
        store.append(given(second, "Ann", 1))
    store.append(given(second, "Bob", 1))


def test_only_disputed_patches_go_to_adjudication(store: ReviewStore) -> None:
    first = toy_case("first")
    second = toy_case("second", ReadingMode.SECOND_READER, of=("first",))
    store.append(first)
    store.append(second)
    for task in range(3):
        store.append(given(first, "Ann", task, Verdict.TUMOUR))
        verdict = Verdict.NO_TUMOUR if task == 1 else Verdict.TUMOUR
        store.append(given(second, "Bob", task, verdict))
    assert disputed_patches(store.record(), ("first", "second")) == {sha256_of_number(1)}
    with pytest.raises(ReviewError, match="not in dispute"):
        store.append(toy_case("all", ReadingMode.ADJUDICATION, of=("first", "second")))
    disputed = toy_case(
        "disputed",
        ReadingMode.ADJUDICATION,
        patches=(toy_patch(1),),
        of=("first", "second"),
    )
    store.append(disputed)
    store.append(given(disputed, "Cho", 0, reading(Verdict.TUMOUR, OnScreen.OTHER_VERDICTS)))


def test_other_readers_verdicts_are_not_shown_outside_adjudication(store: ReviewStore) -> None:
    case = toy_case()
    store.append(case)
    with pytest.raises(ReviewError, match="only in an adjudication"):
        store.append(given(case, "Ann", 0, reading(Verdict.TUMOUR, OnScreen.OTHER_VERDICTS)))


def test_a_map_on_the_screen_is_named_and_no_other_is(store: ReviewStore) -> None:
    case = toy_case()
    store.append(case)
    seen = reading(Verdict.TUMOUR, OnScreen.SCORE, OnScreen.CAM)
    with pytest.raises(ReviewError, match="Name method and layer"):
        store.append(given(case, "Ann", 0, replace(seen, map=None)))
    with pytest.raises(ReviewError, match="Name method and layer"):
        store.append(given(case, "Ann", 0, replace(seen, screen=(OnScreen.SCORE,))))
    store.append(given(case, "Ann", 0, seen))
    refused = replace(seen, screen=(OnScreen.SCORE,), map=toy_map(drawn=False))
    store.append(given(case, "Ann", 1, refused))
    assert store.record().state("c1", "Ann", 1).final is not None


def test_a_blinded_reading_knows_of_no_map(store: ReviewStore) -> None:
    case = toy_case(mode=ReadingMode.BLIND_FIRST)
    store.append(case)
    told = replace(reading(Verdict.TUMOUR), map=toy_map(drawn=False))
    with pytest.raises(ReviewError, match="without any information on a map"):
        store.append(given(case, "Ann", 0, told))
