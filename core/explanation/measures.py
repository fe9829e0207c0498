"""The measures of an explanation whose distribution is reported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.explanation.reliance import Decisive
from core.explanation.rows import ExplanationRow, MapState


@dataclass(frozen=True)
class Measure:
    """A measure whose distribution is reported.

    Attributes:
        key: Its column.
        name: What the reader calls it.
        get: The measure of a row, None where it was not made.
        rate: Whether it is yes or no (1 or 0), so that its mean is a rate.
        bounds: Smallest and largest possible value, None open.
        by_area: What a map without any preference would give; None where there is no such value.
    """

    key: str
    name: str
    get: Callable[[ExplanationRow], float | None]
    rate: bool = False
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    by_area: float | None = None


def _passed(row: ExplanationRow) -> bool:
    return row.map_state is MapState.RELIABLE


def _reliable(row: ExplanationRow) -> float | None:
    tested = row.map_state in (MapState.RELIABLE, MapState.UNRELIABLE)
    return _passed(row) if tested else None


def _share(row: ExplanationRow) -> float | None:
    return None if row.explanation is None else row.explanation.centre.share


def _peak(row: ExplanationRow) -> float | None:
    return None if row.explanation is None else row.explanation.centre.peak_in_centre


def _decided(region: Decisive) -> Callable[[ExplanationRow], float | None]:
    def decided(row: ExplanationRow) -> float | None:
        if row.reliance is None or row.reliance.decisive is Decisive.NO_CALL:
            return None
        return row.reliance.decisive is region

    return decided


MEASURES: Final = (
    Measure("centre_share", "Part of the map's evidence in the centre", _share, by_area=1 / 9),
    Measure(
        "centre_share_reliable",
        "The same, only maps that passed their test",
        lambda row: _share(row) if _passed(row) else None,
        by_area=1 / 9,
    ),
    Measure(
        "peak_in_centre",
        "Pointing game: highest cell in the centre",
        _peak,
        rate=True,
        by_area=1 / 9,
    ),
    Measure(
        "peak_in_centre_reliable",
        "The same, only maps that passed their test",
        lambda row: _peak(row) if _passed(row) else None,
        rate=True,
        by_area=1 / 9,
    ),
    Measure(
        "evidence_for",
        "Evidence for the target (sum of positive values)",
        lambda row: None if row.explanation is None else row.explanation.centre.evidence_for,
        bounds=(0.0, None),
    ),
    Measure(
        "weak_evidence",
        "Weak evidence: does not double the odds",
        lambda row: None if row.explanation is None else row.explanation.weak,
        rate=True,
    ),
    Measure(
        "centre_reliance",
        "Centre reliance: part of the odds that rests on the centre",
        lambda row: None if row.reliance is None else row.reliance.score,
    ),
    Measure(
        "ring_reliance",
        "Ring reliance: part of the odds that rests on the ring",
        lambda row: None if row.reliance is None else row.reliance.ring_score,
    ),
    Measure(
        "centre_reliance_spread",
        "Spread of centre reliance over fillers (SD)",
        lambda row: None if row.reliance is None else row.reliance.spread,
        bounds=(0.0, 0.5),
    ),
    *(
        Measure(f"decided_{key}", f"Tumour call decided by: {region}", _decided(region), rate=True)
        for key, region in (
            ("centre", Decisive.CENTRE),
            ("ring", Decisive.RING),
            ("either", Decisive.EITHER),
            ("together", Decisive.TOGETHER),
        )
    ),
    Measure(
        "twins_beaten",
        "Part of the randomised twins that the map beats",
        lambda row: None if row.twins is None else row.twins.beaten,
    ),
    Measure(
        "reliable",
        "Map passed its test",
        _reliable,
        rate=True,
    ),
    Measure(
        "d4_spread_logit",
        "Spread of the logit over eight orientations (SD)",
        lambda row: None if row.views is None else row.views.sd_logit,
        bounds=(0.0, None),
    ),
    Measure(
        "d4_flips",
        "Some orientation is called otherwise",
        lambda row: None if row.views is None else row.views.flips > 0,
        rate=True,
    ),
)
DECIDED: Final = tuple(one for one in MEASURES if one.key.startswith("decided_"))


def measured(key: str) -> Callable[[ExplanationRow], float | None]:
    """Return what reads the measure of a column from a row."""
    return next(one.get for one in MEASURES if one.key == key)
