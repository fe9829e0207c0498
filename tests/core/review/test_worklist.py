from dataclasses import replace

import pytest

from core.errors import ReviewError
from core.review.vocabulary import Origin
from core.review.worklist import (
    Candidate,
    CaseOrder,
    Filters,
    Worklist,
    WorklistPlan,
    build_worklist,
    candidates_of,
)
from core.scoring.rows import ScoreRow, Status
from tests.core.review.toys import sha256_of_number, toy_patch

PROBS = (0.05, 0.45, 0.97, 0.6, 0.3)


def candidates(count: int = 5) -> list[Candidate]:
    return [
        Candidate(
            patch=toy_patch(n, label=n % 2, prob=PROBS[n % 5]),
            d4_sd_logit=float(n),
            ring_margin=float(n) if PROBS[n % 5] >= 0.5 else None,
        )
        for n in range(count)
    ]


def order_of(worklist: Worklist) -> list[str]:
    return [worklist.patches[task.patch].id[-1] for task in worklist.tasks]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (CaseOrder.AS_LISTED, "01234"),
        (CaseOrder.SCORE, "23140"),
        (CaseOrder.NEAREST_TO_THRESHOLD, "13402"),
        (CaseOrder.D4_SPREAD, "43210"),
        (CaseOrder.RING_DECIDED, "32014"),
        (CaseOrder.LABEL_ERROR, "21340"),  # 0.97 called no tumour, 0.45 called tumour, …
    ],
)
def test_each_order_puts_first_what_it_names(order: CaseOrder, expected: str) -> None:
    plan = WorklistPlan(order=order)
    assert order_of(build_worklist(candidates(), plan, threshold=0.5)) == list(expected)


def test_patches_without_the_measure_come_last() -> None:
    some = candidates()
    some[4] = replace(some[4], d4_sd_logit=None)
    worklist = build_worklist(some, WorklistPlan(order=CaseOrder.D4_SPREAD), threshold=0.5)
    assert order_of(worklist) == list("32104")
    with pytest.raises(ReviewError, match="Choose another order"):
        build_worklist(
            [replace(candidate, d4_sd_logit=None) for candidate in some],
            WorklistPlan(order=CaseOrder.D4_SPREAD),
            threshold=0.5,
        )


def test_controls_are_drawn_from_all_other_candidates_filtered_out_or_not() -> None:
    plan = WorklistPlan(
        filters=Filters(predicted_label=1), limit=20, control_share=0.25, order=CaseOrder.SCORE
    )
    worklist = build_worklist(candidates(200), plan, threshold=0.5)
    controls = [task for task in worklist.tasks if task.origin is Origin.CONTROL]
    assert (len(worklist.tasks), len(controls)) == (20, 5)
    assert len({patch.sha256 for patch in worklist.patches}) == 20
    ordered = [t for t in worklist.tasks if t.origin is Origin.ORDERED]
    assert all(worklist.patches[task.patch].predicted_label == 1 for task in ordered)
    assert {worklist.patches[task.patch].predicted_label for task in controls} == {0, 1}
    assert ", 25\u00a0% of them random controls; 0\u00a0% hidden repeats on top; " in str(plan)


def test_repeats_come_after_their_originals_with_a_gap() -> None:
    plan = WorklistPlan(limit=100, repeat_share=0.1, repeat_gap=10)
    worklist = build_worklist(candidates(150), plan, threshold=0.5)
    assert len(worklist.tasks) == 110
    late = 0
    for place, task in enumerate(worklist.tasks):
        if task.origin is Origin.REPEAT:
            first = next(n for n, t in enumerate(worklist.tasks) if t.patch == task.patch)
            assert first < place
            late += place - first > 10
    assert late >= 9  # only the queue's very end may leave no room


def test_the_same_seed_gives_the_same_worklist_and_another_seed_another() -> None:
    plan = WorklistPlan(limit=60, control_share=0.2, repeat_share=0.2, seed=3)
    some = candidates(100)
    assert build_worklist(some, plan, threshold=0.5) == build_worklist(some, plan, threshold=0.5)
    other = build_worklist(some, replace(plan, seed=4), threshold=0.5)
    assert other != build_worklist(some, plan, threshold=0.5)


def test_filters_that_nothing_passes_are_refused() -> None:
    plan = WorklistPlan(filters=Filters(slides=frozenset({"elsewhere"})))
    with pytest.raises(ReviewError, match="Loosen them"):
        build_worklist(candidates(), plan, threshold=0.5)


def test_candidates_are_distinct_images_that_could_be_read() -> None:
    def row(name: str, status: Status, sha256: str) -> ScoreRow:
        return ScoreRow(
            name,
            name,
            status,
            0.5,
            0.0,
            1,
            0.5,
            None,
            "v",
            "m",
            sha256,
            "",
            "",
            0.1,
            1,
            "s",
            "test",
        )

    rows = [
        row("a", Status.SCORED, sha256_of_number(1)),
        row("copy of a", Status.SCORED, sha256_of_number(1)),
        row("broken", Status.FAILED, sha256_of_number(2)),
        row("flat", Status.WITHHELD, sha256_of_number(3)),
    ]
    candidates = candidates_of(rows)
    assert [candidate.patch.id for candidate in candidates] == ["a", "flat"]
