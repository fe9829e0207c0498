"""The measures of an explanation whose distribution is reported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.explanation.reliance import Decisive
from core.explanation.rows import ExplanationRow, MapState, number

Number = Callable[[ExplanationRow], float | None]


@dataclass(frozen=True)
class Measure:
    """A measure whose distribution is reported.

    Attributes:
        key: Its column.
        name: What the reader calls it.
        get: The measure of a row, None where it was not made.
        rate: Whether it is yes or no, so that the mean of what is above 0 is a rate.
        bounds: Smallest and largest possible value, None open.
        by_area: What a map without any preference would give; None where there is no such value.
    """

    key: str
    name: str
    get: Number
    rate: bool = False
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    by_area: float | None = None


def _column(
    key: str,
    name: str,
    *,
    rate: bool = False,
    bounds: tuple[float | None, float | None] = (0.0, 1.0),
    by_area: float | None = None,
) -> Measure:
    return Measure(key, name, number(key), rate, bounds, by_area)


def _if_passed(get: Number) -> Number:
    return lambda row: get(row) if row.map_state is MapState.RELIABLE else None


def _decided(region: Decisive) -> Number:
    def decided(row: ExplanationRow) -> float | None:
        if row.reliance is None or row.reliance.decisive is Decisive.NO_CALL:
            return None
        return row.reliance.decisive is region

    return decided


_PASSED: Final = "The same, only maps that passed their test"
_SHARE: Final = _column("centre_share", "Part of the map's evidence in the centre", by_area=1 / 9)
_PEAK: Final = _column(
    "peak_in_centre", "Pointing game: highest cell in the centre", rate=True, by_area=1 / 9
)
DECIDED: Final = tuple(
    Measure(f"decided_{key}", f"Tumour call decided by: {region}", _decided(region), rate=True)
    for key, region in (
        ("centre", Decisive.CENTRE),
        ("ring", Decisive.RING),
        ("either", Decisive.EITHER),
        ("together", Decisive.TOGETHER),
    )
)
MEASURES: Final = (
    _SHARE,
    Measure("centre_share_reliable", _PASSED, _if_passed(_SHARE.get), by_area=1 / 9),
    _PEAK,
    Measure("peak_in_centre_reliable", _PASSED, _if_passed(_PEAK.get), rate=True, by_area=1 / 9),
    _column("evidence_for", "Evidence for the target (sum of positive values)", bounds=(0.0, None)),
    _column("weak_evidence", "Weak evidence: does not double the odds", rate=True),
    _column("centre_reliance", "Centre reliance: part of the odds that rests on the centre"),
    _column("ring_reliance", "Ring reliance: part of the odds that rests on the ring"),
    _column(
        "centre_reliance_spread", "Spread of centre reliance over fillers (SD)", bounds=(0.0, 0.5)
    ),
    *DECIDED,
    _column("twins_beaten", "Part of the randomised twins that the map beats"),
    _column("reliable", "Map passed its test", rate=True),
    _column(
        "d4_spread_logit", "Spread of the logit over eight orientations (SD)", bounds=(0.0, None)
    ),
    _column("d4_flips", "Some orientation is called otherwise", rate=True),
)
