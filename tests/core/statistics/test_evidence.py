import numpy as np
import pytest

from core.errors import EvidenceError
from core.statistics import Evidence


def test_float32_scores_stay_float32_and_whole_numbers_become_float64() -> None:
    assert Evidence.of([0, 1], np.array([0.1, 0.9], np.float32)).scores.dtype == np.float32
    assert Evidence.of([0, 1], np.array([0.1, 0.9], np.float16)).scores.dtype == np.float32
    assert Evidence.of([0, 1], [1, 2]).scores.dtype == np.float64


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [
        ([], [], "no patches"),
        ([0, 1], [0.5], r"scores of shape \(1,\)"),
        ([0, 2], [0.1, 0.2], r"labels such as \[2\]"),
        (["0", "1"], [0.1, 0.2], "labels such as"),
        ([0, 1], [0.1, np.nan], "1 scores that are NaN"),
        ([0, 1], [0.1, np.inf], "1 scores that are NaN or infinite"),
        ([0, 1], ["a", "b"], "scores of type"),
    ],
)
def test_bad_evidence_is_refused_with_what_was_found(
    labels: list[int], scores: list[float], said: str
) -> None:
    with pytest.raises(EvidenceError, match=said):
        Evidence.of(labels, scores)


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_a_patch_without_slide_is_refused(missing: object) -> None:
    with pytest.raises(EvidenceError, match="Row 1 has no slide name"):
        Evidence.of([0, 1], [0.1, 0.9], slides=np.array(["a", missing], dtype=object))


def test_what_was_checked_cannot_be_changed_afterwards() -> None:
    scores = np.array([0.1, 0.9])
    evidence = Evidence.of([0, 1], scores)
    with pytest.raises(ValueError, match="read-only"):
        evidence.scores[0] = 1
    scores[0] = 1  # the caller's own array stays the caller's
    assert evidence.scores[0] == 0.1


def test_the_digest_tells_evidence_apart_and_nothing_else() -> None:
    base = Evidence.of([0, 1], [0.0, 0.9], ["a", "b"])
    assert base.digest == Evidence.of([False, True], [-0.0, 0.9], ["a", "b"]).digest
    others = [
        Evidence.of([1, 1], [0.0, 0.9], ["a", "b"]),
        Evidence.of([0, 1], [0.0, 0.8], ["a", "b"]),
        Evidence.of([0, 1], [0.0, 0.9], ["a", "c"]),
        Evidence.of([0, 1], [0.0, 0.9]),
        Evidence.of([0, 1], np.array([0.0, 0.9], np.float32), ["a", "b"]),
        Evidence.of([1, 0], [0.9, 0.0], ["b", "a"]),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 7


def test_the_digest_is_the_one_that_was_written_down() -> None:
    digest = Evidence.of([0, 1], [0.25, 0.75], ["a", "b"]).digest
    assert digest == "e93d6899b51974bb9cd6e99e05c5f463eea8d6982d5b5d87e5fa7f80174374ac"


def test_slides_are_coded_in_alphabetical_order() -> None:
    evidence = Evidence.of([0, 1, 1], [0.1, 0.5, 0.9], ["b", "a", "b"])
    assert evidence.slide_names == ("a", "b")
    assert evidence.slide_codes.tolist() == [1, 0, 1]


def test_small_groups_are_said_to_be_small() -> None:
    notes = " ".join(Evidence.of([0, 1], [0.1, 0.9], ["a", "b"]).notes())
    assert "Only 1 positive patch:" in notes
    assert "Only 1 negative patch:" in notes
    assert "Only 2 slides" in notes
    assert "Only 1 slide:" in Evidence.of([0, 1], [0.1, 0.9], ["a", "a"]).notes()[-1]
    assert "Slides unknown" in Evidence.of([0, 1], [0.1, 0.9]).notes()[-1]
    many = Evidence.of([0, 1] * 40, np.linspace(0, 1, 80), [f"s{n % 20}" for n in range(80)])
    assert many.notes() == ()
