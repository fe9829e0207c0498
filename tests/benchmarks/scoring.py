"""Ways to score a folder of patches, timed in turn; each must give the same probabilities.

The plain loop is what a tutorial would write: Pillow, torchvision's transforms with the model's own
enlargement, a DataLoader, timm's network in eager float32, the same weights.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from core.bundle import Card, build_network, load_weights, tumour_logit
from core.engine.engine import FAST_TOLERANCE_LOGIT
from core.patches import ImageU8, Patch, open_source
from core.patches.colours import colour_notes
from core.scoring import Classifier, TestTimeAugmentation, open_journal, specify
from core.scoring.command import score_into
from core.scoring.outputs import read_scores

EXACT_TOLERANCE: Final = 1e-4
"""Of a probability: float32 in another order."""
_STEEPEST: Final = 0.25
"""Most that a probability changes with its logit."""
MOST_CHANGED_CALLS: Final = 0.01
_BATCH: Final = 64

Floats = NDArray[np.float64]


def fast_tolerance(card: Card) -> float:
    """Return how far 16 bits may move a probability: as far as on any validation patch.

    A card without that measure gets what the golden patches may be off. The calls that change are
    counted besides.
    """
    logit = FAST_TOLERANCE_LOGIT if card.fast is None else card.fast.largest_difference_logit
    return _STEEPEST * logit / card.temperature


@dataclass(frozen=True)
class Way:
    """One way to score.

    Attributes:
        name: As the table has it.
        score: Gives the probabilities of all patches.
        tolerance: Largest difference from the plain loop; None where another number is meant.
    """

    name: str
    score: Callable[[], Floats]
    tolerance: float | None


@dataclass
class Timing:
    """What was found of a way.

    Attributes:
        name: Of the way.
        seconds: Of each round.
        largest_difference: Of a probability, from the plain loop.
        changed_calls: Against the plain loop.
        fault: Why the way does not count, "" if it does.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    largest_difference: float = 0.0
    changed_calls: int = 0
    fault: str = ""


class _Files(Dataset[torch.Tensor]):
    """Files through torchvision's transforms, one by one."""

    def __init__(self, files: Sequence[Path], size_px: int, classifier: Classifier) -> None:
        preprocessing = classifier.bundle.card.preprocessing
        self.files = files
        self.transform = transforms.Compose(
            [
                transforms.ToTensor(),
                transforms.Resize(size_px, antialias=True),
                transforms.Normalize(preprocessing.mean, preprocessing.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.files[index]) as image:
            pixels: torch.Tensor = self.transform(image.convert("RGB"))
        return pixels


def plain_loop(
    files: Sequence[Path], classifier: Classifier, *, size_px: int | None = None
) -> Callable[[], Floats]:
    """Return the loop of a tutorial.

    Args:
        files: The patches.
        classifier: Whose weights, input size and temperature.
        size_px: Another input size, which then computes something else.
    """
    card = classifier.bundle.card
    network = build_network(card.architecture)
    load_weights(network, classifier.bundle.weights)
    data = _Files(files, size_px or card.preprocessing.input_size_px, classifier)

    def score() -> Floats:
        with torch.no_grad():
            parts = [tumour_logit(network(batch)) for batch in DataLoader(data, batch_size=_BATCH)]
        likely: Floats = expit(torch.cat(parts).double().numpy() / card.temperature)
        return likely

    return score


def whole_run(
    folder: Path,
    classifier: Classifier,
    tta: TestTimeAugmentation = TestTimeAugmentation.NONE,
) -> Callable[[], Floats]:
    """Return a scoring run as `core score` makes it: record, table and metadata on disk."""

    def score() -> Floats:
        with tempfile.TemporaryDirectory() as place, open_source(folder) as source:
            size = classifier.engine.batch_size
            spec = specify(source, classifier, tta=tta, batch_size=size)
            out = Path(place) / "scores.csv"
            journal = open_journal(Path(place) / "journal", spec, source, resume=False)
            score_into(out, source, classifier, journal)
            colour_notes(source)
            return np.array([probability for _, probability in read_scores(out)], np.float64)

    return score


def engine_alone(folder: Path, classifier: Classifier) -> Callable[[], Floats]:
    """Return the engine on patches that lie decoded in memory."""
    images = decoded(folder)
    return lambda: classifier.probability(classifier.engine.logits(images))


def with_maps(folder: Path, classifier: Classifier) -> Callable[[], Floats]:
    """Return the engine on decoded patches, giving the maps of the closed form as well."""
    images = decoded(folder)
    return lambda: classifier.probability(classifier.engine.details(images).logits)


def decoded(folder: Path) -> ImageU8:
    """Return all patches of a folder, (N, 96, 96, 3)."""
    with open_source(folder) as source:
        return np.stack([item.image_rgb_u8 for item in source.stream() if isinstance(item, Patch)])


def compare(
    reference: Way, ways: Sequence[Way], *, rounds: int, threshold: float, once: bool = False
) -> dict[str, Timing]:
    """Time ways in turn, after one round that warms, and hold their scores against the reference.

    A way whose probabilities differ by more than its tolerance has a fault. The reference is timed
    in that first round if it is to run `once` only.
    """
    everything = [*([] if once else [reference]), *ways]
    timings = {way.name: Timing(way.name) for way in (reference, *ways)}
    started = time.perf_counter()
    expected = reference.score()
    if once:
        timings[reference.name].seconds.append(time.perf_counter() - started)
    for way in ways:
        timing, found = timings[way.name], way.score()
        if way.tolerance is None:
            continue
        difference = np.abs(found - expected)
        timing.largest_difference = float(difference.max())
        timing.changed_calls = int(((found >= threshold) != (expected >= threshold)).sum())
        if not timing.largest_difference <= way.tolerance:
            timing.fault = (
                f"{way.name}: probabilities differ from the plain loop's by up to "
                f"{timing.largest_difference:.3g}; allowed are {way.tolerance:g}."
            )
        elif timing.changed_calls > most_changed(len(expected)):
            timing.fault = f"{way.name}: {timing.changed_calls} of {len(expected)} calls changed."
    for _ in range(rounds):
        for way in everything:
            started = time.perf_counter()
            way.score()
            timings[way.name].seconds.append(time.perf_counter() - started)
    return timings


def most_changed(patches: int) -> float:
    """Return how many calls may change: the share, and three standard deviations of chance."""
    expected = MOST_CHANGED_CALLS * patches
    return expected + 3 * math.sqrt(expected)


def cold(arguments: Sequence[str], *, rounds: int) -> list[float]:
    """Return the wall times of a Python process of its own, in seconds."""
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments], check=True, capture_output=True, env=dict(os.environ)
        )
        spent.append(time.perf_counter() - started)
    return spent
