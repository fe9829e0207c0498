"""Explanations of a collection of patches as they come in; no Streamlit in here."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from core.bundle import same_model
from core.explanation import (
    CentreTest,
    DonorPool,
    Explainer,
    ExplanationRow,
    MapState,
    Measurement,
    TwinTester,
    explain_batch,
    score_views,
    shared_scale,
)
from core.explanation.kept import KeptMeasures
from core.explanation.listing import is_tested
from core.patches import ImageU8, Patch, PatchSource
from core.scoring import AppliedPoint, ScoreRow

_PASS: Final = 64


@dataclass(frozen=True, eq=False)
class PatchCollection:
    """Patches to be explained together, on one scale.

    Attributes:
        key: What nobody else's collection has: a job's id, or a hash of the content.
        name: What its owner calls it.
        source: Where the patches are.
        positions: Which of them, in the order in which they are explained.
        left_out: Scored patches that are too many.
        donors: Tissue for the centre test; None takes the shipped drawings.
        scored_by: The model that scored them before, "" if none did.
        job: Id of the batch that they are; "" for others.
        scores: Their rows by position, as far as that model made them.
        kept_in: File that measures are kept in; None keeps them in memory alone.
        writable: Whether that file may be changed now.
    """

    key: str
    name: str
    source: PatchSource
    positions: tuple[int, ...]
    left_out: int = 0
    donors: DonorPool | None = None
    scored_by: str = ""
    job: str = ""
    scores: Mapping[int, ScoreRow] = field(default_factory=dict)
    kept_in: Path | None = None
    writable: Callable[[], bool] = lambda: True

    def image(self, position: int) -> ImageU8 | None:
        """Return a patch (96, 96, 3), None where it cannot be read."""
        item = self.source.read(position)
        return item.image_rgb_u8 if isinstance(item, Patch) else None


class ExplainedPatches:
    """The rows of one collection by one explainer; they grow, and any thread may ask for more.

    Attributes:
        explainer: Makes the maps.
        collection: The patches.
        untestable: Why maps cannot be tested against twins, "" if they can.
    """

    def __init__(self, explainer: Explainer, collection: PatchCollection) -> None:
        """Start with what is kept of the collection."""
        self.explainer = explainer
        self.collection = collection
        self.untestable = ""
        by_this = same_model(collection.scored_by, explainer.classifier.model_id)
        scores = collection.scores if by_this else {}
        called = AppliedPoint.of(explainer.classifier).call(scores.values())
        self._scores = dict(zip(scores, called, strict=True))
        self._kept: KeptMeasures | None = None
        if collection.kept_in is not None:
            self._kept = KeptMeasures(
                collection.kept_in, explainer, collection.donors, writable=collection.writable
            )
        self._rows: dict[int, ExplanationRow] = {
            at: row
            for at, score in self._scores.items()
            if self._kept is not None and (row := self._kept.row(score)) is not None
        }
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explained")
        self._ahead: Future[None] | None = None

    @cached_property
    def centre_test(self) -> CentreTest:
        """The centre-against-ring test of the explained model."""
        return CentreTest(self.explainer.classifier, donors=self.collection.donors)

    @cached_property
    def twins(self) -> TwinTester | None:
        """The test against randomised heads, None where there is no such test."""
        tester, self.untestable = TwinTester.of(self.explainer)
        return tester

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

    def listed(self, positions: Sequence[int]) -> dict[int, ExplanationRow]:
        """Return what is known of some patches, of those not measured yet their scores."""
        scored = {at: ExplanationRow(score) for at, score in self._scores.items()}
        known = scored | self._rows
        return {at: known[at] for at in positions if at in known}

    def missing(self, positions: Sequence[int]) -> list[int]:
        """Return the positions that have no row yet."""
        return [position for position in positions if position not in self._rows]

    def untested(self, positions: Sequence[int]) -> list[int]:
        """Return the positions that were explained but not put to the tests."""
        return [at for at in positions if (row := self._rows.get(at)) and not is_tested(row)]

    def untested_maps(self, positions: Sequence[int]) -> list[int]:
        """Return the positions whose maps could be tested but were not."""
        rows = self.rows(positions)
        untested = [at for at, row in rows.items() if row.map_state is MapState.UNTESTED]
        return untested if untested and self.twins is not None else []

    def measure(self, positions: Sequence[int], measurement: Measurement) -> None:
        """Explain some patches and keep what comes out, beside what was known of them.

        A map that is known is not made again unless a test needs its pass. Nobody waits for what
        is there already, nor for what another thread measures of other patches.
        """
        lacking = [at for at in positions if not _has(self._rows.get(at), measurement)]
        anew = [at for at in lacking if measurement.twins or at not in self._rows]
        source = self.collection.source
        items = [source.read(position) for position in anew]
        for position, row in zip(
            anew, explain_batch(items, self.explainer, measurement), strict=True
        ):
            self._keep(position, replace(row, score=self._scores.get(position, row.score)))
        for position in lacking:
            if position not in anew:
                item, row = source.read(position), self._rows[position]
                if isinstance(item, Patch):
                    self._keep(position, self._tested(row, item.image_rgb_u8, measurement))

    def _keep(self, position: int, update: ExplanationRow) -> None:
        with self._lock:
            row = self._rows[position] = _merged(self._rows.get(position), update)
        if self._kept is not None:
            self._kept.put(row)

    def _tested(
        self, row: ExplanationRow, image_rgb_u8: ImageU8, measurement: Measurement
    ) -> ExplanationRow:
        """Return a row with the tests that rest on no map."""
        if row.explanation is None:
            return row
        logits = np.array([row.explanation.logit], np.float32)
        test, images = measurement.centre_test, image_rgb_u8[None]
        return replace(
            row,
            reliance=test.run(images, logits)[0] if test else row.reliance,
            views=score_views(self.explainer.classifier, images)[0]
            if measurement.views
            else row.views,
        )

    def prepare(self, positions: Sequence[int], measurement: Measurement) -> None:
        """Have patches measured in the background, unless others are being measured so.

        What goes wrong shows when the patch is asked for.
        """
        if self._ahead is not None and not self._ahead.done():
            return
        if not all(_has(self.row(at), measurement) for at in positions):
            self._ahead = self._thread.submit(self.measure, positions, measurement)

    def scale(self, positions: Sequence[int]) -> float:
        """Return the value that gets the full colour if all these maps are to be compared."""
        return shared_scale(
            row.explanation.cam
            for row in self.rows(positions).values()
            if row.explanation is not None
        )


def _has(row: ExplanationRow | None, measurement: Measurement) -> bool:
    """Return whether a row has all that would be measured."""
    if row is None or row.explanation is None:
        return row is not None
    return (
        (measurement.centre_test is None or row.reliance is not None)
        and (not measurement.views or row.views is not None)
        and (measurement.twins is None or row.twins is not None)
    )


def _merged(known: ExplanationRow | None, update: ExplanationRow) -> ExplanationRow:
    if known is None:
        return update
    return replace(
        known,
        reliance=update.reliance or known.reliance,
        views=update.views or known.views,
        twins=update.twins or known.twins,
    )
