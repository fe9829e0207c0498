"""What the store lets happen, and who must not see results yet: blinding, freezing, no proxies."""

from collections.abc import Mapping
from typing import Final

from core.errors import ReviewError
from core.review import events
from core.review.progress import next_position
from core.review.record import Record, TaskState, disputed_patches
from core.review.vocabulary import OnScreen, ReadingMode

_EARLIER_CASES: Final[Mapping[ReadingMode, str]] = {
    ReadingMode.SECOND_READER: "one",
    ReadingMode.ADJUDICATION: "one or more",
}


def require_allowed(record: Record, event: events.Event) -> None:
    """Do nothing if an event may follow the record.

    Raises:
        ReviewError: It may not: a blinded reading with something on the screen, a verdict after
            the AI before the first one, a change of a frozen verdict, and the like.
    """
    if isinstance(event, events.StoreMigrated):
        return
    if isinstance(event, events.CaseOpened):
        _case_may_open(record, event)
        return
    case = record.case(event.case)
    if isinstance(event, events.CaseFiled):
        return
    if record.filings[event.case].archived:
        raise ReviewError(f"The case {case.name} is archived. Restore it to continue.")
    if event.task >= len(case.tasks):
        raise ReviewError(
            f"Found task {event.task}; the case {case.name} has {len(case.tasks)}, from 0."
        )
    expected = case.patches[case.tasks[event.task].patch].sha256
    if event.sha256 != expected:
        raise ReviewError(
            f"The patch shown has SHA-256 {event.sha256[:12]}…; task {event.task} is on "
            f"{expected[:12]}…. The file has changed since the case was opened. Re-score it."
        )
    state = record.state(event.case, event.reader, event.task)
    if isinstance(event, events.VerdictGiven):
        _verdict(record, case, state, event)
    elif isinstance(event, events.AiShown):
        _ai_shown(case, state, event)
    elif isinstance(event, events.VerdictAfterAi):
        _after_ai(case, state, event)
    elif isinstance(event, events.Corrected):
        _correction(case, state, event)
    elif isinstance(event, events.Undone):
        _undo(state, event)


def _case_may_open(record: Record, event: events.CaseOpened) -> None:
    if event.case in record.cases:
        raise ReviewError(
            f"The case {event.case} is already open. Give the new one a different id."
        )
    if not event.tasks:
        raise ReviewError("The worklist is empty; loosen the filters.")
    hashes = [patch.sha256 for patch in event.patches]
    if len(set(hashes)) != len(hashes):
        raise ReviewError("A patch appears twice in the case; list each once, repeats as tasks.")
    if any(task.patch >= len(event.patches) for task in event.tasks):
        raise ReviewError("A task of the worklist names a patch that the case does not have.")
    for earlier in event.of:
        record.case(earlier)
    needed = _EARLIER_CASES.get(event.mode, "no")
    counts = {"no": (0, 0), "one": (1, 1), "one or more": (1, len(record.cases))}
    least, most = counts[needed]
    if not least <= len(event.of) <= most:
        raise ReviewError(
            f"Found {len(event.of)} earlier cases; the mode '{event.mode}' refers to {needed}."
        )
    if event.mode is ReadingMode.ADJUDICATION:
        agreed = set(hashes) - disputed_patches(record, event.of)
        if agreed:
            raise ReviewError(
                f"{len(agreed)} of {len(hashes)} patches are not in dispute in the earlier cases. "
                "Adjudicate only the disputed patches."
            )


def _require_screen(case: events.CaseOpened, reading: events.Reading, *, after_ai: bool) -> None:
    screen = set(reading.screen)
    if len(screen) != len(reading.screen):
        raise ReviewError("Something appears twice in the list of what was on the screen.")
    screen.discard(OnScreen.SURROUNDINGS)  # they tell nothing of the model or of others
    drawn = reading.map is not None and reading.map.drawn
    if drawn != (OnScreen.CAM in screen):
        raise ReviewError("Name method and layer of every map that was drawn, and of no other.")
    blinded = case.mode is ReadingMode.SECOND_READER or (
        case.mode is ReadingMode.BLIND_FIRST and not after_ai
    )
    if blinded and reading.map is not None and not screen:
        raise ReviewError(
            f"The mode '{case.mode}' takes this verdict without any information on a map."
        )
    if blinded and screen:
        raise ReviewError(
            f"The mode '{case.mode}' takes this verdict on the bare patch; found on the screen: "
            f"{', '.join(sorted(screen))}. Draw nothing but the patch."
        )
    if after_ai and not screen & {OnScreen.SCORE, OnScreen.CAM}:
        raise ReviewError("A verdict after the AI needs score or map on the screen.")
    if OnScreen.OTHER_VERDICTS in screen and case.mode is not ReadingMode.ADJUDICATION:
        raise ReviewError("Other readers' verdicts are shown only in an adjudication.")


def _verdict(
    record: Record, case: events.CaseOpened, state: TaskState, event: events.VerdictGiven
) -> None:
    if state.first is not None:
        raise ReviewError(
            f"{event.reader} has already given a verdict on task {event.task} (event "
            f"{state.first.sequence}). Correct it, or undo it."
        )
    _require_screen(case, event.reading, after_ai=False)
    if case.mode is ReadingMode.SECOND_READER and record.has_read(case.of[0], event.reader):
        raise ReviewError(
            f"{event.reader} gave verdicts in the first reading; the second reader must be "
            "someone else."
        )


def _ai_shown(case: events.CaseOpened, state: TaskState, event: events.AiShown) -> None:
    if case.mode is not ReadingMode.BLIND_FIRST:
        raise ReviewError(f"The mode '{case.mode}' has no step at which the AI is shown.")
    if state.first is None:
        raise ReviewError(
            f"{event.reader} has not yet given the blinded verdict on task {event.task}; it comes "
            "before score and map."
        )
    if state.ai_shown:
        raise ReviewError("Score and map have already been shown.")


def _after_ai(case: events.CaseOpened, state: TaskState, event: events.VerdictAfterAi) -> None:
    if state.first is None or not state.ai_shown:
        raise ReviewError(
            "A verdict after the AI needs the blinded verdict first, and then the AI shown; "
            f"task {event.task} is not there yet."
        )
    if state.after_ai is not None:
        raise ReviewError("The verdict after the AI has already been given. Correct it.")
    _require_screen(case, event.reading, after_ai=True)


def _correction(case: events.CaseOpened, state: TaskState, event: events.Corrected) -> None:
    if state.ai_shown and state.after_ai is None:
        raise ReviewError(
            "The blinded verdict has been frozen since the AI was shown; give the verdict after "
            "the AI."
        )
    standing = state.final
    if standing is None or standing.sequence != event.corrects:
        verdict = "none" if standing is None else f"event {standing.sequence}"
        raise ReviewError(
            f"The correction refers to event {event.corrects}, but the current verdict is "
            f"{verdict}. Reload, then correct that one."
        )
    _require_screen(case, event.reading, after_ai=state.after_ai is not None)


def _undo(state: TaskState, event: events.Undone) -> None:
    if state.last_step != event.undoes:
        possible = "none" if state.last_step is None else f"event {state.last_step}"
        raise ReviewError(
            f"Event {event.undoes} cannot be undone; the only step of this reader on this task "
            f"that can be undone is {possible}. Anything before the AI was shown is frozen."
        )


_BLIND = (ReadingMode.BLIND_FIRST, ReadingMode.SECOND_READER)


def unfinished_blind_reading(record: Record, case: str, reader: str) -> str | None:
    """Return the case that a reader has begun to read blind and that results would give away.

    Results of a case tell about itself, and about every case that shares a patch with it. None if
    the reader may look. A reader who looks first and begins afterwards is not caught by this.
    """
    hashes = {patch.sha256 for patch in record.case(case).patches}
    for other, opened in record.cases.items():
        if (
            opened.mode in _BLIND
            and record.has_read(other, reader)
            and next_position(record, other, reader) is not None
            and not hashes.isdisjoint(patch.sha256 for patch in opened.patches)
        ):
            return other
    return None
