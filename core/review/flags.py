"""The patches of a case with what was said of each, and why one would look at it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.review.events import CasePatch
from core.review.record import CurrentVerdict
from core.review.vocabulary import Verdict


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
    """Return what was read, patch by patch, in the order of the case.

    Args:
        verdicts: Standing ones of a single case.
    """
    by_patch: dict[str, list[CurrentVerdict]] = {}
    for verdict in verdicts:
        by_patch.setdefault(verdict.patch.sha256, []).append(verdict)
    patches = verdicts[0].case.patches if verdicts else ()
    return tuple(
        ReadPatch(number, patch, tuple(found), _reasons(found))
        for number, patch in enumerate(patches, start=1)
        if (found := by_patch.get(patch.sha256))
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
