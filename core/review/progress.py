"""How far a reader is in a case, where to go on, and each step as events that a page writes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from core.errors import ReviewError
from core.review.events import (
    AiShown,
    CaseFiled,
    CaseOpened,
    CasePatch,
    Corrected,
    Reading,
    Undone,
    VerdictAfterAi,
    VerdictGiven,
)
from core.review.record import CurrentVerdict, Record, StandingReading, current_verdicts
from core.review.vocabulary import OnScreen, ReadingMode


@dataclass(frozen=True, slots=True)
class CaseProgress:
    """How far a reader is.

    Attributes:
        done: Tasks through with.
        total: Tasks in all, hidden repeats included, so that they stay hidden.
        overrides: Verdicts that contradict the model's call; None where telling it would tell a
            blinded reader what the model says.
        median_s: Median seconds per patch, None before the first.
    """

    done: int
    total: int
    overrides: int | None
    median_s: float | None

    @property
    def seconds_left(self) -> float | None:
        """Median seconds per patch times what is left; None before the first verdict."""
        return None if self.median_s is None else self.median_s * (self.total - self.done)

    def __str__(self) -> str:
        """Return "37 of 212, 12 against the model, about 9 minutes left"."""
        parts = [f"{self.done} of {self.total}"]
        if self.overrides is not None:
            parts.append(f"{self.overrides} against the model")
        if self.seconds_left is not None and self.done < self.total:
            parts.append(_time_left(self.seconds_left))
        return ", ".join(parts)


def _time_left(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 90:
        return f"about {minutes} minute{'' if minutes == 1 else 's'} left"
    return f"about {seconds / 3600:.1f} hours left"


def progress(record: Record, case: str, reader: str) -> CaseProgress:
    """Return how far a reader is in a case."""
    opened = record.case(case)
    done = [
        verdict
        for verdict in current_verdicts(record, case, reader)
        if verdict.state.done(opened.mode)
    ]
    blinded = opened.mode is ReadingMode.SECOND_READER
    return CaseProgress(
        done=len(done),
        total=len(opened.tasks),
        overrides=None if blinded else sum(verdict.overrides_model for verdict in done),
        median_s=median(seconds_spent(verdict) for verdict in done) if done else None,
    )


def seconds_spent(verdict: CurrentVerdict) -> float:
    """Return the seconds spent on a task: both readings where there are two."""
    after = verdict.state.after_ai
    return verdict.first.reading.seconds + (after.reading.seconds if after else 0.0)


def unread(record: Record, case: str, reader: str, *, after: int = -1) -> Iterator[int]:
    """Yield the tasks that a reader is not through with: those behind a position, then the rest."""
    opened = record.case(case)
    total = len(opened.tasks)
    around = ((after + 1 + step) % total for step in range(total))
    return (at for at in around if not record.state(case, reader, at).done(opened.mode))


def next_position(record: Record, case: str, reader: str) -> int | None:
    """Return the first task that a reader is not through with; None if all are done."""
    return next(unread(record, case, reader), None)


@dataclass(frozen=True, slots=True)
class ShownTask:
    """What a page may draw of a task now.

    Attributes:
        position: In the worklist.
        sha256: Of the patch.
        patch: With score and call; None as long as the reader is blind to them.
        awaits_ai_verdict: Whether the blinded verdict is given and the AI shown.
    """

    position: int
    sha256: str
    patch: CasePatch | None
    awaits_ai_verdict: bool


def shown_now(record: Record, case: str, reader: str, position: int) -> ShownTask:
    """Return what a reader may see of a task, given what is on record.

    Score and call are left out until the record allows them, so that a page cannot draw them by
    mistake. The label is never among what may be drawn before the verdict: use
    `core.review.outcomes` afterwards.
    """
    opened = record.case(case)
    if not 0 <= position < len(opened.tasks):
        raise ReviewError(f"Found task {position}; {opened.name} has {len(opened.tasks)}, from 0.")
    patch = opened.patches[opened.tasks[position].patch]
    state = record.state(case, reader, position)
    return ShownTask(
        position=position,
        sha256=patch.sha256,
        patch=replace(patch, label=None) if state.may_see_ai(opened.mode) else None,
        awaits_ai_verdict=state.ai_shown and state.after_ai is None,
    )


def patch_at(case: CaseOpened, position: int) -> CasePatch:
    """Return the patch at a place of a worklist, with its label: not to be drawn."""
    return case.patches[case.tasks[position].patch]


def verdict_event(
    record: Record, case: CaseOpened, reader: str, position: int, reading: Reading
) -> VerdictGiven | VerdictAfterAi:
    """Return the first verdict, or the one after the AI where that has been shown."""
    kind = VerdictAfterAi if record.state(case.case, reader, position).ai_shown else VerdictGiven
    return kind(
        **_on_task(case, reader, position),
        model_id=case.model_id,
        operating_point=case.operating_point,
        reading=reading,
    )


def may_correct(record: Record, case: CaseOpened, reader: str, position: int) -> bool:
    """Whether a reader's verdict on a task stands and is not frozen half way."""
    state = record.state(case.case, reader, position)
    return state.done(case.mode)


def correction_event(
    record: Record, case: CaseOpened, reader: str, position: int, reading: Reading
) -> Corrected:
    """Return a reading that replaces the one that stands.

    Raises:
        ReviewError: There is none.
    """
    standing = record.state(case.case, reader, position).final
    if standing is None:
        raise ReviewError("There is no verdict on this patch to correct. Read it first.")
    place = _on_task(case, reader, position)
    return Corrected(**place, corrects=standing.sequence, reading=reading)


def ai_shown_event(case: CaseOpened, reader: str, position: int) -> AiShown:
    """Return that score and map are about to be drawn."""
    return AiShown(**_on_task(case, reader, position))


def _on_task(case: CaseOpened, reader: str, position: int) -> dict[str, Any]:
    """Return what every event on a task says of it."""
    sha256 = patch_at(case, position).sha256
    return {"case": case.case, "reader": reader, "task": position, "sha256": sha256}


def renamed(record: Record, case: CaseOpened, reader: str, name: str) -> CaseFiled:
    """Return that a case has another name from here on."""
    archived = record.filings[case.case].archived
    return CaseFiled(case=case.case, reader=reader, name=name, archived=archived)


def filed(case: CaseOpened, reader: str, *, archived: bool) -> CaseFiled:
    """Return that a case is put away, or back."""
    return CaseFiled(case=case.case, reader=reader, name=case.name, archived=archived)


def awaits_ai(record: Record, case: CaseOpened, reader: str, position: int) -> bool:
    """Whether a blinded verdict stands and the AI has yet to be shown, as after a crash."""
    state = record.state(case.case, reader, position)
    return case.mode is ReadingMode.BLIND_FIRST and state.first is not None and not state.ai_shown


def screen_of(
    patch: CasePatch | None, *, with_map: bool, adjudicated: bool, around: bool = False
) -> tuple[OnScreen, ...]:
    """Return what is drawn beside a patch; no score or map of one whose score may not be seen."""
    surroundings = (OnScreen.SURROUNDINGS,) if around else ()
    if patch is None:
        return surroundings
    shown = [OnScreen.SCORE]
    if with_map:
        shown.append(OnScreen.CAM)
    if adjudicated:
        shown.append(OnScreen.OTHER_VERDICTS)
    return (*shown, *surroundings)


@dataclass(frozen=True, slots=True)
class Undoable:
    """The reader's last step in a case that can be taken back.

    Attributes:
        position: Of the task.
        event: The undo, ready to be written.
        taken_back: The verdict that goes; None if the step was another one.
    """

    position: int
    event: Undone
    taken_back: StandingReading | None


def undoable(record: Record, case: CaseOpened, reader: str) -> Undoable | None:
    """Return the last step that an undo would take back; None if all is frozen or nothing done."""
    steps = [
        (state.last_step, position, state)
        for (held, who, position), state in record.tasks.items()
        if held == case.case and who == reader and state.last_step is not None
    ]
    if not steps:
        return None
    last, position, state = max(steps, key=lambda step: step[0])
    event = Undone(**_on_task(case, reader, position), undoes=last)
    standing = state.final
    reading = standing if standing is not None and standing.sequence == last else None
    return Undoable(position, event, reading)
