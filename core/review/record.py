"""What the events amount to: cases, and for each reader and task the verdicts that stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from core.errors import ReviewError
from core.review.chain import START, Anchor
from core.review.events import (
    AiShown,
    CaseFiled,
    CaseOpened,
    CasePatch,
    Corrected,
    Payload,
    Reading,
    StoreMigrated,
    Task,
    TaskEvent,
    Undone,
    VerdictAfterAi,
    VerdictGiven,
)
from core.review.vocabulary import Origin, ReadingMode

TaskKey = tuple[str, str, int]
"""Case, reader, position in the worklist."""


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """One event with its place in the record."""

    sequence: int
    hash: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class StandingReading:
    """A reading that stands, and the event that it comes from."""

    sequence: int
    hash: str
    at: str
    model_id: str
    operating_point: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class TaskState:
    """What one reader has done on one task.

    Attributes:
        first: The first verdict.
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

    case: CaseOpened
    reader: str
    position: int
    task: Task
    patch: CasePatch
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
    """The state after all events up to `end`; never changed, `extended` gives a new one.

    Attributes:
        end: The last event.
        cases: By id, in the order of opening, each under the name that it has now.
        tasks: What each reader has done.
        actions: Sequence of the event that each action token wrote.
        filings: How each case is listed.
    """

    end: Anchor = START
    cases: Mapping[str, CaseOpened] = field(default_factory=dict)
    tasks: Mapping[TaskKey, TaskState] = field(default_factory=dict)
    actions: Mapping[str, int] = field(default_factory=dict)
    filings: Mapping[str, Filing] = field(default_factory=dict)

    def extended(self, entries: Iterable[RecordEntry]) -> "Record":
        """Return the record after further events, which must have been admitted."""
        cases, tasks, actions = dict(self.cases), dict(self.tasks), dict(self.actions)
        filings, end = dict(self.filings), self.end
        for entry in entries:
            apply(entry, cases, tasks, actions, filings)
            end = Anchor(entry.sequence, entry.hash)
        return Record(end, cases, tasks, actions, filings)

    def case(self, case: str) -> CaseOpened:
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


def apply(
    entry: RecordEntry,
    cases: dict[str, CaseOpened],
    tasks: dict[TaskKey, TaskState],
    actions: dict[str, int],
    filings: dict[str, Filing],
) -> None:
    """Put one admitted event on top of what a record is made of, in place."""
    actions[entry.payload.action] = entry.sequence
    event = entry.payload.event
    if isinstance(event, CaseOpened):
        cases[event.case] = event
        filings[event.case] = Filing(entry.payload.at)
    elif isinstance(event, CaseFiled):
        cases[event.case] = replace(cases[event.case], name=event.name)
        filings[event.case] = replace(filings[event.case], archived=event.archived)
    elif not isinstance(event, StoreMigrated):
        key = (event.case, event.reader, event.task)
        tasks[key] = _step(tasks.get(key, NOT_BEGUN), entry, event)


def _step(state: TaskState, entry: RecordEntry, event: TaskEvent) -> TaskState:
    if isinstance(event, Undone):
        return state.steps[-1][1]
    if isinstance(event, AiShown):
        return replace(state, ai_shown=True, steps=())
    steps = (*state.steps, (entry.sequence, state))
    standing = _standing(state, entry, event)
    if isinstance(event, VerdictAfterAi) or state.after_ai is not None:
        return replace(state, after_ai=standing, steps=steps)
    return replace(state, first=standing, steps=steps)


def _standing(
    state: TaskState, entry: RecordEntry, event: VerdictGiven | VerdictAfterAi | Corrected
) -> StandingReading:
    """Return the reading of an event; a correction keeps model and operating point."""
    verdict = event if not isinstance(event, Corrected) else state.final
    if verdict is None:
        raise ReviewError("There is no verdict to correct.")
    return StandingReading(
        sequence=entry.sequence,
        hash=entry.hash,
        at=entry.payload.at,
        model_id=verdict.model_id,
        operating_point=verdict.operating_point,
        reading=event.reading,
    )
