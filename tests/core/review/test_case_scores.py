"""What readers called the patches of a case, as labels to choose a threshold on."""

from pathlib import Path

import pytest

from core.errors import SourceError
from core.review.events import Task
from core.review.outcomes import case_scores, is_finished
from core.review.store import ReviewStore
from core.review.vocabulary import Origin, ReadingMode, Verdict
from tests.core.review.toys import after_ai, given, shown, toy_case, toy_patch

T, N, X = Verdict.TUMOUR, Verdict.NO_TUMOUR, Verdict.CANNOT_JUDGE


@pytest.fixture
def store(tmp_path: Path) -> ReviewStore:
    return ReviewStore(tmp_path / "reviews.sqlite")


def test_labels_are_what_all_readers_who_could_judge_say(store: ReviewStore) -> None:
    case = toy_case(patches=tuple(toy_patch(n) for n in range(5)))
    store.append(case)
    for task, (ann, bob) in enumerate(((T, T), (T, N), (X, N), (X, X), (N, N))):
        store.append(given(case, "Ann", task, ann))
        store.append(given(case, "Bob", task, bob))
    scores = case_scores(store.record(), "c1")
    assert scores.ids.tolist() == ["patch-000", "patch-002", "patch-004"]
    assert scores.evidence.labels.tolist() == [True, False, False]
    assert scores.evidence.scores.tolist() == [0.1, 0.1, 0.1]
    assert (scores.model_id, scores.slides) == ("toy-1", ("s0", "s1", "s2"))
    assert "1 patch not counted: could not be judged." in scores.doubts
    assert any("called differently" in doubt for doubt in scores.doubts)
    assert scores.doubts[0].startswith("The readers saw the score")


def test_the_verdict_before_the_ai_is_the_label_and_repeats_do_not_count(
    store: ReviewStore,
) -> None:
    tasks = (Task(patch=0), Task(patch=1), Task(patch=0, origin=Origin.REPEAT))
    patches = (toy_patch(0), toy_patch(1))
    case = toy_case("c2", ReadingMode.BLIND_FIRST, patches=patches, tasks=tasks)
    store.append(case)
    for task, (blind, final) in enumerate(((T, N), (N, N), (N, N))):
        store.append(given(case, "Ann", task, blind))
        store.append(shown(case, "Ann", task))
        assert not is_finished(store.record(), "c2")
        store.append(after_ai(case, "Ann", task, final))
    assert is_finished(store.record(), "c2")
    scores = case_scores(store.record(), "c2")
    assert scores.evidence.labels.tolist() == [True, False]
    assert not any("saw the score" in doubt for doubt in scores.doubts)


def test_a_case_without_a_verdict_is_refused(store: ReviewStore) -> None:
    store.append(toy_case())
    with pytest.raises(SourceError, match="toy c1 has both a score and a verdict"):
        case_scores(store.record(), "c1")
