import numpy as np

from training.learning.randomness import balanced_order


def test_a_balanced_order_draws_both_classes_as_often() -> None:
    labels = (np.arange(10_000) % 10 == 0).astype(np.int8)
    order = balanced_order(0, 3, labels)
    assert len(order) == len(labels)
    assert abs(labels[order].mean() - 0.5) < 0.02
    np.testing.assert_array_equal(order, balanced_order(0, 3, labels))
    assert not np.array_equal(order, balanced_order(0, 4, labels))
