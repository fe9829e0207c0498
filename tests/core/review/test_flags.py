from pathlib import Path

import pytest

from core.errors import ReviewError
from core.review import (
    Reason,
    ReviewStore,
    Task,
    ai_changes,
    build_worklist,
    current_verdicts,
    filed,
    patches_and_repeats,
    read_patches,
    renamed,
    verify_store,
)
from core.review.vocabulary import Origin, ReadingMode, Verdict
from core.review.worklist import Candidate, CaseOrder, WorklistPlan
from tests.core.review.toys import after_ai, given, shown, toy_case, toy_patch

T, N, X = Verdict.TUMOUR, Verdict.NO_TUMOUR, Verdict.CANNOT_JUDGE


def read_twice(tmp_path: Path, pairs: list[tuple[Verdict, Verdict]]) -> ReviewStore:
    """Patches 1, 3, … are called tumour, 0, 2, … not; see `toy_patch`."""
    store = ReviewStore(tmp_path / "review.sqlite")
    patches = tuple(toy_patch(number) for number in range(len(pairs)))
    case = toy_case(mode=ReadingMode.BLIND_FIRST, patches=patches)
    store.append(case)
    for task, (first, final) in enumerate(pairs):
        store.append(given(case, "Ann", task, first))
        store.append(shown(case, "Ann", task))
        store.append(after_ai(case, "Ann", task, final))
    return store


def test_what_the_ai_changed_is_counted_without_any_label(tmp_path: Path) -> None:
    pairs = [(T, N), (N, T), (T, T), (T, N), (N, X), (X, T), (N, N)]
    store = read_twice(tmp_path, pairs)
    changes = ai_changes(current_verdicts(store.record()))
    assert changes.table == ((1, 2, 0), (1, 1, 1), (1, 0, 0))
    assert (changes.read, changes.changed) == (7, 5)
    assert changes.to_model == 3  # patches 0, 1 and 5
    assert changes.from_model == 2  # patches 3 and 4
    assert changes.otherwise == 0


def test_a_patch_is_flagged_for_each_reason_that_holds_and_for_no_other(tmp_path: Path) -> None:
    store = read_twice(tmp_path, [(N, N), (T, N), (X, X)])
    patches = read_patches(current_verdicts(store.record()))
    assert [patch.number for patch in patches] == [1, 2, 3]
    assert [patch.reasons for patch in patches] == [
        (),
        (Reason.AGAINST_MODEL, Reason.CHANGED),
        (Reason.CANNOT_JUDGE,),
    ]


def test_a_case_that_is_renamed_and_archived_keeps_every_event(tmp_path: Path) -> None:
    store = read_twice(tmp_path, [(N, N), (T, N)])
    before, case = store.links(), store.record().case("c1")
    store.append(renamed(store.record(), case, "Ann", "Node 7"))
    store.append(filed(store.record().case("c1"), "Ann", archived=True))
    record = store.record()
    assert record.case("c1").name == "Node 7"
    assert record.filings["c1"].archived
    assert record.filings["c1"].opened_at == store.entries()[1].payload.at
    assert store.links()[: len(before)] == before
    assert len(current_verdicts(record, "c1")) == 2
    assert verify_store(store.path).ok


def test_an_archived_case_takes_no_verdict_until_it_is_back(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "review.sqlite")
    store.append(toy_case())
    case = store.record().case("c1")
    store.append(filed(case, "lead", archived=True))
    with pytest.raises(ReviewError, match="archived"):
        store.append(given(case, "Ann", 0))
    store.append(filed(case, "lead", archived=False))
    store.append(given(case, "Ann", 0))
    assert not ReviewStore(store.path).record().filings["c1"].archived


@pytest.mark.parametrize("readings", [1, 10, 11, 20, 62, 200])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_a_worklist_is_as_long_as_was_asked_repeats_included(readings: int, share: float) -> None:
    patches, repeats = patches_and_repeats(readings, share)
    candidates = [Candidate(patch=toy_patch(number)) for number in range(300)]
    plan = WorklistPlan(order=CaseOrder.AS_LISTED, limit=patches, repeat_share=repeats)
    made = build_worklist(candidates, plan, threshold=0.5)
    assert len(made.tasks) == readings
    again = sum(task.origin is Origin.REPEAT for task in made.tasks)
    assert len(made.patches) == readings - again
    assert again == pytest.approx(share * patches, abs=1)
    assert all(isinstance(task, Task) for task in made.tasks)
