"""Scores with their labels, wherever they come from; those that a bundle ships."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.bundle import Card, ValidationScores, known_slides, read_validation
from core.errors import EvidenceError
from core.statistics import Evidence
from core.wording import agreeing

UNKNOWN_SLIDE: Final = "(slide unknown)"
"""Patches without a slide count as one slide together, which is wide rather than narrow.

Simulated over 12 or 30 slides that are known for a third to nine tenths of the patches, so made
intervals of a rate cover the true one in 96 to 100 %; those that take patches as independent in 71
to 90 %.
"""
_FEWEST_PERFECT: Final = 50
_FEWEST_OF_A_CLASS: Final = 10
"""From so many patches on, no exception at all is more than a good model and chance explain."""
_NAMED: Final = 3
_HALVED: Final = (
    "The temperature was fitted on half of these slides, so calibration may look too good."
)


class Source(StrEnum):
    """Where scores come from."""

    BUNDLE = "shipped"
    RUN = "run"
    UPLOAD = "upload"
    BATCH = "batch"
    REVIEW = "review"


@dataclass(frozen=True, eq=False)
class ScoreSet:
    """Patches with label and score, ready to be tuned on.

    Attributes:
        ids: (N,) patch ids.
        evidence: Labels, scores in 0..1, slides where any is known.
        sha256: Hash of the file, or of ids and evidence where there is none.
        temperature: The scores are sigmoid(logit / temperature); None where the file is silent.
        model_id: Which model scored them, where the file says so, else "".
        notes: What limits them, in words.
        doubts: Those of the notes that somebody should settle before the scores are used.
        named: Whether `ids` are the patches' own; else they are lines of a file, and the set may
            be paired with no other.
    """

    source: Source
    name: str
    ids: NDArray[np.str_]
    evidence: Evidence
    sha256: str
    temperature: float | None = None
    model_id: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    named: bool = True

    @property
    def slides(self) -> tuple[str, ...]:
        """Names of the slides that are known, sorted."""
        return slides_of(self.evidence)

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(self.ids.tolist())

    def shared_with(self, other: "ScoreSet") -> str:
        """Say in a sentence which slides and patches two sets have in common; "" if none."""
        slides = sorted(set(self.slides) & set(other.slides))
        patches = len(self._ids & other._ids)
        counts = [f"{patches:,} patch{'es' * (patches > 1)}"] if patches else []
        if slides:
            counts.append(f"{len(slides):,} slide{'s' * (len(slides) > 1)} ({_some(slides)})")
        are = "is" if patches + len(slides) == 1 else "are"
        return f"{' and '.join(counts)} {are} in both sets." if counts else ""


def bundle_scores(folder: Path, card: Card) -> ScoreSet:
    """Return the validation scores that a bundle ships, of every slide.

    Raises:
        BundleError: They are missing, altered or malformed.
    """
    validation: ValidationScores = read_validation(folder, card.validation.scores_sha256)
    slides, notes = named_slides(validation.slides)
    return ScoreSet(
        source=Source.BUNDLE,
        name=card.validation.data.title,
        ids=validation.ids,
        evidence=Evidence.of(validation.labels, validation.scores, slides),
        sha256=validation.sha256,
        temperature=card.temperature,
        model_id=card.model_id,
        notes=(
            *notes,
            f"Temperature {card.temperature:.3g}, fitted on {card.temperature_fitted_on}.",
            *((_HALVED,) if card.validation.split_seed is not None else ()),
            *card.validation.notes,
        ),
    )


def seen_before(
    ids: Collection[str], slides: Collection[str], validation: ScoreSet, card: Card
) -> tuple[str, ...]:
    """Say which patches a model knows, by the names of their slides or their own; else nothing.

    `validation` are the scores that the model ships.
    """
    slides = set(slides)
    trained, chosen = "the model was trained on", "its threshold was chosen on"
    training = card.training.slides_sha256
    uses: dict[tuple[str, ...], list[str]] = {}
    for known, use in ((training, trained), (card.validation.data.slides_sha256, chosen)):
        if seen := known_slides(slides, known):
            uses.setdefault(tuple(seen), []).append(use)
    matches = [
        (
            agreeing(f"{len(names)} of {len(slides)} [slide|slides]", len(slides))
            + f" ({_some(names)}) "
            + agreeing("[has the name of a slide|have the names of slides]", len(names)),
            used,
        )
        for names, used in uses.items()
    ]
    same, theirs = np.isin(validation.ids, list(ids)), validation.evidence.slides
    if not matches and same.any():
        both = theirs is not None and known_slides(set(theirs[same].tolist()), training)
        count = np.isin(list(ids), validation.ids).sum()
        what = agreeing(
            f"{count:,} of {len(ids):,} patches [has the name of a patch|have the names of "
            "patches]",
            int(count),
        )
        matches = [(what, [trained, chosen] if both else [chosen])]
    return tuple(
        f"{what} that {' and '.join(used)}. If they are the same, these numbers are too good."
        for what, used in matches
    )


def _some(names: Collection[str]) -> str:
    return ", ".join([*list(names)[:_NAMED], *["…"] * (len(names) > _NAMED)])


def too_perfect(evidence: Evidence) -> str:
    """Return a doubt about labels that agree with the scores without one exception, else ""."""
    tumour = evidence.scores[evidence.labels == 1]
    normal = evidence.scores[evidence.labels == 0]
    fewest = min(len(tumour), len(normal))
    few = len(evidence) < _FEWEST_PERFECT or fewest < _FEWEST_OF_A_CLASS
    if few or tumour.min() <= normal.max():
        return ""
    return (
        f"All {len(tumour):,} patches labelled tumour score above all {len(normal):,} others: "
        "either the labels were made from these scores, or the model was trained on these "
        "patches. Check where the labels come from; they must be someone's own reading."
    )


def named_slides(slides: NDArray[np.str_]) -> tuple[NDArray[np.str_] | None, tuple[str, ...]]:
    """Return slides, the unnamed as one together, or None if none has a name; and a note."""
    unknown = np.char.strip(slides) == ""
    if not unknown.any():
        return slides, ()
    if unknown.all():
        return None, ()
    count = int(unknown.sum())
    note = f"{count:,} [patch|patches] without a slide [is|are] treated as one more slide."
    return np.where(unknown, UNKNOWN_SLIDE, slides).astype(np.str_), (agreeing(note, count),)


def slides_of(evidence: Evidence) -> tuple[str, ...]:
    """Return the names of the slides that are known, sorted."""
    names = () if evidence.slides is None else evidence.slide_names
    return tuple(name for name in names if name != UNKNOWN_SLIDE)


def slides_text(evidence: Evidence) -> str:
    """Return how many slides are known, "9 slides", and whether that is all: "9 known slides"."""
    names = slides_of(evidence)
    if not names:
        return "slides unknown"
    some = "known " if len(names) < len(evidence.slide_names) else ""
    return agreeing(f"{len(names):,} {some}[slide|slides]", len(names))


def require_both_classes(scores: ScoreSet) -> None:
    """EvidenceError unless there are tumour and tumour-free patches: no threshold without both."""
    evidence = scores.evidence
    if not (evidence.n_positive and evidence.n_negative):
        raise EvidenceError(
            f"{scores.name} has {evidence.n_positive:,} patches with tumour and "
            f"{evidence.n_negative:,} without; a threshold needs both. Add the missing kind."
        )
