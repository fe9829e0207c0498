"""What the events amount to: cases, the verdicts that stand, and where these differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from core.errors import ReviewError
from core.review import events
from core.review.chain import START, Anchor
from core.review.vocabulary import Origin, ReadingMode, Verdict

TaskKey = tuple[str, str, int]
"""Case, reader, position in the worklist."""


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """One event with its place in the record."""

    sequence: int
    hash: str
    payload: events.Payload


@dataclass(frozen=True, slots=True)
class StandingReading:
    """A reading that stands, and the event that it comes from."""

    sequence: int
    hash: str
    at: str
    model_id: str
    operating_point: str
    reading: events.Reading


@dataclass(frozen=True, slots=True)
class TaskState:
    """What one reader has done on one task.

    Attributes:
        ai_shown: Whether score and map were drawn after it; it is frozen then.
        after_ai: The verdict with the AI in view.
        steps: Steps that can be undone, the last one last: sequence, and the state before.
    """

    first: StandingReading | None = None
    ai_shown: bool = False
    after_ai: StandingReading | None = None
    steps: tuple[tuple[int, "TaskState"], ...] = field(default=(), repr=False)

    @property
    def final(self) -> StandingReading | None:
        """The verdict that counts: the one after the AI if there is one."""
        return self.after_ai or self.first

    @property
    def last_step(self) -> int | None:
        """Sequence of the step that an undo would take back; None if nothing can be undone."""
        return self.steps[-1][0] if self.steps else None

    def may_see_ai(self, mode: ReadingMode) -> bool:
        """Whether score and map may be drawn for the reader now."""
        if mode is ReadingMode.BLIND_FIRST:
            return self.ai_shown
        return mode is not ReadingMode.SECOND_READER

    def done(self, mode: ReadingMode) -> bool:
        """Whether the reader is through with the task."""
        return (self.after_ai if mode is ReadingMode.BLIND_FIRST else self.first) is not None


NOT_BEGUN: Final = TaskState()


@dataclass(frozen=True, slots=True)
class CurrentVerdict:
    """The verdict of one reader on one task as it stands now."""

    case: events.CaseOpened
    reader: str
    position: int
    task: events.Task
    patch: events.CasePatch
    state: TaskState

    @property
    def first(self) -> StandingReading:
        """The first verdict."""
        if self.state.first is None:
            raise ReviewError("There is no verdict on this task.")
        return self.state.first

    @property
    def final(self) -> StandingReading:
        """The verdict that counts."""
        return self.state.after_ai or self.first

    @property
    def comment(self) -> str:
        """What the reader wrote: with the verdict that counts, else with the blind one.

        Until version 0.2.0 the box was empty again after the AI was shown, so that the comment of
        a blind reading stands in its own event only.
        """
        return self.final.reading.comment or self.first.reading.comment

    @property
    def is_repeat(self) -> bool:
        """Whether the reader has read this patch before in the same case."""
        return self.task.origin is Origin.REPEAT

    @property
    def overrides_model(self) -> bool:
        """Whether the final verdict contradicts the model's call; never if it cannot be judged."""
        label = self.final.reading.verdict.label
        call = self.patch.predicted_label
        return label is not None and call is not None and label != call


@dataclass(frozen=True, slots=True)
class Filing:
    """How a case is listed.

    Attributes:
        opened_at: When it was opened: UTC, ISO 8601.
        archived: Whether it is put away; its verdicts stay on the record.
    """

    opened_at: str
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """The state after all events up to `end`; `extended` gives a new one.

    Attributes:
        end: The last event.
        cases: By id, in the order of opening, each under the name that it has now.
        tasks: What each reader has done.
        actions: Sequence of the event that each action token wrote.
        filings: How each case is listed.
    """

    end: Anchor = START
    cases: dict[str, events.CaseOpened] = field(default_factory=dict)
    tasks: dict[TaskKey, TaskState] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    filings: dict[str, Filing] = field(default_factory=dict)

    def extended(self, entries: Iterable[RecordEntry]) -> "Record":
        """Return the record after further events, which must have been admitted."""
        end, actions = self.end, dict(self.actions)
        record = Record(end, dict(self.cases), dict(self.tasks), actions, dict(self.filings))
        for entry in entries:
            record.grow(entry)
            end = Anchor(entry.sequence, entry.hash)
        return replace(record, end=end)

    def grow(self, entry: RecordEntry) -> None:
        """Put one admitted event on top, in place; nobody else may hold this record."""
        self.actions[entry.payload.action] = entry.sequence
        event = entry.payload.event
        if isinstance(event, events.CaseOpened):
            self.cases[event.case] = event
            self.filings[event.case] = Filing(entry.payload.at)
        elif isinstance(event, events.CaseFiled):
            self.cases[event.case] = replace(self.cases[event.case], name=event.name)
            self.filings[event.case] = replace(self.filings[event.case], archived=event.archived)
        elif not isinstance(event, events.StoreMigrated):
            key = (event.case, event.reader, event.task)
            self.tasks[key] = _step(self.tasks.get(key, NOT_BEGUN), entry, event)

    def case(self, case: str) -> events.CaseOpened:
        """Return a case by its id. ReviewError if there is none."""
        opened_case = self.cases.get(case)
        if opened_case is None:
            raise ReviewError(f"There is no case {case} in this store. Open it first.")
        return opened_case

    def state(self, case: str, reader: str, position: int) -> TaskState:
        """Return what a reader has done on a task."""
        return self.tasks.get((case, reader, position), NOT_BEGUN)

    def readers(self, case: str) -> tuple[str, ...]:
        """Return the readers who have a standing verdict in a case, by name."""
        names = {
            reader
            for (held, reader, _), state in self.tasks.items()
            if held == case and state.first is not None
        }
        return tuple(sorted(names))

    def has_read(self, case: str, reader: str) -> bool:
        """Whether a reader has begun a case."""
        return any(
            (case, reader, position) in self.tasks for position in range(len(self.case(case).tasks))
        )


def current_verdicts(
    record: Record, case: str | None = None, reader: str | None = None
) -> tuple[CurrentVerdict, ...]:
    """Return the verdicts that stand, in the order of case, reader and worklist."""
    order = {opened: number for number, opened in enumerate(record.cases)}
    keys = [
        key
        for key, state in record.tasks.items()
        if state.first is not None
        and (case is None or key[0] == case)
        and (reader is None or key[1] == reader)
    ]
    verdicts = []
    for key in sorted(keys, key=lambda key: (order[key[0]], key[1], key[2])):
        opened = record.cases[key[0]]
        task = opened.tasks[key[2]]
        patch = opened.patches[task.patch]
        verdicts.append(CurrentVerdict(opened, key[1], key[2], task, patch, record.tasks[key]))
    return tuple(verdicts)


def _step(state: TaskState, entry: RecordEntry, event: events.TaskEvent) -> TaskState:
    if isinstance(event, events.Undone):
        return state.steps[-1][1]
    if isinstance(event, events.AiShown):
        return replace(state, ai_shown=True, steps=())
    steps = (*state.steps, (entry.sequence, state))
    # A correction keeps model and operating point.
    verdict = state.final if isinstance(event, events.Corrected) else event
    if verdict is None:
        raise ReviewError("There is no verdict to correct.")
    standing = StandingReading(
        sequence=entry.sequence,
        hash=entry.hash,
        at=entry.payload.at,
        model_id=verdict.model_id,
        operating_point=verdict.operating_point,
        reading=event.reading,
    )
    if isinstance(event, events.VerdictAfterAi) or state.after_ai is not None:
        return replace(state, after_ai=standing, steps=steps)
    return replace(state, first=standing, steps=steps)


def disputed_patches(record: Record, cases: tuple[str, ...]) -> frozenset[str]:
    """Return the SHA-256 of each patch on which any two readings in these cases differ."""
    calls: dict[str, set[str]] = {}
    for case in cases:
        for verdict in current_verdicts(record, case):
            if not verdict.is_repeat:
                calls.setdefault(verdict.patch.sha256, set()).add(verdict.final.reading.verdict)
    return frozenset(sha256 for sha256, verdicts in calls.items() if len(verdicts) > 1)


class Reason(StrEnum):
    """Why a patch is flagged."""

    AGAINST_MODEL = "against the model"
    READINGS_DIFFER = "readings differ"
    CHANGED = "changed after the AI was shown"
    CANNOT_JUDGE = "cannot be judged"
    AGAINST_LABEL = "against the label"
    COMMENTED = "commented"


@dataclass(frozen=True, slots=True)
class ReadPatch:
    """A patch of a case that somebody has read.

    Attributes:
        number: Among the patches of the case, from 1.
        verdicts: Those that stand, by reader.
        reasons: Why it is flagged; none if nothing calls for another look.
    """

    number: int
    patch: events.CasePatch
    verdicts: tuple[CurrentVerdict, ...]
    reasons: tuple[Reason, ...]


def read_patches(verdicts: Sequence[CurrentVerdict]) -> tuple[ReadPatch, ...]:
    """Return what was read, patch by patch, in the order of the case."""
    by_patch: dict[str, list[CurrentVerdict]] = {}
    for verdict in verdicts:
        by_patch.setdefault(verdict.patch.sha256, []).append(verdict)
    patches = verdicts[0].case.patches if verdicts else ()
    return tuple(
        ReadPatch(number, patch, tuple(readings), _reasons(readings))
        for number, patch in enumerate(patches, start=1)
        if (readings := by_patch.get(patch.sha256))
    )


def _reasons(verdicts: Sequence[CurrentVerdict]) -> tuple[Reason, ...]:
    final = [verdict.final.reading.verdict for verdict in verdicts]
    tests = {
        Reason.AGAINST_MODEL: any(verdict.overrides_model for verdict in verdicts),
        Reason.READINGS_DIFFER: len(set(final)) > 1,
        Reason.CHANGED: any(
            verdict.first.reading.verdict is not verdict.final.reading.verdict
            for verdict in verdicts
        ),
        Reason.CANNOT_JUDGE: Verdict.CANNOT_JUDGE in final,
        Reason.AGAINST_LABEL: any(
            None not in (verdict.patch.label, verdict.final.reading.verdict.label)
            and verdict.patch.label != verdict.final.reading.verdict.label
            for verdict in verdicts
        ),
        Reason.COMMENTED: any(verdict.comment for verdict in verdicts),
    }
    return tuple(reason for reason, holds in tests.items() if holds)
