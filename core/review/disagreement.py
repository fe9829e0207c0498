"""Where readings of a patch differ, and why else one would look at it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.errors import ReviewError
from core.review.events import CasePatch
from core.review.record import CurrentVerdict, Record, current_verdicts
from core.review.vocabulary import Verdict

Pair = tuple[CurrentVerdict, CurrentVerdict]
"""Two readings of the same patch."""


def paired_verdicts(
    record: Record, first: tuple[str, str], second: tuple[str, str]
) -> tuple[Pair, ...]:
    """Return two readers' verdicts on the same patches, in the order of the first.

    Args:
        record: The record.
        first: Case and reader.
        second: Case and reader; the same case for two readers of one worklist.

    Returns:
        One pair for each patch that both have read. Hidden repeats are left out.
    """
    theirs = {
        verdict.patch.sha256: verdict
        for verdict in current_verdicts(record, *second)
        if not verdict.is_repeat
    }
    return tuple(
        (verdict, theirs[verdict.patch.sha256])
        for verdict in current_verdicts(record, *first)
        if not verdict.is_repeat and verdict.patch.sha256 in theirs
    )


def disputed_patches(record: Record, cases: tuple[str, ...]) -> frozenset[str]:
    """Return the SHA-256 of each patch on which any two readings in these cases differ."""
    if not cases:
        raise ReviewError("Name the cases to compare.")
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
        patch: The patch.
        verdicts: Those that stand, by reader.
        reasons: Why it is flagged; none if nothing calls for another look.
    """

    number: int
    patch: CasePatch
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
