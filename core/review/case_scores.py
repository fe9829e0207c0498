"""The scores of a reviewed case with its verdicts for labels, to choose a threshold on."""

from typing import Final

import numpy as np

from core.errors import SourceError
from core.review.progress import next_position
from core.review.record import CurrentVerdict, Record, current_verdicts
from core.review.vocabulary import ReadingMode
from core.statistics import Evidence
from core.tables import id_key
from core.thresholds import ScoreSet, Source, named_slides

_SEEN: Final = (
    "The readers saw the score before they judged, so their verdicts lean towards the model and "
    "its rates look better than they are."
)
_BLIND: Final = "Of each patch the verdict counts that was given before the score was shown."


def is_finished(record: Record, case: str) -> bool:
    """Whether somebody has read the whole case."""
    return any(next_position(record, case, reader) is None for reader in record.readers(case))


def case_scores(record: Record, case: str) -> ScoreSet:
    """Return the scores of a case's patches, with what its readers called them for labels.

    Patches that no reader could judge, that readers called differently, or that have no score are
    left out and counted. Hidden repeats do not count.

    Raises:
        SourceError: No patch is left.
    """
    opened = record.case(case)
    labels: dict[str, set[int]] = {}
    verdicts = [one for one in current_verdicts(record, case) if not one.is_repeat]
    for verdict in verdicts:
        label = _label(verdict)
        if label is not None:
            labels.setdefault(verdict.patch.sha256, set()).add(label)
    read = {verdict.patch.sha256 for verdict in verdicts}
    agreed = {sha256: found.pop() for sha256, found in labels.items() if len(found) == 1}
    kept = [
        (patch, agreed[patch.sha256], patch.prob_tumour)
        for patch in opened.patches
        if patch.sha256 in agreed and patch.prob_tumour is not None
    ]
    if not kept:
        raise SourceError(
            f"No patch of the review {opened.name} has both a score and a verdict that its readers "
            "agree on. Read the case first."
        )
    slides, said = named_slides(np.array([patch.slide or "" for patch, _, _ in kept], np.str_))
    evidence = Evidence.of([label for _, label, _ in kept], [score for _, _, score in kept], slides)
    left_out = (
        (len(read - labels.keys()), "could not be judged"),
        (len(labels) - len(agreed), "are called differently by different readers"),
        (sum(p.sha256 in agreed for p in opened.patches) - len(kept), "have no score"),
    )
    seen = opened.mode in {ReadingMode.AI_FIRST, ReadingMode.ADJUDICATION}
    blind_first = opened.mode is ReadingMode.BLIND_FIRST
    doubts = (
        *((_SEEN,) if seen else ()),
        f"The patches were chosen for reading ({opened.order}); rates hold for such patches.",
        *(f"{count:,} patches are left out: they {why}." for count, why in left_out if count),
    )
    return ScoreSet(
        source=Source.REVIEW,
        name=f"review {opened.name}",
        ids=np.array([id_key(patch.id) for patch, _, _ in kept]),
        evidence=evidence,
        sha256=evidence.digest,
        model_id=opened.model_id,
        doubts=doubts,
        notes=(*doubts, *((_BLIND,) if blind_first else ()), *said),
    )


def _label(verdict: CurrentVerdict) -> int | None:
    """What a reader called the patch without the score's help, where the mode has that."""
    blind = verdict.case.mode is ReadingMode.BLIND_FIRST
    return (verdict.first if blind else verdict.final).reading.verdict.label
