"""A small data set in the Kaggle layout, drawn, with one fault of each kind planted."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.patches import ImageU8
from tools.drawing import draw_set

CLEAN = 48


@dataclass(frozen=True)
class Planted:
    """Where the data set is and which id has which fault."""

    root: Path
    ids: dict[str, str]


@pytest.fixture(scope="session")
def drawn() -> ImageU8:
    """(48, 96, 96, 3) drawn patches of tissue."""
    return np.stack([patch.image_rgb_u8 for patch in draw_set(CLEAN, seed=5)])


def write_kaggle(root: Path, images: ImageU8, rows: list[tuple[str, str, str, str]]) -> None:
    """Write a Kaggle layout of patches and rows (id, label, slide, split)."""
    (root / "train").mkdir(parents=True)
    for (name, *_), image in zip(rows, images, strict=True):
        Image.fromarray(image).save(root / "train" / f"{name}.tif")
    for file, column, place in (
        ("train_labels.csv", "label", 1),
        ("patch_id_wsi.csv", "wsi", 2),
        ("split.csv", "split", 3),
    ):
        lines = [f"{row[0]},{row[place]}" for row in rows]
        (root / file).write_text("\n".join([f"id,{column}", *lines]) + "\n")


def clean_rows() -> list[tuple[str, str, str, str]]:
    """Slides a0..a5; the first three are for training, the others for validation."""
    return [
        (f"p{number:03d}", str(number // 6 % 2), f"a{number % 6}", ("train", "val")[number % 6 > 2])
        for number in range(CLEAN)
    ]


@pytest.fixture
def clean_set(tmp_path: Path, drawn: ImageU8) -> Path:
    """A data set without a fault."""
    write_kaggle(tmp_path / "clean", drawn, clean_rows())
    return tmp_path / "clean"


@pytest.fixture
def planted(clean_set: Path, drawn: ImageU8) -> Planted:
    """The data set with faults; the other patches are as they were."""
    train = clean_set / "train"
    ids = {f"p{number:03d}": number for number in range(CLEAN)}
    names = iter(ids)

    def overwrite(image: ImageU8) -> str:
        name = next(names)
        Image.fromarray(image).save(train / f"{name}.tif")
        return name

    faults = {
        "flat": overwrite(np.full((96, 96, 3), 128, np.uint8)),
        "blank": overwrite(
            np.random.default_rng(0).integers(243, 246, (96, 96, 3)).astype(np.uint8)
        ),
        "dark": overwrite(np.zeros((96, 96, 3), np.uint8)),
    }
    sharp = next(names)
    blurred = cv2.GaussianBlur(drawn[ids[sharp]], (0, 0), 2.0).astype(np.uint8)
    Image.fromarray(blurred).save(train / f"{sharp}.tif")
    inked = drawn[ids["p004"]].copy()
    inked[:40, :40] = (40, 160, 90)
    faults |= {
        "blurred": sharp,
        "pen": overwrite(inked),
        "wrong-size": overwrite(drawn[5][:64, :64]),
    }
    faults["wrong-mode"] = next(names)
    Image.fromarray(drawn[6].astype(np.uint16)[..., 0] * 256).save(
        train / f"{faults['wrong-mode']}.tif"
    )
    faults["damaged"] = next(names)
    file = train / f"{faults['damaged']}.tif"
    file.write_bytes(file.read_bytes()[:9_000])
    faults["missing"] = next(names)
    (train / f"{faults['missing']}.tif").unlink()
    Image.fromarray(drawn[0]).save(train / "unlabelled.tif")
    with (clean_set / "split.csv").open("a") as split:
        split.write("unlabelled,train\n")
    with (clean_set / "train_labels.csv").open("a") as labels:
        labels.write("p047,0\n")
    slides = (clean_set / "patch_id_wsi.csv").read_text()
    (clean_set / "patch_id_wsi.csv").write_text(slides.replace("p047,a5", "p047,a0"))
    faults |= {"patch-without-label": "unlabelled", "conflicting-rows": "p047"}
    return Planted(clean_set, faults | {"slide-in-two-splits": "a0"})
