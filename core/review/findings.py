"""What a verification found, and what none could find."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import ReviewError
from core.review.anchors import NotedAnchors, clock_remarks
from core.review.chain import START, Anchor, Link, breaks
from core.review.events import CaseOpened, read_payload
from core.review.record import Filing, Record, RecordEntry, TaskKey, TaskState, apply
from core.review.rules import require_allowed

LIMITS: Final = (
    "What a chain cannot show: anyone who can write the file can write a whole new chain, restore "
    "an older copy or drop the last events. The app therefore notes anchors in a separate file, "
    "but anyone who can write both can change both. Keep that file elsewhere, or note the anchor "
    "above (on paper, in an e-mail) and verify with --anchor later: nothing up to it can then "
    "change unnoticed.",
    "It does not show who sat at the screen, or that the clock was right.",
)


NO_ANCHORS: Final = "No saved anchor was compared: removal of the last events would go unnoticed"


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that is not as its writer left it."""

    place: str
    problem: str

    def __str__(self) -> str:
        """Return place and problem as one sentence."""
        return f"{self.place}: {self.problem}."


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome.

    Attributes:
        name: Of the file.
        events: How many events it holds.
        head: End of the chain.
        findings: In the order of the file; none if everything is as it was written.
        checked: What was checked, in words.
        noted: Which anchors were compared, in words.
        remarks: What breaks no chain and should be known: a clock that went back.
    """

    name: str
    events: int
    head: Anchor
    findings: tuple[Breach, ...]
    checked: str
    noted: str = NO_ANCHORS
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        links: Sequence[Link],
        findings: Iterable[Breach],
        checked: str,
        noted: NotedAnchors | None,
    ) -> "Verification":
        """Return the outcome for some entries of a file."""
        compared = NO_ANCHORS if noted is None else noted.summary(links)
        remarks = clock_remarks(links)
        end = end_of(links)
        return cls(name, len(links), end, tuple(findings), checked, compared, remarks)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def report(self) -> str:
        """Return everything as text for a terminal."""
        verdict = (
            f"OK: {self.checked}"
            if self.ok
            else f"BROKEN: {len(self.findings)} findings; start with the first"
        )
        lines = [f"{self.name}: {self.events} events", verdict]
        lines += [f"  {finding}" for finding in self.findings]
        lines += self.remarks
        lines += [f"{self.noted}.", f"Anchor: {self.head}"]
        return "\n".join([*lines, *LIMITS]) + "\n"


def record_findings(
    links: Sequence[Link], anchor: Anchor | None, noted: NotedAnchors | None
) -> list[Breach]:
    """Return what is wrong with entries, what anchors tell against them, and with their file."""
    findings = [Breach(f"Event {at}", problem) for at, problem in breaks(links)]
    findings = findings or _events_that_could_not_be(links)
    findings += _anchor_findings(links, [anchor] if anchor else [])
    if noted is not None:
        findings += _anchor_findings(links, noted.anchors)
        findings += [
            Breach(f"{noted.name}, line {number}", "it is not an anchor, so it proves nothing")
            for number in noted.unreadable
        ]
    return findings


def _anchor_findings(links: Sequence[Link], anchors: Iterable[Anchor]) -> list[Breach]:
    """Return the first anchor that the entries contradict: those after it say the same."""
    held = {link.sequence: link.hash for link in links}
    for anchor in anchors:
        place = f"Anchor {anchor.sequence}"
        if anchor == START or held.get(anchor.sequence) == anchor.hash:
            continue
        if anchor.sequence not in held:
            problem = f"the record ends at event {len(links)}; the events up to the anchor are gone"
        else:
            problem = (
                "the event there has a different hash from the one noted; the record was rewritten"
            )
        return [Breach(place, problem)]
    return []


def _events_that_could_not_be(links: Sequence[Link]) -> list[Breach]:
    """Return the first event that the store would not have accepted: the chain was forged."""
    cases: dict[str, CaseOpened] = {}
    tasks: dict[TaskKey, TaskState] = {}
    actions: dict[str, int] = {}
    filings: dict[str, Filing] = {}
    record = Record(START, cases, tasks, actions, filings)  # sees the dictionaries grow
    for link in links:
        try:
            entry = RecordEntry(link.sequence, link.hash, read_payload(link.payload))
            require_allowed(record, entry.payload.event)
            if entry.payload.action in actions:
                raise ReviewError("The same action is recorded twice.")
            apply(entry, cases, tasks, actions, filings)
        except ReviewError as error:
            problem = f"the store would not have accepted it: {error}".rstrip(".")
            return [Breach(f"Event {link.sequence}", problem)]
    return []


def end_of(links: Sequence[Link]) -> Anchor:
    """Return the anchor at the end of some entries."""
    return Anchor(links[-1].sequence, links[-1].hash) if links else START
