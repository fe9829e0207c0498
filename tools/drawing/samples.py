"""The sample folder that ships with the project: drawn patches, their masks and their list."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tools.drawing.patch import DrawnPatch

COLUMNS = ("id", "path", "label", "place", "tissue", "seed", "sha256")

README = """# Drawn samples: not tissue

These {count} patches were drawn by a computer program, the procedural renderer in `tools/drawing`.
They are not photographs of tissue, come from no patient and contain no part of any data set.
They imitate H&E stained lymph node at 10x (about 0.97 um per pixel), 96 x 96 px, so that the app
can be tried and tested without any data. No score on them says anything about real patches.

- `patches/`: the images, PNG, 96 x 96 px RGB.
- `masks/`: where the renderer drew tumour cells, PNG, 1 bit, white is tumour.
- `samples.csv`: id, path, label (1: any tumour pixel in rows and columns 32..63), place of the
  tumour, dominating tissue, seed, and the SHA-256 of the image file.

Draw them again from the root of the project:

    python -m tools.drawing --out assets/samples --count {count} --seed {seed}

Licence: Apache-2.0, as the project.
"""


@dataclass(frozen=True)
class SampleRow:
    """One line of samples.csv; `path` is relative to the folder of that file."""

    id: str
    path: str
    label: int
    place: str
    tissue: str
    seed: int
    sha256: str


def write_samples(patches: list[DrawnPatch], folder: Path, *, set_seed: int) -> list[SampleRow]:
    """Write images, masks, samples.csv and README.md into `folder`; return the rows written.

    Args:
        patches: what to write, in order; patch k becomes `drawn-<k>`.
        folder: made where missing; files of the same names are replaced.
        set_seed: the seed of the set, for the README.
    """
    (folder / "patches").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    rows = [_write_one(patch, f"drawn-{k:02d}", folder) for k, patch in enumerate(patches)]
    with (folder / "samples.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, column) for column in COLUMNS] for row in rows)
    readme = README.format(count=len(rows), seed=set_seed)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return rows


def _write_one(patch: DrawnPatch, name: str, folder: Path) -> SampleRow:
    path = f"patches/{name}.png"
    Image.fromarray(patch.image_rgb_u8).save(folder / path, optimize=True)
    Image.fromarray(patch.tumour_mask).save(folder / "masks" / f"{name}.png", optimize=True)
    return SampleRow(
        id=name,
        path=path,
        label=patch.label,
        place=patch.place.value,
        tissue=patch.tissue.value,
        seed=patch.seed,
        sha256=hashlib.sha256((folder / path).read_bytes()).hexdigest(),
    )
