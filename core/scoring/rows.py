"""The result of scoring: one row per input, and what happened to it."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, get_args, get_type_hints


class Status(StrEnum):
    """What became of an input.

    SCORED has a probability. FAILED could not be read as a patch. WITHHELD is a patch, but one
    that no model can judge; it gets no probability.
    """

    SCORED = "scored"
    FAILED = "failed"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One input with its score.

    Attributes:
        id: The file's stem.
        path: Path relative to the source.
        status: See `Status`.
        prob_tumour: Calibrated probability of tumour in the centre 32 × 32, 0..1; None unless
            scored.
        logit: The network's tumour logit before temperature; None unless scored.
        predicted_label: 1 if `prob_tumour >= threshold`, else 0; None in a grey zone and unless
            scored.
        threshold: Of the operating point, on the probability.
        lower_threshold: Where the grey zone begins; None where there is no grey zone.
        operating_point: Its version.
        model_id: Name and weights' hash of the model.
        sha256: Of the input's bytes, "" if they could not be read.
        reason: Why it was not scored or got no label, "" otherwise.
        note: How the image was converted without loss, and what in its file contradicts that it
            is such a patch; "" otherwise.
        d4_sd_logit: Standard deviation of the logit over the eight orientations; None without
            test-time augmentation.
        label: Reference standard where the source knows it.
        slide: Slide where the source knows it.
        split: Split where the source knows it.
        temperature: The probability is sigmoid(logit / temperature); None unless scored.
        orientations: How many orientations the score is the mean of, and by which rule; "" unless
            scored, and in rows of runs from before this was noted.
        domain_distance: From the training patches; 1 is the limit that the card states. None
            unless scored, and where the card knows no such distance.
        unlike_training: 1 where that is above 1, else 0: the score of such a patch rests on nothing
            that the model has seen. None where there is no distance.
    """

    id: str
    path: str
    status: Status
    prob_tumour: float | None
    logit: float | None
    predicted_label: int | None
    threshold: float
    lower_threshold: float | None
    operating_point: str
    model_id: str
    sha256: str
    reason: str
    note: str
    d4_sd_logit: float | None
    label: int | None
    slide: str | None
    split: str | None
    temperature: float | None = None
    orientations: str = ""
    domain_distance: float | None = None
    unlike_training: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain values, in the order of `COLUMNS`."""
        return {column: getattr(self, column) for column in COLUMNS}


def is_unlike(distance: float | None) -> int | None:
    """Return `ScoreRow.unlike_training` for a distance."""
    return None if distance is None else int(distance > 1)


COLUMNS: Final = tuple(field.name for field in fields(ScoreRow))
TYPES: Final = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(ScoreRow).items()}
"""The types that each column may have, None's among them."""
