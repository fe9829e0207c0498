"""Command: write a folder of drawn sample patches."""

import argparse
import sys
from pathlib import Path

from core.errors import NodelensError
from tools.drawing.patch import draw_set
from tools.drawing.samples import write_samples


def main(arguments: list[str] | None = None) -> int:
    """Draw the samples that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.drawing",
        description="Draw sample patches that look like H&E lymph node. They are not tissue.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--count", type=int, default=24, help="how many patches (default 24)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the set (default 7)")
    asked = parser.parse_args(arguments)
    try:
        rows = write_samples(draw_set(asked.count, asked.seed), asked.out, set_seed=asked.seed)
    except (NodelensError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(rows)} drawn patches in {asked.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
