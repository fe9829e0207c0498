"""`python -m training.gpu`: from packed archives to the weights and scores of a whole course."""

import sys
from collections.abc import Sequence

from core.command_line import Program, run_program
from training.gpu.commands import course

PROGRAM = Program(
    "python -m training.gpu",
    "The shipped model's course for one large GPU and a few minutes: folds and a refit side by "
    "side. It runs on a CPU too, far slower.",
    (course,),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    return run_program(PROGRAM, arguments)


if __name__ == "__main__":
    sys.exit(main())
