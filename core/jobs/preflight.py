"""A look at a source before anything is scored: what can be judged, what cannot, and why."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from core.patches import ImageU8, PatchSource, UnreadablePatch, can_be_judged
from core.patches.colours import SAMPLE, SWAPPED, look_swapped


@dataclass(frozen=True)
class InputProblem:
    """One kind of obstacle among the inputs."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class InputReport:
    """What a source holds.

    Attributes:
        inputs: How many inputs there are.
        looked_at: How many were read for this report.
        readable: Patches that will be scored.
        flat: Patches of one flat colour, which will be withheld.
        copies: Inputs whose bytes came before.
        noted: Patches that were converted without loss, or whose file contradicts that they are
            such patches, by note.
        problems: Unreadable inputs, most frequent reason first.
        labelled: Inputs with a label.
        slides: Slides that are known.
        notes: What was mended or left out in the source's tables; whether red and blue of its
            patches look swapped.
        contradictions: What they say in two ways; nothing is scored by such tables.
        unused_tables: Why tables among the inputs are not used as labels.
    """

    inputs: int
    looked_at: int
    readable: int
    flat: int
    copies: int
    noted: tuple[InputProblem, ...]
    problems: tuple[InputProblem, ...]
    labelled: int
    slides: int
    notes: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    unused_tables: tuple[str, ...] = ()

    @property
    def unreadable(self) -> int:
        """Inputs that will fail."""
        return sum(problem.count for problem in self.problems)

    @property
    def nothing_readable(self) -> bool:
        """Whether every input was read and none can be scored."""
        return not self.readable and self.looked_at == self.inputs


def inspect_source(
    source: PatchSource,
    *,
    limit: int | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
    stop: threading.Event | None = None,
    seconds: float | None = None,
) -> InputReport:
    """Return what can be judged among the first `limit` inputs of a source.

    Args:
        source: The inputs.
        limit: How many to read at most; None reads all.
        on_progress: Called with the count read so far.
        stop: Set by another thread to stop early; the report then covers what was read.
        seconds: Stop by oneself after so long.
    """
    started = time.monotonic()
    seen: set[str] = set()
    problems: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    pictures: list[ImageU8] = []
    readable = flat = copies = looked_at = 0
    for item in source.stream(stop=limit):
        looked_at += 1
        kind = ""
        if isinstance(item, UnreadablePatch):
            kind = item.reason
            problems[kind] += 1
        elif not can_be_judged(item):
            flat += 1
        else:
            readable += 1
            if len(pictures) < SAMPLE:
                pictures.append(item.image_rgb_u8)
            if item.note:
                kind = item.note
                notes[kind] += 1
        if item.sha256:
            copies += item.sha256 in seen
            seen.add(item.sha256)
        if kind and len(examples.setdefault(kind, [])) < 5:
            examples[kind].append(item.entry.path)
        if looked_at % 64 == 0:
            on_progress(looked_at)
        if stop is not None and stop.is_set():
            break
        if seconds is not None and time.monotonic() - started > seconds:
            break
    on_progress(looked_at)
    return InputReport(
        inputs=len(source),
        looked_at=looked_at,
        readable=readable,
        flat=flat,
        copies=copies,
        noted=_ranked(notes, examples),
        problems=_ranked(problems, examples),
        labelled=sum(entry.label is not None for entry in source.entries),
        slides=len({entry.slide for entry in source.entries if entry.slide}),
        notes=(
            *(note for note in source.remarks if note not in source.unused_tables),
            *((SWAPPED,) if look_swapped(pictures) else ()),
        ),
        contradictions=source.contradictions,
        unused_tables=source.unused_tables,
    )


def _ranked(counts: Counter[str], examples: dict[str, list[str]]) -> tuple[InputProblem, ...]:
    return tuple(
        InputProblem(reason, count, tuple(examples[reason]))
        for reason, count in counts.most_common()
    )
