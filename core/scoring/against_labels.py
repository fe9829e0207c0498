"""Finished rows with what came later: labels, and what they say of calls; another threshold.

Scores never change here, so no network runs; what was written when they were made stays as it is.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np

from core.bundle import OperatingPoint, same_model
from core.errors import EvidenceError
from core.scoring.classifier import GREY_ZONE, Classifier
from core.scoring.rows import ScoreRow
from core.statistics import (
    Confusion,
    Curve,
    Evidence,
    Measured,
    MetricName,
    OperatingTable,
    SlideBootstrap,
    SlideCounts,
    auroc_over_slides,
    roc_curve,
    wilson_of,
)
from core.tables import KnownById, Table, facts_in
from core.thresholds import ScoreSet, Source, named_slides

AREA_BY_PATCHES: Final = (
    "The interval of the AUROC treats patches as independent, because these slides do not suffice "
    "for one over slides: it is too narrow."
)
RATES: Final[tuple[MetricName, ...]] = ("sensitivity", "specificity", "ppv", "npv", "accuracy")


@dataclass(frozen=True, eq=False)
class LabelCheck:
    """Calls and scores of the patches of a batch that have a label.

    Attributes:
        evidence: Their labels and scores, with slides where any is known.
        threshold: From which they are called tumour.
        counts: How many have this label (0, 1) and this call (0, 1, None for the grey zone).
        missed: Positions of rows with tumour that are not called so, lowest score first.
        false_alarms: Positions of rows without that are called tumour, highest score first.
        notes: What limits the intervals, in words.
    """

    evidence: Evidence
    threshold: float
    counts: dict[tuple[int, int | None], int]
    missed: tuple[int, ...]
    false_alarms: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def confusion(self) -> Confusion:
        """The 2 x 2 table; a patch in the grey zone is one that is not called tumour."""
        cells = self.counts
        return Confusion(
            threshold=self.threshold,
            tp=cells[1, 1],
            fp=cells[0, 1],
            fn=cells[1, 0] + cells[1, None],
            tn=cells[0, 0] + cells[0, None],
        )

    @cached_property
    def auroc(self) -> Measured:
        """Area under the ROC curve, with an interval over slides where there are several."""
        return auroc_over_slides(self.evidence, SlideBootstrap.seeded(self.evidence))

    @cached_property
    def rates(self) -> dict[MetricName, Measured]:
        """Each of `RATES`, with an interval over slides where they are known, else by patches."""
        by_patches = {name: wilson_of(name, self.confusion) for name in RATES}
        if self.evidence.slides is None:
            return by_patches
        counts = SlideCounts.of(self.evidence, self.threshold)
        return {name: counts.rate(name).over(rate) for name, rate in by_patches.items()}

    @cached_property
    def roc(self) -> Curve:
        """The ROC curve, thinned for drawing."""
        return roc_curve(OperatingTable.of(self.evidence)).thinned(300)


def check_labels(rows: Sequence[ScoreRow]) -> LabelCheck | None:
    """Return a batch against its labels; None where no scored row has one."""
    kept = [
        (at, row.label, row.prob_tumour, row)
        for at, row in enumerate(rows)
        if row.label is not None and row.prob_tumour is not None
    ]
    if not kept:
        return None
    counts: dict[tuple[int, int | None], int] = {
        (label, call): 0 for label in (0, 1) for call in (0, 1, None)
    }
    for _, label, _, row in kept:
        counts[label, row.predicted_label] += 1
    slides, notes = named_slides(np.array([row.slide or "" for _, _, _, row in kept], np.str_))
    missed = [(score, at) for at, label, score, row in kept if label == 1 != row.predicted_label]
    alarms = [(-score, at) for at, label, score, row in kept if label == 0 and row.predicted_label]
    return LabelCheck(
        evidence=Evidence.of(
            [label for _, label, _, _ in kept],
            [score for _, _, score, _ in kept],
            slides,
        ),
        threshold=kept[0][3].threshold,
        counts=counts,
        missed=tuple(at for _, at in sorted(missed)),
        false_alarms=tuple(at for _, at in sorted(alarms)),
        notes=notes,
    )


def batch_scores(name: str, rows: Sequence[ScoreRow]) -> ScoreSet:
    """Return the scores of a batch's patches that have a label; as its CSV would be read.

    Raises:
        EvidenceError: No scored patch has a label.
        SourceError: The rows mix models or temperatures.
    """
    kept = [row for row in rows if row.label is not None and row.prob_tumour is not None]
    if not kept:
        raise EvidenceError(
            f"No scored patch of {name} has a label. Add a CSV with the columns id and label, "
            "and slide where it is known."
        )
    cells = {
        "id": [row.id for row in kept],
        "label": [str(row.label) for row in kept],
        "prob_tumour": [repr(row.prob_tumour) for row in kept],
        "slide": [row.slide or "" for row in kept],
        "model_id": [row.model_id for row in kept],
    }
    if all(row.temperature is not None for row in kept):  # rows of old runs do not say
        cells["temperature"] = [repr(row.temperature) for row in kept]
    import pandas as pd  # noqa: PLC0415 - the app's first page does without

    from core.thresholds.score_table import scores_of_table  # noqa: PLC0415 - likewise

    scores = scores_of_table(Table(name, pd.DataFrame(cells, dtype=str)), "")
    digest = hashlib.sha256("\n".join([scores.evidence.digest, *scores.ids]).encode())
    return replace(scores, source=Source.BATCH, sha256=digest.hexdigest())


@dataclass(frozen=True)
class AppliedPoint:
    """An operating point that finished rows are called at.

    Attributes:
        model_id: The model whose scores it is for.
        temperature: Of the probabilities that it is for.
    """

    point: OperatingPoint
    model_id: str
    temperature: float

    @classmethod
    def of(cls, classifier: Classifier) -> Self:
        """Return the point that a model is at."""
        return cls(classifier.operating_point, classifier.model_id, classifier.temperature)

    def fits(self, rows: Iterable[ScoreRow]) -> bool:
        """Return whether rows have their scores from this model, at this temperature."""
        return all(
            same_model(row.model_id, self.model_id) and row.temperature in {None, self.temperature}
            for row in rows
        )

    def call(self, rows: Iterable[ScoreRow]) -> Iterator[ScoreRow]:
        """Yield rows as they are called here; those that do not fit stay as they are."""
        point = self.point
        for row in rows:
            if not self.fits([row]):
                yield row
                continue
            call = None if row.prob_tumour is None else point.call(row.prob_tumour)
            grey = row.prob_tumour is not None and call is None
            yield replace(
                row,
                threshold=point.threshold,
                lower_threshold=point.lower_threshold,
                operating_point=point.name,
                predicted_label=call,
                reason=row.reason if row.prob_tumour is None else GREY_ZONE * grey,
            )


def labelled(rows: Iterable[ScoreRow], known: KnownById) -> Iterator[ScoreRow]:
    """Yield rows with the label, slide and split that a table gives them."""
    for row in rows:
        facts = facts_in(known.of(row.id, row.path))
        yield replace(row, **facts) if facts else row
