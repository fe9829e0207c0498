"""How fast a folder is scored, against the loop that a tutorial would write, in one run.

    python -m tests.benchmarks.scoring_speed [--patches 600]

Both read the same PNG files and run the shipped network in float32 on the same device; the plain
loop is Pillow, torchvision transforms, a DataLoader without workers and batches of 64.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from core.bundle import build_network, load_weights
from core.patches import open_source
from core.scoring import Classifier, open_classifier, open_journal, run_scoring, specify
from core.settings import SHIPPED_MODEL
from tools.drawing import draw_set


class PlainPatches(Dataset[torch.Tensor]):
    """Files through torchvision transforms, one by one."""

    def __init__(self, files: list[Path], mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.files = files
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(mean, std)]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.files[index]) as image:
            pixels: torch.Tensor = self.transform(image.convert("RGB"))
        return pixels


def plain_loop(folder: Path, classifier: Classifier) -> tuple[float, list[float]]:
    """Return seconds and probabilities of the plain loop."""
    card = classifier.bundle.card
    network = build_network(card.architecture)
    load_weights(network, classifier.bundle.weights)
    patches = PlainPatches(
        sorted(folder.iterdir()), card.preprocessing.mean, card.preprocessing.std
    )
    started = time.perf_counter()
    probabilities: list[float] = []
    with torch.no_grad():
        for batch in DataLoader(patches, batch_size=64):
            probabilities += torch.sigmoid(network(batch)[:, 0] / card.temperature).tolist()
    return time.perf_counter() - started, probabilities


def our_run(folder: Path, classifier: Classifier) -> tuple[float, list[float]]:
    """Return seconds and probabilities of a whole scoring run, record on disk included."""
    probabilities: list[float] = []
    with tempfile.TemporaryDirectory() as place, open_source(folder) as source:
        started = time.perf_counter()
        journal = open_journal(
            Path(place) / "journal", specify(source, classifier), source, resume=False
        )
        run_scoring(
            source,
            classifier,
            journal,
            on_rows=lambda rows: probabilities.extend(row.prob_tumour or 0.0 for row in rows),
        )
        return time.perf_counter() - started, probabilities


def main() -> None:
    """Time both three times in turn and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=600)
    count: int = parser.parse_args().patches
    classifier = open_classifier(SHIPPED_MODEL, device="cpu")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number, patch in enumerate(draw_set(min(count, 96), seed=3) * (count // 96 + 1)):
            if number < count:
                Image.fromarray(patch.image_rgb_u8).save(folder / f"{number:05d}.png")
        for _ in range(3):
            plain_s, expected = plain_loop(folder, classifier)
            ours_s, found = our_run(folder, classifier)
            largest = max(abs(a - b) for a, b in zip(expected, found, strict=True))
            sys.stdout.write(
                f"plain {count / plain_s:.0f} patches/s, ours {count / ours_s:.0f} patches/s, "
                f"ratio {plain_s / ours_s:.2f}, largest difference of probability {largest:.1e}\n"
            )


if __name__ == "__main__":
    main()
