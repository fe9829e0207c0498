"""Whose label does the model follow: the centre's, or that of the surroundings?

    python -m tests.benchmarks.centre_swap --data DIR [--model DIR] [--seam 4] [--pairs-seed 0]

Every validation patch gets the surroundings of a patch with the other label, blended over a seam.
The label is still known: that of its centre. Prints the AUROC of the patches as they are, after
the swap against the label of the centre (0.5: the centre does not tell; below: the surroundings
decide), and with surroundings of the same label, which shows what the seam alone costs. A control
for the model, no measure of the task: such patches do not occur.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from core.patches import ImageU8, open_source
from core.scoring import Classifier, open_classifier
from core.settings import SHIPPED_MODEL
from training.bundling.serving import swapped
from training.data.pack import open_pack
from training.data.split import split_patches


def auroc(classifier: Classifier, images: ImageU8, labels: NDArray[np.int8]) -> float:
    """Return the AUROC of a classifier's logits."""
    passes = [
        classifier.engine.logits(images[start : start + 64]) for start in range(0, len(images), 64)
    ]
    return float(roc_auc_score(labels, np.concatenate(passes)))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="Kaggle layout or PCam")
    parser.add_argument("--model", type=Path, action="append", help="may be given several times")
    parser.add_argument("--seam", type=float, default=4.0, help="pixels")
    parser.add_argument("--pairs-seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        pack = open_pack(open_source(arguments.data), Path(cache))
        val = split_patches(pack.table, seed=0).val
        images = np.array(pack.images_rgb_u8[pack.image_rows[val]])
    labels = np.asarray(pack.table.labels[val], dtype=np.int8)
    for model in arguments.model or [SHIPPED_MODEL]:
        classifier = open_classifier(model, device="cpu")
        _say(f"{classifier.model_id}: {len(labels)} validation patches, AUROC")
        _say(f"  as they are                        {auroc(classifier, images, labels):.4f}")
        for other, name in ((False, "the same label"), (True, "the other label")):
            mixed = swapped(
                images, labels, other=other, seam_px=arguments.seam, seed=arguments.pairs_seed
            )
            _say(f"  in surroundings of {name:15} {auroc(classifier, mixed, labels):.4f}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
