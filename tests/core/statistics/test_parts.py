import numpy as np
import pytest

from core.errors import EvidenceError
from core.statistics import Evidence, split_slides


def test_the_parts_share_no_slide_and_lose_no_patch(evidence: Evidence) -> None:
    one, two = split_slides(evidence, 0.4, seed=1)
    assert not set(one.slide_names) & set(two.slide_names)
    assert set(one.slide_names) | set(two.slide_names) == set(evidence.slide_names)
    assert len(one) + len(two) == len(evidence)


def test_slides_with_tumour_go_to_both_parts() -> None:
    slides = [f"s{number}" for number in range(20) for _ in range(5)]
    labels = [int(number < 4) for number in range(20) for _ in range(5)]
    one, two = split_slides(Evidence.of(labels, np.linspace(0, 1, 100), slides), 0.5, seed=3)
    assert one.n_positive == two.n_positive == 10


def test_the_seed_repeats_the_split() -> None:
    evidence = Evidence.of([0, 1] * 20, np.linspace(0, 1, 40), [f"s{n // 2}" for n in range(40)])
    digests = [split_slides(evidence, 0.5, seed)[0].digest for seed in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]


def test_two_slides_are_enough_and_one_is_not() -> None:
    two = Evidence.of([0, 1], [0.1, 0.9], ["a", "b"])
    assert [len(part) for part in split_slides(two, 0.5, seed=0)] == [1, 1]
    with pytest.raises(EvidenceError, match="at least 2"):
        split_slides(Evidence.of([0, 1], [0.1, 0.9], ["a", "a"]), 0.5, seed=0)
    with pytest.raises(EvidenceError, match="between 0 and 1"):
        split_slides(two, 1.5, seed=0)
