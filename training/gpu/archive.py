"""Packed patches: archives of lossless pictures and one table, to arrays in memory."""

import csv
import io
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.patches import PATCH_SIZE_PX, ImageU8


@dataclass(frozen=True, eq=False)
class PackedPatches:
    """Patches that fit in memory.

    Attributes:
        ids: (N,) sorted.
        images_rgb_u8: (N, 96, 96, 3).
        labels: (N,) 0 or 1.
        slides: (N,) slide or slide group, "" where unknown.
    """

    ids: NDArray[np.str_]
    images_rgb_u8: ImageU8
    labels: NDArray[np.int64]
    slides: NDArray[np.str_]

    def first(self, count: int) -> "PackedPatches":
        """Return patches of each slide and label by turns, those of unknown slide among them."""
        pairs = np.char.add(self.slides, self.labels.astype(str))
        kinds = np.unique(pairs, return_inverse=True)[1]
        turn = np.empty(len(kinds), int)
        for kind in range(kinds.max() + 1):
            turn[kinds == kind] = np.arange(np.count_nonzero(kinds == kind))
        rows = np.sort(np.argsort(turn, kind="stable")[:count])
        return PackedPatches(
            self.ids[rows], self.images_rgb_u8[rows], self.labels[rows], self.slides[rows]
        )

    def write(self, path: Path) -> None:
        """Write them for `read`, 27 kB each."""
        np.savez(
            path, ids=self.ids, images=self.images_rgb_u8, labels=self.labels, slides=self.slides
        )

    @staticmethod
    def read(path: Path) -> "PackedPatches":
        """Read what `write` wrote."""
        stored = np.load(path)
        return PackedPatches(*(stored[name] for name in ("ids", "images", "labels", "slides")))


def read_archives(
    archives: Sequence[Path], table: Path, *, processes: int, limit: int | None = None
) -> PackedPatches:
    """Return the patches of ZIP archives that a table lists, sorted by id.

    Args:
        archives: ZIP files whose members are named `<id>.<suffix>`, each a 96 × 96 RGB picture.
        table: CSV with the columns `id`, `label` and `slide_group` ("" where unknown).
        processes: That decode, one archive each.
        limit: At most so many of each archive, for rehearsals.

    Raises:
        ValueError: A picture is of another size, or the table lacks one.
    """
    with table.open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    with ProcessPoolExecutor(processes) as pool:
        parts = list(pool.map(_decoded, archives, [limit] * len(archives)))
    ids = np.concatenate([names for names, _ in parts])
    images = np.concatenate([pictures for _, pictures in parts])
    order = np.argsort(ids)
    ids = ids[order]
    lacking = [name for name in ids if name not in rows]
    if lacking:
        raise ValueError(f"{table.name} lacks {len(lacking)} patches (first {lacking[0]}).")
    return PackedPatches(
        ids,
        images[order],
        np.array([int(rows[name]["label"]) for name in ids]),
        np.array([rows[name]["slide_group"] for name in ids]),
    )


def _decoded(archive: Path, limit: int | None) -> tuple[NDArray[np.str_], ImageU8]:
    with zipfile.ZipFile(archive) as packed:
        members = sorted(packed.namelist())[:limit]
        images = np.empty((len(members), PATCH_SIZE_PX, PATCH_SIZE_PX, 3), np.uint8)
        for row, member in enumerate(members):
            picture = np.asarray(Image.open(io.BytesIO(packed.read(member))).convert("RGB"))
            if picture.shape != images.shape[1:]:
                raise ValueError(f"{member} is {picture.shape}; expected 96 × 96 RGB.")
            images[row] = picture
    return np.array([Path(member).stem for member in members]), images
