"""How fast patches are scored here, and that every way gives the same scores: one command.

    python -m tests.benchmarks [--data DIR] [--patches 1000 ...] [--rounds 5] [--write]

DIR holds patches as files; without it the drawn samples are written out, turned and shifted, until
there are enough. --patches takes several counts: 1 32 1000 12000 takes about 20 minutes on two
cores, five of which the plain loop needs for 12,000. --write puts the table into docs/speed.md
between its marks. The exit status is 1 where two ways differ by more than they may. Times depend on
what else runs; the ratios in one table were measured in turn. --gpu FILE adds what
`tests/gpu/check.sh` found.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from core.engine import EngineKind, Precision
from core.scoring import Classifier, TestTimeAugmentation, open_classifier
from core.settings import PROJECT, SAMPLES_TABLE, SHIPPED_MODEL
from tests.benchmarks.scoring import (
    EXACT_TOLERANCE,
    Timing,
    Way,
    cold,
    compare,
    decoded,
    engine_alone,
    fast_tolerance,
    plain_loop,
    whole_run,
    with_maps,
)

PAGE: Final = PROJECT / "docs" / "speed.md"
MARKS: Final = ("<!-- benchmark -->\n", "<!-- end of benchmark -->\n")
PLAIN: Final = "plain loop: Pillow, torchvision, DataLoader, timm"
FEW: Final = 128
"""Patches that the slow ways are timed on as well: eight orientations, another toolbox."""
MANY: Final = 2000
"""From so many patches on there is one round, and the plain loop's is that which it is held by."""


def write_patches(folder: Path, count: int, data: Path | None) -> None:
    """Write `count` uncompressed TIFFs, of files in a folder or of the drawn samples."""
    folder.mkdir()
    if data is not None:
        paths = sorted(path for path in data.rglob("*.tif"))
        for path in islice(paths, count):
            (folder / path.name).symlink_to(path.resolve())
        return
    images = decoded(SAMPLES_TABLE)
    for number in range(count):
        image = np.roll(images[number % len(images)], number // len(images), axis=(0, 1))
        Image.fromarray(image).save(folder / f"{number:06d}.tif")


def ways_of(
    folder: Path, exact: Classifier, fast: Classifier, *, slow: bool = True
) -> tuple[Way, list[Way]]:
    """Return the plain loop, and all that is held against it; `slow` ones are eightfold."""
    files = sorted(folder.iterdir())
    card = exact.bundle.card
    sixteen_bits = fast_tolerance(card)
    plain = Way(PLAIN, plain_loop(files, exact), 0.0)
    ways = [
        Way("`core score`", whole_run(folder, exact), EXACT_TOLERANCE),
        Way("the same engine alone, patches in memory", engine_alone(folder, exact), 1e-4),
        Way("the same with maps of the closed form", with_maps(folder, exact), EXACT_TOLERANCE),
        Way("`core score --precision fast`", whole_run(folder, fast), sixteen_bits),
        Way("the fast engine alone", engine_alone(folder, fast), sixteen_bits),
    ]
    if not slow:
        return plain, ways
    d4 = whole_run(folder, exact, TestTimeAugmentation.D4)
    ways.append(Way("`core score --tta d4`", d4, None))
    if card.orientations is not None:
        near = whole_run(folder, exact, TestTimeAugmentation.D4_NEAR)
        ways.append(Way("`core score --tta d4-near`", near, None))
    if find_spec("tiatoolbox") is not None:
        from tests.benchmarks.tiatoolbox_side import patch_predictor  # noqa: PLC0415

        name = f"TIAToolbox {version('tiatoolbox')}, PatchPredictor"
        ways.insert(0, Way(name, patch_predictor(files, exact), EXACT_TOLERANCE))
    return plain, ways


def table(timings: dict[str, Timing], patches: int) -> list[str]:
    """Return Markdown rows: the median of the rounds, its spread, its share of the plain loop."""
    plain = float(np.median(timings[PLAIN].seconds))
    lines = [
        "| way | patches/s | lowest to highest | times the plain loop | largest difference of a "
        "probability | calls changed |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for timing in timings.values():
        median = float(np.median(timing.seconds))
        rates = f"{patches / max(timing.seconds):,.0f} to {patches / min(timing.seconds):,.0f}"
        lines.append(
            f"| {timing.name} | {patches / median:,.0f} | {rates} | {plain / median:.1f} | "
            f"{timing.largest_difference:.1e} | {timing.changed_calls} |"
        )
    return lines


def starts(rounds: int) -> list[str]:
    """Return how long one patch takes from nothing, beside the import of PyTorch and timm."""
    with tempfile.TemporaryDirectory() as place:
        write_patches(Path(place) / "patches", 1, None)
        run = ["-m", "core", "score", f"{place}/patches", "--out", f"{place}/out.csv"]
        ours, imports = [], []
        for _ in range(rounds):
            ours += cold(run, rounds=1)
            imports += cold(["-c", "import torch, timm"], rounds=1)
    return [
        f"One patch by a new process: {spread_of(ours)} s; "
        f'`python -c "import torch, timm"` alone: {spread_of(imports)} s.'
    ]


def spread_of(seconds: list[float]) -> str:
    """Return the median with the shortest and the longest."""
    return f"{np.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"


def gpu_lines(file: Path) -> list[str]:
    """Return what `tests/gpu/check.sh` found, as one table."""
    results: dict[str, Any] = json.loads(file.read_text("utf-8"))
    lines = [
        "",
        f"On {results['device']}, PyTorch {results['torch']}:",
        "",
        "| what | found |",
        "|---|--:|",
    ]
    for name, value in results.items():
        cell = value
        if isinstance(value, dict):
            cell = f"{value['median']:,.0f} ({value['lowest']:,.0f} to {value['highest']:,.0f})"
        if name not in {"device", "torch", "python", "failed"} and not name.endswith("_done_at_s"):
            lines.append(f"| {name.replace('_', ' ')} | {cell} |")
    return lines


def machine() -> str:
    """Return what the times depend on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text("utf-8").splitlines())
        model = next(
            (value.strip() for key, _, value in lines if key.startswith("model name")), model
        )
    names = ("torch", "torchvision", "timm", "openvino", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    python = platform.python_version()
    return f"{model}, {os.cpu_count()} processors{load}; Python {python}, {versions}"


def main() -> int:
    """Run, print or write the table, and return 1 if a way computes something else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--patches", type=int, nargs="+", default=[1000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL)
    parser.add_argument("--gpu", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    described = machine()
    exact = open_classifier(asked.model, device="cpu", engine=EngineKind.AUTO)
    fast = open_classifier(asked.model, device="cpu", precision=Precision.FAST)
    threshold = exact.operating_point.threshold
    lines: list[str] = []
    faults = []

    def tell(*more: str) -> None:
        lines.extend(more)
        sys.stdout.write("\n".join(more) + "\n")
        sys.stdout.flush()

    tell(f"{described}. {datetime.now(UTC):%d %B %Y}. Shipped model, median of {asked.rounds}.")
    few = max((count for count in asked.patches if count <= FEW), default=FEW)
    with tempfile.TemporaryDirectory() as place:
        for count in sorted({few, *asked.patches}):
            folder = Path(place) / str(count)
            write_patches(folder, count, asked.data)
            plain, ways = ways_of(folder, exact, fast, slow=count == few)
            many = count >= MANY
            rounds = 1 if many else asked.rounds
            timings = compare(plain, ways, rounds=rounds, threshold=threshold, once=many)
            files = len(list(folder.iterdir()))
            warm = "one round, and of the plain loop one pass" if many else "everything warm"
            tell("", f"{files:,} uncompressed TIFF files, {warm}:", "")
            tell(*table(timings, files))
            faults += [timing.fault for timing in timings.values() if timing.fault]
    tell("", *starts(min(3, asked.rounds)))
    if find_spec("tiatoolbox") is None:
        tell("TIAToolbox was not installed here.")
    if asked.gpu:
        tell(*gpu_lines(asked.gpu))
    text = "\n".join(lines) + "\n"
    for fault in faults:
        sys.stderr.write(f"NOT THE SAME: {fault}\n")
    if asked.write and not faults:
        before, begin, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        _, end, after = rest.partition(MARKS[1])
        PAGE.write_text(before + begin + text + end + after, "utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
