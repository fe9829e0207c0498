"""Prints how many planted relations are found among real patches, how many pairs of clean ones,
how fast, and with how much memory.

Run it as `PCAM_DIR=... python -m tests.benchmarks.relations_accuracy`, PCAM_DIR a folder of real
patches in the Kaggle layout. Use one thread (OMP_NUM_THREADS=1) to compare machines.
"""

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from core.patches import ImageU8, Patch, open_source
from tests.core.audit.relations.planted import recompressed, related, shifted, signed, turned

PLANTED, BATCH, TILE_PX, GRID_PX = 100, 256, 32, 16


def say(line: str) -> None:
    """One line."""
    sys.stdout.write(line + "\n")


def table_of(images: ImageU8) -> pd.DataFrame:
    """The signatures of images, batch by batch."""
    starts = range(0, len(images), BATCH)
    return pd.concat(
        [signed(images[start : start + BATCH]) for start in starts],
        ignore_index=True,
    ).assign(row=range(len(images)))


def pixels(folder: Path) -> ImageU8:
    """Every patch of a folder."""
    with open_source(folder) as source:
        patches = [source.read(index) for index in range(len(source))]
    return np.stack([patch.image_rgb_u8 for patch in patches if isinstance(patch, Patch)])


def true_overlaps(images: ImageU8) -> set[tuple[int, int]]:
    """Pairs that share a textured tile of 32 x 32 px, byte for byte, at places on a grid of 16.

    An independent reference for real patches: no anchors, no correlation, only equal bytes.
    """
    seen: dict[bytes, list[tuple[int, int, int]]] = {}
    for row, image in enumerate(images):
        for y in range(0, 96 - TILE_PX + 1, GRID_PX):
            for x in range(0, 96 - TILE_PX + 1, GRID_PX):
                tile = image[y : y + TILE_PX, x : x + TILE_PX]
                if tile[..., 1].std() > 8:
                    seen.setdefault(tile.tobytes()[:96] + tile[5:9].tobytes(), []).append(
                        (row, y, x)
                    )
    related_pairs = set()
    for places in seen.values():
        for k, (a, ya, xa) in enumerate(places):
            for b, yb, xb in places[k + 1 :]:
                height, width = 96 - abs(ya - yb), 96 - abs(xa - xb)
                if a != b and height * width >= 0.2 * 96**2:
                    related_pairs.add((a, b))
    return related_pairs


def spliced(one: ImageU8, other: ImageU8, step: int) -> ImageU8:
    """A patch whose upper left corner is the lower right corner of another real patch."""
    image = other.copy()
    image[: 96 - step, : 96 - step] = one[step:, step:]
    return image


def main() -> None:
    """Print all lines."""
    folder = Path(os.environ["PCAM_DIR"]) / "train"
    images = pixels(folder)
    images[:BATCH].sum()
    start = process_time()
    clean = table_of(images)
    say(f"signatures: {len(images) / (process_time() - start):.0f} patches/s on one core")
    start_s = perf_counter()
    relations = related(images, clean)
    assert relations is not None
    say(f"relations of {len(images)}: {perf_counter() - start_s:.1f} s")
    pairs = relations.pairs
    say(f"pairs among clean patches: {pairs['kind'].value_counts().to_dict()}")
    reference = true_overlaps(images)
    related_pairs = set(zip(pairs["row_a"], pairs["row_b"], strict=True))
    say(f"true overlaps by equal bytes: {len(reference)}, found {len(reference & related_pairs)}")
    beyond = related_pairs - reference
    say(f"pairs found that share no such tile: {len(beyond)}")

    rng = np.random.default_rng(0)
    plans: dict[str, Callable[[ImageU8, ImageU8, int], ImageU8]] = {
        "same pixels": lambda one, _, k: one,
        "turned": lambda one, _, k: turned(one, 1 + k % 7),
        "JPEG 70": lambda one, _, k: recompressed(one, 70),
        "JPEG 75": lambda one, _, k: recompressed(one, 75),
        "JPEG 90": lambda one, _, k: recompressed(one, 90),
        "JPEG 75 + turned": lambda one, _, k: recompressed(turned(one, 1 + k % 7), 75),
        "brightness + 8": lambda one, _, k: np.clip(one.astype(int) + 8, 0, 255).astype(np.uint8),
        "gain 0.92, JPEG 85": lambda one, _, k: recompressed((one * 0.92).astype(np.uint8), 85),
        "real spliced, shift 24": lambda one, other, k: spliced(one, other, 24),
        "real spliced, shift 48": lambda one, other, k: spliced(one, other, 48),
        "real spliced, shift 48, JPEG 75": lambda one, other, k: recompressed(
            spliced(one, other, 48), 75
        ),
    }
    extra: list[ImageU8] = []
    pairs_in: list[tuple[int, int]] = []
    names: list[str] = []
    for name, plan in plans.items():
        for k, row in enumerate(rng.choice(len(images), PLANTED, replace=False)):
            other = images[int(rng.integers(len(images)))]
            pairs_in.append((int(row), len(images) + len(extra)))
            extra.append(plan(images[row], other, k))
            names.append(name)
    for quality in (None, 75, 90):
        for seed in range(PLANTED):
            one, other, _ = shifted(seed + 1000 * (quality or 0))
            other = other if quality is None else recompressed(other, quality)
            place = len(images) + len(extra)
            pairs_in.append((place, place + 1))
            extra += [one, other]
            names.append(f"drawn, shifts 8..48, JPEG {quality}" if quality else "drawn, shifted")
    everything = np.concatenate([images, np.stack(extra)])
    table = pd.concat([clean, table_of(np.stack(extra))], ignore_index=True)
    table["row"] = range(len(everything))
    relations = related(everything, table)
    assert relations is not None
    hits = set(zip(relations.pairs["row_a"], relations.pairs["row_b"], strict=True))
    result = pd.Series([pair in hits for pair in pairs_in]).groupby(pd.Series(names), sort=False)
    for label, share in result.mean().items():
        say(f"found of planted {label!s:<34} {100 * float(share):6.1f} %")
    missed = [(n, p) for n, p in zip(names, pairs_in, strict=True) if p not in hits]
    for name, (a, b) in missed:
        spread = everything[a][..., 1].std(), everything[b][..., 1].std()
        say(f"  missed {name}: rows {a}, {b}, spread of green {spread[0]:.1f}, {spread[1]:.1f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(f"peak memory {peak:.0f} MB, of which the pixels {everything.nbytes / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
