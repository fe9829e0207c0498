"""Two models on the same patches: their differences, with intervals that resample slides."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import EvidenceError
from core.statistics import (
    Evidence,
    Measured,
    PairedDifference,
    Resampled,
    ResampledCounts,
    SlideBootstrap,
    compare_auroc,
    paired_auroc,
)
from core.tables import KnownById, counted, slide_key
from core.thresholds.scores import ScoreSet
from training.bundling.performance import RATES, over_slides
from training.judging.subject import Subject


@dataclass(frozen=True)
class Contest:
    """Two models on the patches that both scored.

    Attributes:
        patches: How many both scored.
        slides: Known slides among them, 0 where unknown.
        share_first_better: Share of slide resamples in which the first has the higher AUROC; None
            without slides.
    """

    patches: int
    slides: int
    metrics: Mapping[str, PairedDifference]
    share_first_better: float | None
    notes: tuple[str, ...]


def contest(first: Subject, second: Subject) -> Contest:
    """Return the paired comparison of two models on the patches that both scored.

    Each slide resample is the same for both, so what makes a slide hard for both cancels. Without
    slides the AUROC alone has an interval, and it takes patches as independent.

    Raises:
        EvidenceError: They share no patch, an id comes twice, or the labels differ.
    """
    a, b, notes = matched(first.scores, second.scores)
    of_a = SlideBootstrap.seeded(a)
    of_b = None if of_a is None else SlideBootstrap(b, of_a.draws)
    ranked = compare_auroc(of_a, of_b) if of_a and of_b else paired_auroc(a, b)
    metrics = {"auroc": ranked}
    others = over_slides(b, of_b)
    for name, one in over_slides(a, of_a).items():
        metrics[name] = _paired(of_a, one, others[name])
    if of_a and of_b and first.shipped and second.shipped:
        for rate in RATES:
            metrics[rate] = _paired(
                of_a,
                ResampledCounts.of(of_a, first.shipped.threshold).resampled(rate),
                ResampledCounts.of(of_b, second.shipped.threshold).resampled(rate),
            )
    return Contest(
        patches=len(a),
        slides=0 if of_a is None else len(a.slide_names),
        metrics=metrics,
        share_first_better=ranked.share_a_better,
        notes=(*notes, *a.notes()),
    )


def matched(a: ScoreSet, b: ScoreSet) -> tuple[Evidence, Evidence, tuple[str, ...]]:
    """Return the evidence of the patches in both sets, in the same order, and what was left out.

    Raises:
        EvidenceError: They share no patch, an id comes twice, or the labels differ.
    """
    for one in (a, b):
        if not one.named:
            raise EvidenceError(
                f"{one.name} has no column id, so its patches cannot be paired with others; rows "
                "in the same order may be different patches. Name the column of ids “id”."
            )
        if len(set(one.ids.tolist())) != len(one.ids):
            raise EvidenceError(
                f"{one.name} has patch ids more than once; a paired comparison needs each once. "
                "Leave the repeats out."
            )
    ids_b, spelt_b = _as_spelt(b, set(a.ids.tolist()))
    ids_a, spelt_a = _as_spelt(a, set(ids_b.tolist()))
    shared, rows_a, rows_b = np.intersect1d(ids_a, ids_b, assume_unique=True, return_indices=True)
    if not len(shared):
        raise EvidenceError(
            f"{a.name} and {b.name} have no patch in common; a paired comparison is on the same "
            "patches. Name data that both score with --data."
        )
    labels = a.evidence.labels[rows_a]
    differing = int((labels != b.evidence.labels[rows_b]).sum())
    if differing:
        raise EvidenceError(
            f"{differing:,} of {len(shared):,} patches have different labels in {a.name} and "
            f"{b.name}; expected the same. Take the labels from one table."
        )
    slides, slide_notes = _slides(a, b, rows_a, rows_b)
    first = Evidence.of(labels, a.evidence.scores[rows_a].astype(np.float64), slides)
    second = Evidence.of(labels, b.evidence.scores[rows_b].astype(np.float64), slides)
    left = (_left_out(one, rows) for one, rows in ((a, rows_a), (b, rows_b)))
    return first, second, (*filter(None, left), *spelt_a, *spelt_b, *slide_notes)


def _as_spelt(one: ScoreSet, others: Set[str]) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """The ids of a set as another spells them, and how many had to be changed for that.

    A spreadsheet takes the zeros off a number; paths of two machines are alike in their ends only.
    """
    own = KnownById({key: {} for key in one.ids.tolist()}, name=one.name)
    known = own.placed(others)
    if known.contradictions:
        raise EvidenceError(f"{known.contradictions[0]} Write the same ids in both tables.")
    written = dict(zip(known.rows, own.rows, strict=True))
    spellings: dict[str, list[str]] = {}
    for other in others - own.rows.keys():
        if key := known.key_of(other, other):
            spellings.setdefault(written[key], []).append(other)
    alone = {key: theirs[0] for key, theirs in spellings.items() if len(theirs) == 1}
    changed = {key: other for key, other in alone.items() if key not in others}
    notes = (
        (
            f"{one.name}: {counted(len(changed), 'id')} spelt differently from the other, matched "
            f"({min(changed)} is {changed[min(changed)]}).",
        )
        if changed
        else ()
    )
    ids = np.array([changed.get(key, key) for key in own.rows], np.str_)
    return ids, notes


def _left_out(one: ScoreSet, rows: NDArray[np.intp]) -> str:
    """Say how many patches of a set the other does not have, and of how many slides it has none."""
    missing = len(one.ids) - len(rows)
    if not missing:
        return ""
    slides = ""
    if one.evidence.slides is not None:
        lost = len(one.slides) - len(np.unique(one.evidence.slides[rows]))
        slides = f", among them all of {lost:,} of its {len(one.slides):,} slides" if lost else ""
    return (
        f"{missing:,} of {len(one.ids):,} patches of {one.name} are not in the other and were left "
        f"out{slides}."
    )


def _slides(
    a: ScoreSet, b: ScoreSet, rows_a: NDArray[np.intp], rows_b: NDArray[np.intp]
) -> tuple[NDArray[np.str_] | None, tuple[str, ...]]:
    """Slides of the first set that knows them, and how many patches the other has elsewhere."""
    of_a, of_b = a.evidence.slides, b.evidence.slides
    if of_a is None or of_b is None:
        return (of_a[rows_a] if of_a is not None else None if of_b is None else of_b[rows_b]), ()
    first = of_a[rows_a]
    pairs = zip(first.tolist(), of_b[rows_b].tolist(), strict=True)
    other = sum(slide_key(one) != slide_key(its) for one, its in pairs)
    if not other:
        return first, ()
    return first, (
        f"{other:,} of {len(first):,} patches have different slides in {a.name} and {b.name}; the "
        f"intervals use those of {a.name}. Give both tables the same slides.",
    )


def _paired(slides: SlideBootstrap | None, a: Resampled, b: Resampled) -> PairedDifference:
    """The difference of two statistics over the same resamples, if slides are resampled.

    Which resamples are undefined depends on labels and slides only, so the two stay aligned; a
    rate's does too, as its denominator is a class.
    """
    value = a.measured.value - b.measured.value
    difference = Measured(value)
    if slides is not None:
        difference = slides.estimate(value, a.replicates - b.replicates, "plain").best
    return PairedDifference(a.measured.value, b.measured.value, difference)
