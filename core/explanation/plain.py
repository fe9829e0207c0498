"""What an explanation amounts to, as facts; `core.explanation.words` says them."""

from dataclasses import dataclass
from enum import StrEnum

from core.explanation.reliance import Decisive
from core.explanation.rows import ExplanationRow, MapState
from core.scoring import Outcome, outcome


class Rests(StrEnum):
    """What a score rests on."""

    CENTRE = "centre"
    AROUND = "around"
    BOTH = "both"
    NOTHING = "nothing"


@dataclass(frozen=True)
class PlainFacts:
    """The few facts that a reader needs first.

    Attributes:
        outcome: What the model made of the patch.
        score: Calibrated probability of tumour in the centre, 0..1; None without a score.
        rests: Where the evidence lies; None where nothing is known of it.
        tested: Whether that was found by replacing centre and ring, not read off the map.
        map_state: How far the map can be trusted.
    """

    outcome: Outcome
    score: float | None
    rests: Rests | None
    tested: bool
    map_state: MapState

    @property
    def read_it_yourself(self) -> bool:
        """Whether the call rests on what does not count for the question."""
        return self.outcome is Outcome.TUMOUR and self.rests is Rests.AROUND


_REGIONS = {
    Decisive.CENTRE: Rests.CENTRE,
    Decisive.RING: Rests.AROUND,
    Decisive.EITHER: Rests.BOTH,
    Decisive.TOGETHER: Rests.BOTH,
}


def plain_facts(row: ExplanationRow, decides: Decisive | None = None) -> PlainFacts:
    """Return the facts of a row; what was replaced counts more than where a map lies.

    Args:
        row: Of a patch.
        decides: What its call hangs on, where that was found without the row's own test.
    """
    found, score = outcome(row.score), row.score.prob_tumour
    hangs_on = decides if row.reliance is None else row.reliance.decisive
    region = None if hangs_on is None else _REGIONS.get(hangs_on)
    tested = region is not None
    return PlainFacts(found, score, region or _by_map(row), tested, row.map_state)


def _by_map(row: ExplanationRow) -> Rests | None:
    """Return where more than half of the map's evidence for tumour lies."""
    if row.explanation is None:
        return None
    share = row.explanation.centre.share
    if share is None or row.explanation.weak:
        return Rests.NOTHING
    return Rests.CENTRE if share > 0.5 else Rests.AROUND
