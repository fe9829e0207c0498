from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from core.audit.classes import EDGES, class_looks
from core.patches import open_source
from tests.toys import write_patches


def test_mean_spread_and_histograms_are_those_of_the_pixels(tmp_path: Path) -> None:
    files = write_patches(tmp_path / "set", 7)
    labels = [0, 1, 1, 0, 1, None, 1]
    patches = pd.DataFrame({"row": range(7), "fault": [""] * 6 + ["damaged"]})
    patches["label"] = pd.array(labels, "Int8")
    with open_source(tmp_path / "set") as source:
        none, tumour = class_looks(patches, source)
    pixels = np.stack([np.asarray(Image.open(file), float) for file in files])
    assert (none.patches, tumour.patches) == (2, 3)
    np.testing.assert_allclose(tumour.mean, pixels[[1, 2, 4]].mean(axis=0))
    np.testing.assert_allclose(none.sd, pixels[[0, 3]].std(axis=0), atol=1e-9)
    green = np.histogram(pixels[[1, 2, 4], :, :, 1], EDGES["green"])[0] / (3 * 96 * 96)
    np.testing.assert_allclose(tumour.histograms["green"], green)
    assert all(0 < share.sum() <= 1 + 1e-12 for share in tumour.histograms.values())


def test_a_draw_of_a_class_is_that_of_its_seed(tmp_path: Path) -> None:
    write_patches(tmp_path / "set", 6)
    patches = pd.DataFrame({"row": range(6), "fault": "", "label": pd.array([1] * 6, "Int8")})
    with open_source(tmp_path / "set") as source:
        one, again, other = (
            class_looks(patches, source, most=2, seed=seed)[0].mean for seed in (1, 1, 3)
        )
    assert (one == again).all()
    assert (one != other).any()
