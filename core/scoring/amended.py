"""Finished rows with what came later: labels, slides, and calls at another operating point.

Scores never change here, so no network runs; what was written when they were made stays as it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from core.bundle import OperatingPoint, same_model
from core.scoring.classifier import GREY_ZONE, Classifier
from core.scoring.rows import ScoreRow
from core.tables import SLIDE_COLUMNS, KnownById, parse_label


@dataclass(frozen=True)
class AppliedPoint:
    """An operating point that finished rows are called at.

    Attributes:
        point: The operating point.
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
        cells = known.of(row.id, row.path)
        if not cells:
            yield row
            continue
        label = parse_label(cells.get("label", ""), "the table of labels")
        slide = next(filter(None, (cells.get(column) for column in SLIDE_COLUMNS)), None)
        yield replace(
            row,
            label=row.label if label is None else label,
            slide=slide or row.slide,
            split=cells.get("split") or row.split,
        )
