"""Command: write a folder of drawn sample patches."""

import sys
from pathlib import Path

from core.command_line import Program, run_program
from tools.drawing.patch import draw_set
from tools.drawing.samples import write_samples


def draw(*, out: Path, count: int = 24, seed: int = 7) -> int:
    """Draw sample patches that look like H&E lymph node. They are not tissue.

    Args:
        out: Folder to write into.
        count: How many patches.
        seed: Seed of the set.
    """
    rows = write_samples(draw_set(count, seed), out, set_seed=seed)
    sys.stdout.write(f"{len(rows)} drawn patches in {out}\n")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Draw the samples that the command line asks for; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    program = Program("python -m tools.drawing", "Drawn sample patches.", [draw])
    return run_program(program, ["draw", *given])


if __name__ == "__main__":
    sys.exit(main())
