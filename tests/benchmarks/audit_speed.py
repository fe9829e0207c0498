"""How fast the audit measures a folder, against the loop from its definitions, in one run.

    python -m tests.benchmarks.audit_speed [--patches 1500] [--source DIR]

Both read the same uncompressed TIFF files and compute the same measures of each; ours also hashes
the files and writes its tables. Seconds of the clock and of the processor are told apart, because
ours uses two threads.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from PIL import Image

from core.audit import MEASURES, AuditFolder
from core.audit.measuring import measure_source
from core.patches import open_source
from tests.core.audit.reference import measure_plainly, read_plainly
from tools.drawing import draw_set


def plain_loop(files: list[Path]) -> tuple[float, float, pd.DataFrame]:
    """Return wall and processor seconds, and the measures."""
    wall, cpu = time.perf_counter(), time.process_time()
    table = pd.DataFrame([measure_plainly(read_plainly(file)) for file in files])
    return time.perf_counter() - wall, time.process_time() - cpu, table


def our_pass(folder: Path) -> tuple[float, float, pd.DataFrame]:
    """Return the same of the audit's pass."""
    with tempfile.TemporaryDirectory() as place, open_source(folder) as source:
        wall, cpu = time.perf_counter(), time.process_time()
        out = AuditFolder(Path(place))
        measure_source(source, out)
        spent = time.perf_counter() - wall, time.process_time() - cpu
        table = out.read("patches")
        assert table is not None
        return *spent, table


def main() -> None:
    """Time both three times in turn and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=1500)
    parser.add_argument("--source", type=Path, help="folder of .tif patches (default: drawn ones)")
    arguments = parser.parse_args()
    count: int = arguments.patches
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if arguments.source:
            originals = sorted(arguments.source.glob("*.tif"))[:count]
            for number, file in enumerate(originals):
                (folder / f"{number:06d}.tif").write_bytes(file.read_bytes())
        else:
            drawn = draw_set(min(count, 96), seed=3)
            for number in range(count):
                patch = drawn[number % len(drawn)]
                Image.fromarray(patch.image_rgb_u8).save(folder / f"{number:06d}.tif")
        files = sorted(folder.iterdir())
        for _ in range(3):
            plain_wall, plain_cpu, expected = plain_loop(files)
            our_wall, our_cpu, found = our_pass(folder)
            apart = (found["grey_mean"] - expected["grey_mean"]).abs().max()
            assert set(expected.columns) == set(MEASURES)
            sys.stdout.write(
                f"plain {len(files) / plain_wall:.0f} patches/s, ours {len(files) / our_wall:.0f} "
                f"patches/s, ratio {plain_wall / our_wall:.1f} (by processor time "
                f"{plain_cpu / our_cpu:.1f}), largest difference of mean grey {apart:.1e}\n"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(f"peak memory {peak:.0f} MiB\n")


if __name__ == "__main__":
    main()
