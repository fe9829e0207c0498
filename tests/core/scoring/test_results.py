from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.scoring import (
    Filter,
    Order,
    Outcome,
    ScoreRow,
    Status,
    outcome,
    outcome_counts,
    score_histogram,
    select,
    shared_folder,
)

BLANK = ScoreRow(
    id="i", path="a/i.png", status=Status.SCORED, prob_tumour=None, logit=None,
    predicted_label=None, threshold=0.5, lower_threshold=None, operating_point="shipped",
    model_id="m", sha256="", reason="", note="", d4_sd_logit=None, label=None, slide=None,
    split=None,
)  # fmt: skip


def scored(score: float, path: str = "a/i.png", *, lower: float = 0.5) -> ScoreRow:
    called = 1 if score >= 0.5 else None if score >= lower else 0
    return replace(BLANK, prob_tumour=score, predicted_label=called, path=path)


FAILED = replace(BLANK, status=Status.FAILED, reason="Not a readable image", path="b/bad.png")
WITHHELD = replace(BLANK, status=Status.WITHHELD, reason="one flat colour", path="b/glass.png")
ROWS = [
    scored(0.9, "a/z.png"),
    FAILED,
    scored(0.1, "a/y.png"),
    scored(0.45, "a/x.png", lower=0.4),
    WITHHELD,
    scored(0.6, "a/w.png"),
]


def test_every_input_ends_as_exactly_one_thing() -> None:
    assert outcome_counts(ROWS) == {
        Outcome.TUMOUR: 2,
        Outcome.GREY_ZONE: 1,
        Outcome.NO_TUMOUR: 1,
        Outcome.WITHHELD: 1,
        Outcome.FAILED: 1,
    }


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.HIGHEST, [0, 5, 3, 2, 1, 4]),
        (Order.LOWEST, [2, 3, 5, 0, 1, 4]),
        (Order.NEAREST, [3, 5, 0, 2, 1, 4]),
        (Order.INPUT, [0, 1, 2, 3, 4, 5]),
        (Order.PATH, [5, 3, 2, 0, 1, 4]),
    ],
)
def test_rows_without_a_score_come_last_when_sorted_by_score(
    order: Order, expected: list[int]
) -> None:
    assert select(ROWS, Filter(), order) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(outcomes=frozenset({Outcome.FAILED, Outcome.WITHHELD})), [1, 4]),
        (Filter(score_low=0.45, score_high=0.6), [3, 5]),
        (Filter(score_low=0.0, score_high=0.1), [2]),
        (Filter(text="FLAT"), [4]),
        (Filter(text=" a/ "), [0, 2, 3, 5]),
        (Filter(outcomes=frozenset({Outcome.TUMOUR}), text="b/"), []),
    ],
)
def test_filters_keep_what_they_name(wanted: Filter, expected: list[int]) -> None:
    assert select(ROWS, wanted, Order.INPUT) == expected


def test_a_folder_below_the_chosen_one_is_found_by_its_name() -> None:
    rows = [scored(0.9, f"case 7/block {n // 2}/{n}.png") for n in range(4)]
    for text, found in (("Block 1", [2, 3]), ("case", []), ("7/", [0, 1, 2, 3])):
        assert select(rows, Filter(text=text), Order.INPUT) == found
    assert select([scored(0.9, "a.png")], Filter(text="a"), Order.INPUT) == [0]


def test_a_folder_is_found_by_its_name_while_only_its_files_are_scored() -> None:
    rows = [scored(0.9, f"case 7/block 1/{n}.png") for n in range(2)]
    folder = shared_folder([*(row.path for row in rows), "case 7/block 2/0.png"])
    assert folder == "case 7/"
    assert select(rows, Filter(text="block 1"), Order.INPUT, folder=folder) == [0, 1]
    assert select(rows, Filter(text="case"), Order.INPUT, folder=folder) == []


@given(st.lists(st.floats(0, 1), max_size=60), st.sampled_from(Order))
def test_no_row_is_lost_or_doubled_by_sorting(scores: list[float], order: Order) -> None:
    rows = [scored(score) for score in scores]
    assert sorted(select(rows, Filter(), order)) == list(range(len(rows)))


@given(st.lists(st.floats(0, 1), max_size=60))
def test_the_histogram_counts_every_score_once(scores: list[float]) -> None:
    rows = [scored(score) for score in scores]
    histogram = score_histogram(rows)
    assert sum(int(counts.sum()) for counts in histogram.counts.values()) == len(scores)
    np.testing.assert_array_equal(histogram.edges[[0, -1]], [0, 1])
    assert histogram.counts[Outcome.TUMOUR].sum() == sum(outcome(r) is Outcome.TUMOUR for r in rows)
