"""What maps cost, beside scoring and beside the library's loop, and that they are the library's.

python -m tests.benchmarks.explanation_speed [--model DIR] [--patches 1000] [--memory 10000]
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image

from core.engine import TorchEngine
from core.explanation import Explainer
from core.patches import ImageU8
from core.scoring import Classifier, open_classifier
from core.settings import SHIPPED_MODEL
from tests.toys import noise_patches

ALLOWED_COST = 1.3
ALLOWED_DIFFERENCE = 1e-3
"""Of a map from pytorch-grad-cam's own, as a part of its highest value."""
LEAST_GAIN = 4.0
BATCH = 64
MOST_GROWTH_MIB = 20.0


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def score_all(classifier: Classifier, images: ImageU8) -> None:
    """Score in batches, as a run does."""
    for start in range(0, len(images), BATCH):
        classifier.engine.logits(images[start : start + BATCH])


def library_loop(engine: TorchEngine, images: ImageU8, layer: str) -> NDArray[np.float32]:
    """Explain patch by patch, as the library's README shows, and return the maps (N, S, S)."""
    maps = []
    with GradCAM(model=engine.network, target_layers=[engine.network.get_submodule(layer)]) as cam:
        for image in images:
            inputs = engine.transform(torch.from_numpy(image[None])).requires_grad_()
            maps.append(cam(input_tensor=inputs, targets=[lambda output: output[0]])[0])
    return np.stack(maps)


def largest_difference(explainer: Explainer, images: ImageU8, engine: TorchEngine) -> float:
    """Return how far our maps are from the library's, clipped and stretched as it does, 0..1."""
    theirs = library_loop(engine, images, explainer.layer.name)
    ours = np.maximum(explainer.maps(images).values, 0)
    stretched = scale_cam_image(scale_cam_image(ours, theirs.shape[:0:-1]))
    return float(np.abs(np.asarray(stretched) - theirs).max())


def main() -> int:
    """Measure, print, and return 1 if a limit is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL)
    parser.add_argument("--patches", type=int, default=1000)
    parser.add_argument("--library-patches", type=int, default=100)
    parser.add_argument("--memory", type=int, default=0, help="explanations for the memory check")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    classifier = open_classifier(arguments.model, device="cpu")
    engine = classifier.engine.pytorch()
    explainer = Explainer(classifier)
    images = noise_patches(arguments.patches)
    few = images[: arguments.library_patches]
    scoring, explaining, library = [], [], []
    score_all(classifier, images[:BATCH])  # warm up
    explainer.explain(images[:BATCH])
    library_loop(engine, few[:2], explainer.layer.name)
    for _ in range(arguments.rounds):  # in turns, so that other load hits all alike
        scoring.append(seconds(lambda: score_all(classifier, images)) / len(images))
        explaining.append(seconds(lambda: explainer.explain(images)) / len(images))
        library.append(seconds(lambda: library_loop(engine, few, explainer.layer.name)) / len(few))
    difference = largest_difference(explainer, few, engine)
    cost = float(np.median(explaining) / np.median(scoring))
    gain = float(np.median(library) / np.median(explaining))
    _say(f"{explainer.method} at {explainer.layer.name}, {torch.get_num_threads()} thread(s)")
    _say(f"scoring    {1000 * np.median(scoring):8.3f} ms a patch")
    _say(f"explaining {1000 * np.median(explaining):8.3f} ms a patch, {cost:.2f} x scoring")
    _say(f"library    {1000 * np.median(library):8.3f} ms a patch, {gain:.1f} x explaining")
    _say(f"difference {difference:8.1e} of a map's highest value, on {len(few)} patches")
    fine = cost <= ALLOWED_COST and gain >= LEAST_GAIN and difference <= ALLOWED_DIFFERENCE
    if arguments.memory:
        growth = _memory_growth_mib(explainer, images[:BATCH], arguments.memory)
        _say(f"memory     {growth:8.1f} MiB more after {arguments.memory} explanations")
        fine = fine and growth <= MOST_GROWTH_MIB
    _say("within the limits" if fine else "a limit is broken")
    return 0 if fine else 1


def _memory_growth_mib(explainer: Explainer, images: ImageU8, count: int) -> float:
    for _ in range(5):
        explainer.explain(images)
    before = _peak_mib()
    for _ in range(0, count, len(images)):
        explainer.explain(images)
    return _peak_mib() - before


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
