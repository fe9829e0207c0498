"""Patches unlike the training data: in rows, filters and orders, and when there are too many."""

import pytest
from scipy.stats import binomtest

from core.scoring import Filter, Order, ScoreRow, select, unlike_training
from core.scoring.rows import is_unlike
from tests.toys import toy_row


def _rows(distances: list[float | None]) -> list[ScoreRow]:
    return [
        toy_row(domain_distance=distance, unlike_training=is_unlike(distance))
        for distance in distances
    ]


def test_the_limit_is_a_distance_of_one() -> None:
    assert [is_unlike(d) for d in (None, 0.2, 1.0, 1.01)] == [None, 0, 0, 1]


def test_the_filter_keeps_only_patches_unlike_the_training_data() -> None:
    rows = _rows([0.5, 2.0, None, 1.5])
    assert select(rows, Filter(unlike=True), Order.INPUT) == [1, 3]


def test_the_order_begins_with_the_greatest_distance() -> None:
    rows = _rows([0.5, 2.0, None, 1.5])
    assert select(rows, Filter(), Order.UNLIKE) == [1, 3, 0, 2]


@pytest.mark.parametrize(("unlike", "of"), [(1, 60), (3, 60), (4, 60), (20, 1000), (25, 1000)])
def test_more_than_chance_is_the_one_sided_binomial_test_at_one_in_a_hundred(
    unlike: int, of: int
) -> None:
    rows = _rows([2.0] * unlike + [0.5] * (of - unlike) + [None] * 7)
    found = unlike_training(rows, 0.01)
    assert (found.unlike, found.compared) == (unlike, of)
    p_value = binomtest(unlike, of, 0.01, alternative="greater").pvalue
    assert found.more_than_chance == (p_value < 0.01)
