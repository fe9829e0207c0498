"""A model that has checked itself, ready to score patches at an operating point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.bundle import Bundle, OperatingPoint, read_bundle
from core.engine import Engine
from core.errors import BundleError, RunError
from core.patches import ImageU8, Patch, UnreadablePatch
from core.scoring.rows import ScoreRow, Status
from core.thresholds import LockedPoint

FLAT_SD: Final = 0.5
"""Grey levels; a patch whose every channel varies less holds one colour and no picture."""


_GREY_ZONE: Final = "In the grey zone between the two thresholds: no call, a person decides."


class TestTimeAugmentation(StrEnum):
    """NONE scores the patch as it is, D4 averages the logits of its eight orientations."""

    __test__ = False  # not a test case, whatever its name

    NONE = "none"
    D4 = "d4"


@dataclass(frozen=True)
class SelfTest:
    """The golden patches scored on this machine, against what the card expects.

    Attributes:
        patches: How many.
        largest_difference_logit: Between found and expected.
        tolerance_logit: Largest difference that passes.
    """

    patches: int
    largest_difference_logit: float
    tolerance_logit: float

    @property
    def passed(self) -> bool:
        """Whether the model reproduces its golden scores."""
        return self.largest_difference_logit <= self.tolerance_logit


@dataclass(frozen=True, eq=False)
class Classifier:
    """A bundle on an engine, with the operating point that is in force.

    Attributes:
        bundle: The model and its card.
        engine: Where it runs.
        self_test: Passed, or there would be no classifier.
        operating_point: The threshold applied.
        temperature: Logits are divided by it before the sigmoid; the card's, or a locked one.
    """

    bundle: Bundle
    engine: Engine
    self_test: SelfTest
    operating_point: OperatingPoint
    temperature: float

    @property
    def model_id(self) -> str:
        """What every score is signed with."""
        return self.bundle.card.model_id

    def at(self, operating_point: OperatingPoint, *, temperature: float | None = None) -> Self:
        """Return the same model, sharing the engine, at another operating point.

        Args:
            operating_point: The threshold to apply.
            temperature: The temperature that its probabilities are meant with; None keeps it.
        """
        chosen = self.temperature if temperature is None else temperature
        return replace(self, operating_point=operating_point, temperature=chosen)

    def probability(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities of tumour for logits of the same shape, float64."""
        calibrated: NDArray[np.float64] = expit(logits.astype(np.float64) / self.temperature)
        return calibrated

    def score(
        self,
        inputs: Sequence[Patch | UnreadablePatch],
        tta: TestTimeAugmentation = TestTimeAugmentation.NONE,
    ) -> list[ScoreRow]:
        """Return one row per input, in order; the patches among them are scored as one batch."""
        judged = [
            item for item in inputs if isinstance(item, Patch) and not is_flat(item.image_rgb_u8)
        ]
        logits = np.empty(0, np.float32)
        spread: NDArray[np.float32] | None = None
        if judged:
            images = np.stack([patch.image_rgb_u8 for patch in judged])
            if tta is TestTimeAugmentation.D4:
                views = self.engine.d4_logits(images)
                logits, spread = views.mean(axis=1), views.std(axis=1)
            else:
                logits = self.engine.logits(images)
        probabilities = self.probability(logits)
        position = {patch.index: number for number, patch in enumerate(judged)}
        rows = []
        for item in inputs:
            number = position.get(item.index)
            if number is None:
                rows.append(self._unscored(item, _why_not(item)))
            elif not np.isfinite(logits[number]):
                rows.append(self._unscored(item, "The model's output is no number for this patch."))
            else:
                rows.append(
                    self._row(
                        item,
                        logit=float(logits[number]),
                        prob_tumour=float(probabilities[number]),
                        d4_sd_logit=None if spread is None else float(spread[number]),
                    )
                )
        return rows

    def _row(
        self,
        item: Patch | UnreadablePatch,
        *,
        logit: float,
        prob_tumour: float,
        d4_sd_logit: float | None,
    ) -> ScoreRow:
        call = self.operating_point.call(prob_tumour)
        blank = self._unscored(item, "" if call is not None else _GREY_ZONE)
        return replace(
            blank,
            status=Status.SCORED,
            logit=logit,
            prob_tumour=prob_tumour,
            predicted_label=call,
            d4_sd_logit=d4_sd_logit,
            temperature=self.temperature,
        )

    def _unscored(self, item: Patch | UnreadablePatch, reason: str) -> ScoreRow:
        return ScoreRow(
            id=item.entry.id,
            path=item.entry.path,
            status=Status.WITHHELD if isinstance(item, Patch) else Status.FAILED,
            prob_tumour=None,
            logit=None,
            predicted_label=None,
            threshold=self.operating_point.threshold,
            lower_threshold=self.operating_point.lower_threshold,
            operating_point=self.operating_point.name,
            model_id=self.model_id,
            sha256=item.sha256,
            reason=reason,
            note=item.note if isinstance(item, Patch) else "",
            d4_sd_logit=None,
            label=item.entry.label,
            slide=item.entry.slide,
            split=item.entry.split,
        )


def is_flat(image_rgb_u8: ImageU8) -> bool:
    """Return whether a patch (H, W, 3) holds one flat colour: every channel's SD below 0.5."""
    return bool(image_rgb_u8.std(axis=(0, 1)).max() < FLAT_SD)


def _why_not(item: Patch | UnreadablePatch) -> str:
    if isinstance(item, UnreadablePatch):
        return item.reason
    return (
        "The patch is one flat colour: there is no tissue to judge. "
        "Check the export if you expected a picture."
    )


def open_classifier(folder: Path, *, device: str = "auto") -> Classifier:
    """Return the model in a bundle after it has reproduced its golden scores on this machine.

    Args:
        folder: The bundle.
        device: "auto", "cpu" or "cuda".

    Raises:
        BundleError: The bundle is incomplete, altered, or scores its golden patches otherwise
            than its card says.
        RunError: The device is not there.
    """
    from core.engine import TorchEngine  # noqa: PLC0415 - loads PyTorch, tables do without

    bundle = read_bundle(folder)
    card = bundle.card
    engine = TorchEngine(card.architecture, card.preprocessing, bundle.weights, device=device)
    self_test = run_self_test(bundle, engine)
    if not self_test.passed:
        raise BundleError(
            f"Self-test failed: the {self_test.patches} golden patches differ by up to "
            f"{self_test.largest_difference_logit:.4g} logits from the card; allowed are "
            f"{self_test.tolerance_logit:.4g}. Nothing is scored with this model on this machine. "
            "Install the pinned versions, or export the bundle again."
        )
    return Classifier(bundle, engine, self_test, card.operating_point, card.temperature)


def apply_locked_point(classifier: Classifier, locked: LockedPoint) -> Classifier:
    """Return the model at a locked operating point.

    Raises:
        RunError: It was locked for other weights.
    """
    weights = classifier.bundle.card.weights_sha256
    if locked.weights_sha256 != weights:
        raise RunError(
            f"Operating point {locked.version} was locked for the model {locked.model_id}; this "
            f"model is {classifier.model_id}. Lock a threshold on this model's own scores."
        )
    return classifier.at(locked.operating_point, temperature=locked.temperature)


def run_self_test(bundle: Bundle, engine: Engine) -> SelfTest:
    """Return how far the golden patches, scored now, are from the card's expectation."""
    found = engine.logits(bundle.golden_images)
    difference = np.abs(found - bundle.golden_logits)
    largest = float(difference.max()) if np.isfinite(difference).all() else float("inf")
    return SelfTest(len(found), largest, bundle.card.golden.tolerance_logit)
