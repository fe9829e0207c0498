"""A reader's steps through a case as the events that a page writes."""

from dataclasses import dataclass

from core.review.errors import ReviewError
from core.review.events import (
    AiShown,
    CaseFiled,
    CaseOpened,
    CasePatch,
    Commented,
    Corrected,
    Reading,
    Undone,
    VerdictAfterAi,
    VerdictGiven,
)
from core.review.record import Record, StandingReading
from core.review.vocabulary import OnScreen, ReadingMode


def patch_at(case: CaseOpened, position: int) -> CasePatch:
    """Return the patch at a place of a worklist, with its label: not to be drawn."""
    return case.patches[case.tasks[position].patch]


def verdict_event(
    record: Record, case: CaseOpened, reader: str, position: int, reading: Reading
) -> VerdictGiven | VerdictAfterAi:
    """Return the first verdict, or the one after the AI where that has been shown."""
    kind = VerdictAfterAi if record.state(case.case, reader, position).ai_shown else VerdictGiven
    return kind(
        case=case.case,
        reader=reader,
        task=position,
        sha256=patch_at(case, position).sha256,
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
    return Corrected(
        case=case.case,
        reader=reader,
        task=position,
        sha256=patch_at(case, position).sha256,
        corrects=standing.sequence,
        reading=reading,
    )


def ai_shown_event(case: CaseOpened, reader: str, position: int) -> AiShown:
    """Return that score and map are about to be drawn."""
    sha256 = patch_at(case, position).sha256
    return AiShown(case=case.case, reader=reader, task=position, sha256=sha256)


def comment_event(case: CaseOpened, reader: str, position: int, text: str) -> Commented:
    """Return a remark beside the verdict."""
    sha256 = patch_at(case, position).sha256
    return Commented(case=case.case, reader=reader, task=position, sha256=sha256, text=text)


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
    patch: CasePatch | None, *, with_map: bool, adjudicated: bool
) -> tuple[OnScreen, ...]:
    """Return what is drawn beside a patch; nothing of a patch whose score may not be seen."""
    if patch is None:
        return ()
    shown = [OnScreen.SCORE]
    if with_map:
        shown.append(OnScreen.CAM)
    if adjudicated:
        shown.append(OnScreen.OTHER_VERDICTS)
    return tuple(shown)


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
    sha256 = patch_at(case, position).sha256
    event = Undone(case=case.case, reader=reader, task=position, sha256=sha256, undoes=last)
    standing = state.final
    told = standing if standing is not None and standing.sequence == last else None
    return Undoable(position, event, told)
