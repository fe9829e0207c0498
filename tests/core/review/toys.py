"""Toy cases and readings for the review's tests."""

import hashlib
from pathlib import Path

from core.review.events import (
    AiShown,
    CaseOpened,
    CasePatch,
    Corrected,
    MapShown,
    Reading,
    Task,
    Undone,
    VerdictAfterAi,
    VerdictGiven,
)
from core.review.store import ReviewStore
from core.review.vocabulary import OnScreen, ReadingMode, Verdict


def sha256_of_number(number: int) -> str:
    """Return a hash that stands for the patch of that number."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def toy_patch(number: int, *, label: int | None = None, prob: float | None = None) -> CasePatch:
    """Return a patch; the model calls every second one tumour."""
    probability = (0.9 if number % 2 else 0.1) if prob is None else prob
    return CasePatch(
        sha256=sha256_of_number(number),
        id=f"patch-{number:03d}",
        prob_tumour=probability,
        predicted_label=int(probability >= 0.5),
        label=label,
        slide=f"s{number % 3}",
    )


def toy_case(
    case: str = "c1",
    mode: ReadingMode = ReadingMode.AI_FIRST,
    *,
    patches: tuple[CasePatch, ...] | None = None,
    tasks: tuple[Task, ...] | None = None,
    of: tuple[str, ...] = (),
) -> CaseOpened:
    """Return a case of four patches unless others are given."""
    patches = patches or tuple(toy_patch(number) for number in range(4))
    return CaseOpened(
        case=case,
        reader="lead",
        name=f"toy {case}",
        mode=mode,
        model_id="toy-1",
        operating_point="shipped",
        threshold=0.5,
        order="as listed",
        patches=patches,
        tasks=tasks or tuple(Task(patch=index) for index in range(len(patches))),
        of=of,
    )


def reading(
    verdict: Verdict = Verdict.TUMOUR, *screen: OnScreen, seconds: float = 4.0, comment: str = ""
) -> Reading:
    """Return a reading; blinded unless something is on the screen."""
    return Reading(
        verdict=verdict,
        screen=screen,
        seconds=seconds,
        comment=comment,
        map=toy_map() if OnScreen.CAM in screen else None,
    )


def toy_map(*, drawn: bool = True) -> MapShown:
    """Return what is recorded of a map."""
    return MapShown(model_id="toy-1", method="cam", layer="last", target="tumour", drawn=drawn)


def given(
    case: CaseOpened, reader: str, task: int, what: Reading | Verdict = Verdict.TUMOUR
) -> VerdictGiven:
    """Return the first verdict of a reader on a task."""
    return VerdictGiven(
        case=case.case,
        reader=reader,
        task=task,
        sha256=case.patches[case.tasks[task].patch].sha256,
        model_id=case.model_id,
        operating_point=case.operating_point,
        reading=what if isinstance(what, Reading) else reading(what),
    )


def shown(case: CaseOpened, reader: str, task: int) -> AiShown:
    """Return that the AI is shown to a reader on a task."""
    sha256 = case.patches[case.tasks[task].patch].sha256
    return AiShown(case=case.case, reader=reader, task=task, sha256=sha256)


def after_ai(case: CaseOpened, reader: str, task: int, verdict: Verdict) -> VerdictAfterAi:
    """Return the verdict with the score in view."""
    return VerdictAfterAi(
        case=case.case,
        reader=reader,
        task=task,
        sha256=case.patches[case.tasks[task].patch].sha256,
        model_id=case.model_id,
        operating_point=case.operating_point,
        reading=reading(verdict, OnScreen.SCORE),
    )


def corrected(case: CaseOpened, reader: str, task: int, corrects: int, what: Reading) -> Corrected:
    """Return a correction of an earlier event."""
    sha256 = case.patches[case.tasks[task].patch].sha256
    return Corrected(
        case=case.case, reader=reader, task=task, sha256=sha256, corrects=corrects, reading=what
    )


def undone(case: CaseOpened, reader: str, task: int, undoes: int) -> Undone:
    """Return that a step is taken back."""
    sha256 = case.patches[case.tasks[task].patch].sha256
    return Undone(case=case.case, reader=reader, task=task, sha256=sha256, undoes=undoes)


def filled_store(path: Path, verdicts: int = 6) -> ReviewStore:
    """Return a store with a case of that many patches, each read once by Ann."""
    store = ReviewStore(path)
    case = toy_case(patches=tuple(toy_patch(number) for number in range(verdicts)))
    store.append(case)
    for task in range(verdicts):
        store.append(given(case, "Ann", task, Verdict.TUMOUR if task % 2 else Verdict.NO_TUMOUR))
    return store
