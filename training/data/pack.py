"""Patches decoded once into one memory-mapped array, so that training reads no image files."""

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core.command_line import say
from core.errors import RunError
from core.files import told_of_disk, write_json
from core.patches import PATCH_SIZE_PX, ImageU8, PatchEntry, PatchSource, UnreadablePatch
from core.patches.colours import LOOK_SWAPPED, SAMPLE, look_swapped
from core.tables import counted, read_table, split_name
from training.data.split import IntArray, PatchTable

IMAGES_FILE: Final = "images.npy"
DIGESTS_FILE: Final = "pixels.npy"
UNREADABLE_FILE: Final = "unreadable.csv"
FACTS_FILE: Final = "pack.json"
_DIGEST_BYTES: Final = 16
_NOTES_SAID: Final = 5
_SHAPE: Final = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)


@dataclass(frozen=True, eq=False)
class Pack:
    """The readable patches of a source that were asked for, the labelled ones or all.

    Attributes:
        table: What is known of the N patches.
        images_rgb_u8: (M, 96, 96, 3) memory-mapped, read-only.
        image_rows: (N,) where in `images_rgb_u8` each patch lies.
        unreadable: How many more could not be read; listed in `unreadable.csv`.
        pixels_sha256: Hash of all pixels in order.
    """

    source: str
    table: PatchTable
    images_rgb_u8: ImageU8
    image_rows: IntArray
    unreadable: int
    pixels_sha256: str

    def __len__(self) -> int:
        return len(self.table)


def open_pack(source: PatchSource, cache: Path) -> Pack:
    """Return a source's patches from the cache, decoding them into it first if need be.

    The cache is found again by the paths and the contents of the patches, so every file is read
    once more. Labels, slides and splits are not cached: they come from the source each time.

    Args:
        source: Opened with labels.
        cache: Folder for packs of any number of sources.

    Raises:
        RunError: There is no patch with a label; none is readable; the cache is damaged.
    """
    chosen = _labelled(source)
    digest = hashlib.sha256()
    for index, contents in zip(chosen, source.digests(chosen), strict=True):
        path = source.entries[index].path.encode("utf-8", "surrogatepass")
        digest.update(path + b"\n" + contents.encode() + b"\n")
    folder = cache / digest.hexdigest()[:16]
    if not all((folder / name).is_file() for name in (FACTS_FILE, DIGESTS_FILE)):
        _write_pack(source, chosen, folder)
    pack = _read_pack(source, chosen, folder)
    if twins := _unlike_twins(pack, np.load(folder / DIGESTS_FILE, allow_pickle=False)):
        say(
            f"Note: {counted(len(twins), 'labelled file')} with the pixels of another one and the "
            f"opposite label ({' and '.join(twins[:2])}); no network can learn both. `python -m "
            "core audit` lists them."
        )
    if look_swapped(pack.images_rgb_u8[pack.image_rows[:: -(-len(pack) // SAMPLE)]]):
        say(f"Note: {LOOK_SWAPPED} The model is used on pictures in that order.")
    return pack


def require_labels(source: PatchSource) -> PatchTable:
    """Return what is known of a source's labelled patches, before any of them is decoded.

    Raises:
        RunError: There is none, or the tables contradict each other.
    """
    return table_of([source.entries[index] for index in _labelled(source)])


def _labelled(source: PatchSource) -> list[int]:
    source.require_consistent()
    chosen = [index for index, entry in enumerate(source.entries) if entry.label is not None]
    if not chosen:
        raise RunError(
            f"Found no labelled patch in {source.name}; expected Kaggle's layout with train/ and "
            "train_labels.csv (id,label), PCam's .h5 files, a .csv with path and label, or folders "
            "named 0 and 1. Check --data."
        )
    return chosen


def _write_pack(source: PatchSource, chosen: list[int], folder: Path) -> None:
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    unreadable: list[tuple[int, str, str]] = []
    pixels = hashlib.sha256()
    row_of = {index: row for row, index in enumerate(chosen)}
    digests = np.zeros((len(chosen), _DIGEST_BYTES), np.uint8)
    stream = source.stream(chosen[0], chosen[-1] + 1)
    notes: Counter[str] = Counter()
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(chosen), *_SHAPE)}
    # Not mapped: where the disk is full, a mapped file ends the process without a word.
    with told_of_disk(folder), (part / IMAGES_FILE).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for patch in tqdm(stream, total=chosen[-1] + 1 - chosen[0], desc="decode", unit="patch"):
            row = row_of.get(patch.index)
            if row is None:
                continue
            if isinstance(patch, UnreadablePatch):
                unreadable.append((row, patch.entry.path, patch.reason))
                file.write(bytes(math.prod(_SHAPE)))
                continue
            notes[patch.note] += bool(patch.note)
            image = patch.image_rgb_u8.tobytes()
            file.write(image)
            pixels.update(image)
            short = hashlib.blake2b(image, digest_size=_DIGEST_BYTES).digest()
            digests[row] = np.frombuffer(short, np.uint8)
    for note, count in (+notes).most_common(_NOTES_SAID):
        say(f"Note: {counted(count, 'patch', 'patches')}: {note}.")
    pd.DataFrame(unreadable, columns=["row", "path", "reason"]).to_csv(
        part / UNREADABLE_FILE, index=False
    )
    with told_of_disk(folder):
        np.save(part / DIGESTS_FILE, digests)
    facts = {"source": source.name, "patches": len(chosen), "pixels_sha256": pixels.hexdigest()}
    write_json(part / FACTS_FILE, facts)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _unlike_twins(pack: Pack, digests: NDArray[np.uint8]) -> list[str]:
    """The ids of patches that have the same pixels as one with the other label, twins together."""
    by_pixels: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests[pack.image_rows]):
        by_pixels.setdefault(digest.tobytes(), []).append(row)
    labels = pack.table.labels
    twins = [rows for rows in by_pixels.values() if len({*labels[rows].tolist()}) > 1]
    return [str(pack.table.ids[row]) for rows in twins for row in rows]


def _read_pack(source: PatchSource, chosen: list[int], folder: Path) -> Pack:
    try:
        images: ImageU8 = np.load(folder / IMAGES_FILE, mmap_mode="r", allow_pickle=False)
        facts = json.loads((folder / FACTS_FILE).read_text("utf-8"))
        pixels_sha256 = str(facts["pixels_sha256"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"The pack {folder} is damaged ({error}). Delete that folder.") from None
    if images.shape != (len(chosen), *_SHAPE):
        raise RunError(
            f"The pack {folder} contains {images.shape}; expected {(len(chosen), *_SHAPE)}. Delete "
            "that folder."
        )
    unreadable = read_table(folder / UNREADABLE_FILE, required=["row", "path", "reason"]).rows
    bad = unreadable["row"].astype(int).to_numpy()
    rows = np.setdiff1d(np.arange(len(chosen)), bad)
    if len(rows) == 0:
        first = unreadable.iloc[0]  # the folder of a run that was refused is not kept
        raise RunError(
            f"None of the {len(chosen):,} patches could be read; the first, {first['path']}: "
            f"{first['reason']}"
        )
    table = table_of([source.entries[chosen[row]] for row in rows])
    return Pack(source.name, table, images, rows.astype(np.int64), len(bad), pixels_sha256)


def table_of(entries: Sequence[PatchEntry]) -> PatchTable:
    """Return what is known of some labelled inputs."""
    return PatchTable(
        ids=np.array([entry.id for entry in entries], np.str_),
        labels=np.array([entry.label for entry in entries], np.int8),
        slides=np.array([entry.slide or "" for entry in entries], np.str_),
        splits=np.array([split_name(entry.split or "") for entry in entries], np.str_),
    )


_RESIDENT_SHARE: Final = 0.5
"""Share of the free memory of a CUDA device that the patches may fill."""
_CHUNK: Final = 4096


class Feed:
    """Batches by row of the pack's table; all in device memory on CUDA, where they fit."""

    def __init__(self, pack: Pack, device: torch.device) -> None:
        self._pack = pack
        self._device = device
        self._labels = torch.from_numpy(pack.table.labels.astype(np.float32)).to(device)
        self._resident: Tensor | None = None
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if pack.images_rgb_u8.nbytes <= free * _RESIDENT_SHARE:
                shape = pack.images_rgb_u8.shape
                self._resident = torch.empty(shape, dtype=torch.uint8, device=device)
                for start in range(0, len(self._resident), _CHUNK):
                    chunk = np.array(pack.images_rgb_u8[start : start + _CHUNK])
                    self._resident[start : start + _CHUNK] = torch.from_numpy(chunk).to(device)

    def images(self, rows: IntArray) -> Tensor:
        """Return the patches of some rows, (N, 96, 96, 3) uint8."""
        stored = self._pack.image_rows[rows]
        if self._resident is not None:
            return self._resident[to_device(torch.from_numpy(stored), self._device)]
        # Fancy indexing copies out of the read-only file.
        return to_device(torch.from_numpy(self._pack.images_rgb_u8[stored]), self._device)

    def labels(self, rows: IntArray) -> Tensor:
        """Return the labels of some rows, (N,) float32, 0 or 1."""
        return self._labels[to_device(torch.from_numpy(rows), self._device)]


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on the device; to CUDA the copy takes its place among the queued work."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
