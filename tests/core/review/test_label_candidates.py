import pytest

from core.errors import ReviewError
from core.review import Candidate, CaseOrder, WorklistPlan, build_worklist
from core.review.label_candidates import read_label_candidates, with_label_candidates
from tests.core.review.toys import toy_patch

HEAD = "id,label,prob_tumour,self_confidence,rank\n"


def of(*lines: str) -> bytes:
    return (HEAD + "\n".join(lines) + "\n").encode()


def patches(*labels: int | None) -> list[Candidate]:
    return [Candidate(patch=toy_patch(n, label=label)) for n, label in enumerate(labels)]


def test_listed_patches_come_first_by_rank_and_the_others_by_the_models_doubt() -> None:
    # toy patches: odd numbers score 0.9, even ones 0.1; the labels of 1 and 2 contradict that
    found = read_label_candidates("l", of("patch-003,1,0.9,0.2,2", "patch-000,0,0.1,0.1,1"))
    made = with_label_candidates(patches(0, 0, 1, 1), found)
    worklist = build_worklist(made, WorklistPlan(order=CaseOrder.LABEL_ERROR), threshold=0.5)
    assert [worklist.patches[task.patch].id[-1] for task in worklist.tasks][:2] == ["0", "3"]
    assert {patch.id[-1] for patch in worklist.patches[2:]} == {"1", "2"}


def test_a_patch_without_a_label_gets_the_lists() -> None:
    found = read_label_candidates("l", of("patch-001,0,0.9,0.1,1"))
    made = with_label_candidates(patches(None, None), found)
    assert [one.patch.label for one in made] == [None, 0]


def test_a_list_of_other_labels_or_of_other_patches_is_refused() -> None:
    found = read_label_candidates("l", of("patch-001,0,0.9,0.1,1"))
    with pytest.raises(ReviewError, match="label 0 for patch-001, the batch 1"):
        with_label_candidates(patches(0, 1), found)
    with pytest.raises(ReviewError, match="None of 1 patches"):
        with_label_candidates(patches(0), found)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"id,label\na,1\n", "expected also 'prob_tumour', 'self_confidence', 'rank'"),
        (of("a,2,0.5,0.5,1"), "line 2"),
        (of("a,1,0.5,0.5,1", "b,1,0.5,0.5,0"), "line 3"),
        (of("a,1,0.5,0.5,1", "a,1,0.5,0.5,2"), "twice"),
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is no text"),
    ],
)
def test_what_is_no_list_is_refused_in_words(data: bytes, told: str) -> None:
    with pytest.raises(ReviewError, match=told):
        read_label_candidates("The list", data)
