"""`python -m training`: the commands.

What a command does is imported when it runs, so that --help does not wait for PyTorch.
"""

from collections.abc import Sequence
from typing import Final

from core.command_line import Program, run_program
from training.commands.judge import (
    domain,
    ensemble,
    evaluate,
    export,
    leaderboard,
    measure,
    predict,
)
from training.commands.learn import average, course, crossval, curve, distill, fetch, fit, search

PROGRAM: Final = Program(
    "python -m training",
    "Train networks on 96 × 96 lymph-node patches, judge them and export them as bundles. Research "
    "software, not a medical device.",
    (
        fetch,
        fit,
        crossval,
        search,
        curve,
        evaluate,
        ensemble,
        average,
        distill,
        course,
        export,
        measure,
        domain,
        predict,
        leaderboard,
    ),
    stopped="Stopped; the same command resumes from the last checkpoint.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    return run_program(PROGRAM, arguments)
