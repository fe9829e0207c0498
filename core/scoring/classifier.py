"""A model that has checked itself, ready to score patches, in one orientation or eight."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import numpy as np
import scipy
from numpy.typing import NDArray

from core.bundle import Bundle, OperatingPoint, read_bundle
from core.engine import D4_VIEWS, Engine, EngineKind, Precision, d4_views, open_engine
from core.errors import BundleError, NodelensError, RunError, in_a_line
from core.patches import ImageU8, Patch, UnreadablePatch, are_flat
from core.scoring.rows import ScoreRow, Status, is_unlike
from core.settings import Settings
from core.thresholds import LockedPoint


class TestTimeAugmentation(StrEnum):
    """In how many orientations a patch is scored.

    NONE scores it as it is, D4 averages the logits of its eight orientations, D4_NEAR does so
    where it can change the call: within the card's band around a threshold.
    """

    __test__ = False  # not a test case, whatever its name

    NONE = "none"
    D4 = "d4"
    D4_NEAR = "d4-near"


@dataclass(frozen=True, slots=True)
class Scored:
    """One patch's logit.

    Attributes:
        logit: Tumour logit before temperature, of one orientation or the mean of eight.
        prob_tumour: Calibrated.
        sd_logit: Standard deviation over eight orientations, None for one.
        orientations: How many, and by which rule, in words.
        distance: From the training patches, as `core.bundle.domain` has it; None where the card
            knows none.
    """

    logit: float
    prob_tumour: float
    sd_logit: float | None
    orientations: str
    distance: float | None = None


MOST_TOLERANCE_LOGIT: Final = 0.05
"""Float32 differs by about 1e-4 logits between processors; a card cannot ask for more than this."""
FLAT: Final = (
    "The patch is one flat colour: there is no tissue to judge. Check the export if you expected "
    "a picture."
)
GREY_ZONE: Final = "In the grey zone between the two thresholds: no call, a reader decides."


@dataclass(frozen=True)
class SelfTest:
    """The golden patches scored on this machine, against what the card expects.

    Attributes:
        patches: How many.
        largest_difference_logit: Between found and expected.
        tolerance_logit: Largest difference that passes: the card's, never above 0.05; what its
            precision explains where the engine computes in 16 bits.
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
        calibrated: NDArray[np.float64] = scipy.special.expit(
            logits.astype(np.float64) / self.temperature
        )
        return calibrated

    def score(
        self,
        inputs: Sequence[Patch | UnreadablePatch],
        tta: TestTimeAugmentation = TestTimeAugmentation.NONE,
    ) -> list[ScoreRow]:
        """Return one row per input, in order; the patches among them are scored as one batch."""
        return self.begin(inputs, tta)()

    def begin(
        self,
        inputs: Sequence[Patch | UnreadablePatch],
        tta: TestTimeAugmentation = TestTimeAugmentation.NONE,
    ) -> Callable[[], list[ScoreRow]]:
        """Start scoring inputs; what is returned waits for their rows. Several may be under way.

        Raises:
            RunError: The card has no band for D4_NEAR.
        """
        patches = [item for item in inputs if isinstance(item, Patch)]
        images = np.stack([patch.image_rgb_u8 for patch in patches]) if patches else None
        judged: list[int] = []
        if images is not None:
            judged = np.flatnonzero(~are_flat(images)).tolist()
            if len(judged) < len(patches):
                images = images[judged]
        positions = {patches[place].index: number for number, place in enumerate(judged)}
        waiting = None if images is None or not judged else self._begin_logits(images, tta)

        def rows() -> list[ScoreRow]:
            scored = [] if waiting is None else waiting()
            numbers = [positions.get(item.index) for item in inputs]
            return [
                self.row(item, None if number is None else scored[number])
                for item, number in zip(inputs, numbers, strict=True)
            ]

        return rows

    def _begin_logits(
        self, images_rgb_u8: ImageU8, tta: TestTimeAugmentation
    ) -> Callable[[], list[Scored]]:
        """Start on patches (N, 96, 96, 3); what is returned waits for one `Scored` per patch."""
        measured = self.bundle.card.orientations
        if tta is TestTimeAugmentation.D4_NEAR and measured is None:
            raise RunError(
                "This model's card does not say how far eight orientations move a score. "
                "Score with all eight, or add it with `python -m training measure`."
            )
        eight = tta is TestTimeAugmentation.D4
        wait = self.engine.submit(
            np.concatenate(d4_views(images_rgb_u8)) if eight else images_rgb_u8
        )

        def result() -> list[Scored]:
            done, count = wait(), len(images_rgb_u8)
            if eight:
                scored = self._scored(done.logits.reshape(D4_VIEWS, count).T, "8")
            elif tta is TestTimeAugmentation.NONE or measured is None:
                scored = self._scored(done.logits[:, None], "1")
            else:
                scored = self._near(images_rgb_u8, done.logits[:, None], measured.band_logit)
            if self.bundle.domain is None or done.statistics is None:
                return scored
            distances = self.bundle.domain.distances(done.statistics[:count]).tolist()
            return [replace(one, distance=d) for one, d in zip(scored, distances, strict=True)]

        return result

    def _limits(self) -> NDArray[np.float64]:
        """Return the thresholds in force as logits of the network, (1,) or (2,)."""
        point = self.operating_point
        thresholds = [t for t in (point.threshold, point.lower_threshold) if t is not None]
        limits: NDArray[np.float64] = scipy.special.logit(np.array(thresholds)) * self.temperature
        return limits

    def near_scores(self, band_logit: float) -> tuple[float, float]:
        """Return the scores below and above which no patch lies that near a threshold."""
        limits = self._limits()
        low, high = scipy.special.expit(
            np.array([limits.min() - band_logit, limits.max() + band_logit]) / self.temperature
        )
        return float(low), float(high)

    def _near(
        self, images_rgb_u8: ImageU8, views: NDArray[np.float32], band_logit: float
    ) -> list[Scored]:
        """Score in eight orientations what is within the band around a threshold in force."""
        near = np.abs(views - self._limits()).min(axis=1) <= band_logit  # (N, 1), (1,) or (2,)
        rows = self._scored(views, f"1: further than {band_logit:.2f} logits from the threshold")
        if near.any():
            others = np.concatenate(d4_views(images_rgb_u8[near])[1:])
            turned = self.engine.logits(others).reshape(D4_VIEWS - 1, -1).T
            eight = self._scored(
                np.concatenate([views[near], turned], axis=1),
                f"8: within {band_logit:.2f} logits of the threshold",
            )
            for place, scored in zip(np.flatnonzero(near), eight, strict=True):
                rows[place] = scored
        return rows

    def _scored(self, views: NDArray[np.float32], rule: str) -> list[Scored]:
        """Return the patches of logits (N, 1) or (N, 8)."""
        # Contiguous rows, so that a mean adds up in one order whatever the batch.
        views = np.ascontiguousarray(views)
        logits = views.mean(axis=1)
        spread = views.std(axis=1).tolist() if views.shape[1] > 1 else [None] * len(views)
        probabilities = self.probability(logits).tolist()
        parts = zip(logits.tolist(), probabilities, spread, strict=True)
        return [Scored(*numbers, rule) for numbers in parts]

    def row(self, item: Patch | UnreadablePatch, logit: Scored | None) -> ScoreRow:
        """Return the row of one input; without a logit, the one that says why it has none."""
        if logit is None:
            return self._unscored(item, item.reason if isinstance(item, UnreadablePatch) else FLAT)
        if not math.isfinite(logit.logit):
            return self._unscored(item, "The model returned no valid score for this patch.")
        call = self.operating_point.call(logit.prob_tumour)
        return replace(
            self._unscored(item, "" if call is not None else GREY_ZONE),
            status=Status.SCORED,
            logit=logit.logit,
            prob_tumour=logit.prob_tumour,
            predicted_label=call,
            d4_sd_logit=logit.sd_logit,
            temperature=self.temperature,
            orientations=logit.orientations,
            domain_distance=logit.distance,
            unlike_training=is_unlike(logit.distance),
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


def open_classifier(
    folder: Path,
    *,
    device: str = "auto",
    precision: Precision = Precision.EXACT,
    engine: EngineKind = EngineKind.AUTO,
    graphs: Path | None = None,
) -> Classifier:
    """Return the model in a bundle after it has reproduced its golden scores on this machine.

    Args:
        folder: The bundle.
        device: "auto", "cpu" or "cuda".
        precision: FAST is a wish; the engine says what it computes.
        engine: Which engine; AUTO takes the fastest.
        graphs: Where converted networks are kept; None means the installation's data folder.

    Raises:
        BundleError: The bundle is incomplete, altered, or scores its golden patches otherwise
            than its card says.
        RunError: Device or engine are not there.
    """
    bundle = read_bundle(folder)
    card = bundle.card
    kept = graphs or Settings.from_environment(os.environ).graphs_dir
    try:
        opened = open_engine(bundle, device=device, precision=precision, kind=engine, graphs=kept)
        self_test = run_self_test(bundle, opened)
    except NodelensError:
        raise
    except Exception as error:  # noqa: BLE001 - a card can ask a network for anything
        raise BundleError(
            f"The model cannot be built or run as its card says ({in_a_line(error)}). Export the "
            "bundle again."
        ) from None
    if not self_test.passed:
        raise BundleError(
            f"Self-test failed: the {self_test.patches} golden patches differ by up to "
            f"{self_test.largest_difference_logit:.4g} logits from the card; "
            f"{self_test.tolerance_logit:.4g} are allowed. Nothing is scored with this model on "
            "this machine. Install the pinned versions, or export the bundle again."
        )
    return Classifier(bundle, opened, self_test, card.operating_point, card.temperature)


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
    logits = engine.logits(bundle.golden_images)
    difference = np.abs(logits - bundle.golden_logits)
    largest = float(difference.max()) if np.isfinite(difference).all() else float("inf")
    exact = min(bundle.card.golden.tolerance_logit, MOST_TOLERANCE_LOGIT)
    return SelfTest(len(logits), largest, max(exact, engine.tolerance_logit))
