"""A source explained: the rows of scoring, each with its measures, in the source's order."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from core.engine import Details, Engine, Finished, Pending
from core.explanation.cam import CamBatch
from core.explanation.explainer import Explainer
from core.explanation.faithfulness import TwinTester
from core.explanation.reliance import CentreTest
from core.explanation.rows import ExplanationRow, score_views
from core.patches import ImageU8, Patch, PatchSource, UnreadablePatch, can_be_judged
from core.scoring import Status

if TYPE_CHECKING:
    from core.engine import TorchEngine


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is measured of each patch beside its map; each part costs passes of its own.

    Attributes:
        centre_test: About 15 passes a patch; None leaves it out.
        views: The eight orientations, 8 passes a patch.
        twins: 10 to 50 passes a patch, more with finer cells; None leaves it out.
    """

    centre_test: CentreTest | None = None
    views: bool = False
    twins: TwinTester | None = None


class _RecordingEngine(Engine):
    """Scores by explaining, and keeps the maps of the pass.

    The scorer thus makes the rows, and a table of explanations cannot disagree with one of scores
    about what is withheld, called, or failed.
    """

    def __init__(self, explainer: Explainer) -> None:
        engine = explainer.classifier.engine
        self.place, self.device_name = engine.place, engine.device_name
        self.batch: CamBatch | None = None
        self._explainer = explainer

    def submit(self, images_rgb_u8: ImageU8) -> Pending:
        batch = self.batch = self._explainer.maps(images_rgb_u8)
        return lambda: Finished(batch.logits)

    def details(self, images_rgb_u8: ImageU8) -> Details:
        return self._explainer.classifier.engine.details(images_rgb_u8)

    def pytorch(self) -> "TorchEngine":
        return self._explainer.classifier.engine.pytorch()


def explain_source(
    source: PatchSource, explainer: Explainer, measurement: Measurement, *, batch_size: int = 64
) -> Iterator[ExplanationRow]:
    """Yield one row per input, in order; inputs without a score have a row that says why."""
    with closing(source.stream()) as inputs:
        while batch := list(islice(inputs, batch_size)):
            yield from explain_batch(batch, explainer, measurement)


def explain_batch(
    inputs: Sequence[Patch | UnreadablePatch], explainer: Explainer, measurement: Measurement
) -> list[ExplanationRow]:
    """Return one row per input, in order; score and map of a patch come from one pass."""
    recorder = _RecordingEngine(explainer)
    scores = replace(explainer.classifier, engine=recorder).score(inputs)
    rows = [ExplanationRow(score) for score in scores]
    if recorder.batch is None:
        return rows
    # What the scorer judges, in this order.
    judged = [
        (number, item.image_rgb_u8) for number, item in enumerate(inputs) if can_be_judged(item)
    ]
    images = np.stack([image for _, image in judged])
    count = len(images)
    test, twins = measurement.centre_test, measurement.twins
    parts = zip(
        explainer.measured(recorder.batch),
        test.run(images, recorder.batch.logits) if test else [None] * count,
        score_views(explainer.classifier, images) if measurement.views else [None] * count,
        twins.run(images, recorder.batch) if twins else [None] * count,
        strict=True,
    )
    for (number, _), measures in zip(judged, parts, strict=True):
        if scores[number].status is Status.SCORED:
            rows[number] = ExplanationRow(scores[number], *measures)
    return rows
