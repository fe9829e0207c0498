"""The disagreement queue: patches on which readings differ."""

from core.review.errors import ReviewError
from core.review.record import CurrentVerdict, Record, current_verdicts

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


def disagreements(
    record: Record, first: tuple[str, str], second: tuple[str, str]
) -> tuple[Pair, ...]:
    """Return the pairs whose final verdicts differ; "cannot judge" against a call differs too."""
    return tuple(
        pair
        for pair in paired_verdicts(record, first, second)
        if pair[0].final.reading.verdict is not pair[1].final.reading.verdict
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
    return frozenset(sha256 for sha256, found in calls.items() if len(found) > 1)
