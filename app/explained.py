"""Explanations of a collection of patches as they come in; no Streamlit in here."""

import csv
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np

from core.errors import RunError
from core.explanation import (
    EXPLANATION_COLUMNS,
    CamMap,
    CentreTest,
    Decisive,
    DonorPool,
    Explainer,
    ExplanationRow,
    Measurement,
    TwinTester,
    explain_batch,
    shared_scale,
)
from core.jobs import Filter, Order, Outcome, outcome, select
from core.patches import ImageU8, Patch, PatchSource
from core.scoring import ScoreRow, Status

MOST_EXPLAINED: Final = 1_000
"""Of a larger batch, the patches with the highest scores."""
PASS: Final = 64
_FEWEST_DONORS: Final = 12
_MOST_DONORS: Final = 40
_MOST_READ: Final = 300
_DONOR_SCORE: Final = 0.1
_PALE: Final = 215
"""Grey level from which a pixel is glass or fat."""
_FULL: Final = 0.8


@dataclass(frozen=True, eq=False)
class PatchCollection:
    """Patches to be explained together, on one scale.

    Attributes:
        key: What nobody else's collection has: a job's id, or a hash of the content.
        name: What its owner calls it.
        source: Where the patches are.
        positions: Which of them, in the order in which they are explained.
        left_out: Scored patches that are too many.
        drawn: Whether these are drawings.
        donors: Tissue for the centre test; None takes the shipped drawings.
    """

    key: str
    name: str
    source: PatchSource
    positions: tuple[int, ...]
    left_out: int = 0
    drawn: bool = False
    donors: DonorPool | None = None

    def image(self, position: int) -> ImageU8 | None:
        """Return a patch (96, 96, 3), None where it cannot be read."""
        item = self.source.read(position)
        return item.image_rgb_u8 if isinstance(item, Patch) else None


def worth_explaining(rows: Sequence[ScoreRow]) -> tuple[tuple[int, ...], int]:
    """Return the positions of scored rows, highest score first, and how many were too many."""
    scored = [
        position
        for position in select(rows, Filter(), Order.HIGHEST)
        if rows[position].status is Status.SCORED
    ]
    return tuple(scored[:MOST_EXPLAINED]), max(0, len(scored) - MOST_EXPLAINED)


def donors_among(source: PatchSource, rows: Sequence[ScoreRow]) -> DonorPool | None:
    """Return the patches with the lowest scores as donors, None if there are too few.

    Tissue of the same stain makes truer pictures than drawings do. The model itself calls these
    free of tumour in the centre; their ring may hold some. Patches that are mostly glass or fat
    have no tissue to lend.
    """
    low = [
        position
        for position in select(rows, Filter(), Order.LOWEST)
        if (score := rows[position].prob_tumour) is not None
        and score < _DONOR_SCORE
        and rows[position].label != 1
    ]
    items = (source.read(position) for position in low[:_MOST_READ])
    full = (item for item in items if isinstance(item, Patch) and _is_full(item.image_rgb_u8))
    patches = list(islice(full, _MOST_DONORS))
    if len(patches) < _FEWEST_DONORS:
        return None
    return DonorPool.of(
        [patch.entry.id for patch in patches], np.stack([patch.image_rgb_u8 for patch in patches])
    )


def _is_full(image_rgb_u8: ImageU8) -> bool:
    return float((image_rgb_u8.mean(axis=2) < _PALE).mean()) >= _FULL


class ExplainedPatches:
    """The rows of one collection by one explainer; they grow, and any thread may ask for more.

    Attributes:
        explainer: Makes the maps.
        untestable: Why maps cannot be tested against twins, "" if they can.
    """

    def __init__(self, explainer: Explainer, donors: DonorPool | None) -> None:
        """Start with no rows."""
        self.explainer = explainer
        self.untestable = ""
        self._donors = donors
        self._rows: dict[int, ExplanationRow] = {}
        self._lock = threading.Lock()

    @cached_property
    def centre_test(self) -> CentreTest:
        """The centre-against-ring test of the explained model."""
        return CentreTest(self.explainer.classifier, donors=self._donors)

    @cached_property
    def twins(self) -> TwinTester | None:
        """The test against randomised heads, None if this network has no such head."""
        try:
            return TwinTester(self.explainer)
        except RunError as error:
            self.untestable = str(error)
            return None

    def tests(self, *, twins: bool = True) -> Measurement:
        """Return the tests that cost passes of their own."""
        return Measurement(
            centre_test=self.centre_test, views=True, twins=self.twins if twins else None
        )

    def row(self, position: int) -> ExplanationRow | None:
        """Return what is known of a patch."""
        return self._rows.get(position)

    def rows(self, positions: Sequence[int]) -> dict[int, ExplanationRow]:
        """Return what is known of some patches."""
        return {at: row for at in positions if (row := self._rows.get(at)) is not None}

    def missing(self, positions: Sequence[int]) -> list[int]:
        """Return the positions that have no row yet."""
        return [position for position in positions if position not in self._rows]

    def untested(self, positions: Sequence[int]) -> list[int]:
        """Return the positions that were explained but not put to the tests."""
        return [at for at in positions if (row := self._rows.get(at)) and not is_tested(row)]

    def measure(
        self, source: PatchSource, positions: Sequence[int], measurement: Measurement
    ) -> None:
        """Explain some patches and keep what comes out, beside what was known of them."""
        with self._lock:
            items = [source.read(position) for position in positions]
            found = explain_batch(items, self.explainer, measurement)
            for position, row in zip(positions, found, strict=True):
                self._rows[position] = _merged(self._rows.get(position), row)

    def scale(self, positions: Sequence[int]) -> float:
        """Return the value that gets the full colour if all these maps are to be compared."""
        return shared_scale(
            row.explanation.cam
            for row in self.rows(positions).values()
            if row.explanation is not None
        )


def _merged(known: ExplanationRow | None, found: ExplanationRow) -> ExplanationRow:
    if known is None:
        return found
    changes = {
        field.name: value
        for field in fields(found)
        if field.name not in {"score", "explanation", "overlay"}
        and (value := getattr(found, field.name)) is not None
    }
    return replace(known, **changes)


def is_tested(row: ExplanationRow) -> bool:
    """Return whether the centre and the orientations of a patch were tested."""
    return row.explanation is None or (row.reliance is not None and row.views is not None)


def shown_map(row: ExplanationRow | None) -> CamMap | None:
    """Return the map that may be drawn: none where the test says that it explains nothing."""
    if row is None or row.explanation is None or unreliable(row):
        return None
    return row.explanation.cam


def unreliable(row: ExplanationRow) -> bool:
    """Return whether the map did no better than maps of randomised heads."""
    return row.twins is not None and not row.twins.reliable


@dataclass(frozen=True)
class MeasureOrder:
    """A measure to sort by.

    Attributes:
        name: What the reader calls it.
        get: The measure of a row, None where it is not known.
        tested: Whether it needs the tests.
        lowest_first: Which end is worth looking at first.
        percent: Whether it reads as a percentage.
    """

    name: str
    get: Callable[[ExplanationRow], float | None]
    tested: bool = False
    lowest_first: bool = False
    percent: bool = False

    def text(self, row: ExplanationRow) -> str:
        """Return the measure as a reader wants it."""
        value = self.get(row)
        if value is None:
            return "not tested" if self.tested and not is_tested(row) else "none"
        return f"{value:.0%}" if self.percent else f"{value:.2f}"


ORDERS: Final = {
    order.name: order
    for order in (
        MeasureOrder("Score, highest first", lambda row: row.score.prob_tumour),
        MeasureOrder("Score, lowest first", lambda row: row.score.prob_tumour, lowest_first=True),
        MeasureOrder(
            "Nearest to the threshold",
            lambda row: (
                None
                if row.score.prob_tumour is None
                else abs(row.score.prob_tumour - row.score.threshold)
            ),
            lowest_first=True,
        ),
        MeasureOrder(
            "Most evidence in the centre",
            lambda row: None if row.explanation is None else row.explanation.centre.share,
            percent=True,
        ),
        MeasureOrder(
            "Least evidence in the centre",
            lambda row: None if row.explanation is None else row.explanation.centre.share,
            lowest_first=True,
            percent=True,
        ),
        MeasureOrder(
            "Strongest evidence",
            lambda row: None if row.explanation is None else row.explanation.centre.evidence_for,
        ),
        MeasureOrder(
            "Weakest evidence",
            lambda row: None if row.explanation is None else row.explanation.centre.evidence_for,
            lowest_first=True,
        ),
        MeasureOrder(
            "Lowest centre reliance",
            lambda row: None if row.reliance is None else row.reliance.score,
            tested=True,
            lowest_first=True,
        ),
        MeasureOrder(
            "Highest centre reliance",
            lambda row: None if row.reliance is None else row.reliance.score,
            tested=True,
        ),
        MeasureOrder(
            "Highest ring reliance",
            lambda row: None if row.reliance is None else row.reliance.ring_score,
            tested=True,
        ),
        MeasureOrder(
            "Fillers disagree most",
            lambda row: None if row.reliance is None else row.reliance.spread,
            tested=True,
        ),
        MeasureOrder(
            "Orientations disagree most",
            lambda row: None if row.views is None else row.views.sd_logit,
            tested=True,
        ),
        MeasureOrder(
            "Least faithful map",
            lambda row: None if row.twins is None else row.twins.faithfulness,
            tested=True,
            lowest_first=True,
        ),
    )
}

FILTERS: Final[dict[str, Callable[[ExplanationRow], bool]]] = {
    "Decided by the ring": lambda row: (
        row.reliance is not None and row.reliance.decisive is Decisive.RING
    ),
    "Weak evidence": lambda row: row.explanation is not None and bool(row.explanation.weak),
    "No reliable explanation": unreliable,
    "Orientations flip the call": lambda row: row.views is not None and row.views.flips > 0,
    "Called tumour": lambda row: outcome(row.score) is Outcome.TUMOUR,
}
NEED_TESTS: Final = frozenset(
    {"Decided by the ring", "No reliable explanation", "Orientations flip the call"}
)


def table_csv(rows: Sequence[ExplanationRow]) -> bytes:
    """Return rows as a CSV file with the columns of the command line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EXPLANATION_COLUMNS)
    writer.writerows(row.cells() for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def listed(
    rows: dict[int, ExplanationRow], wanted: Sequence[str], order: MeasureOrder
) -> list[int]:
    """Return the positions whose rows pass every filter, sorted; unknown measures come last."""
    kept = [at for at, row in rows.items() if all(FILTERS[name](row) for name in wanted)]

    def rank(position: int) -> tuple[bool, float]:
        value = order.get(rows[position])
        if value is None:
            return (True, 0.0)
        return (False, value if order.lowest_first else -value)

    return sorted(kept, key=rank)
