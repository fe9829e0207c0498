"""`python -m core`: the engine without the app.

Only the command that was asked for is imported: `card` does not wait for what `score` needs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from core.command_line import run_command

# Before PyTorch loads: threads that wait must not spin against other programs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(frozen=True)
class Command:
    """A command before it is imported.

    Attributes:
        name: As it is typed.
        module: Where `add_arguments(parser)` is.
        help: What it is for.
    """

    name: str
    module: str
    help: str


COMMANDS: Final = (
    Command("score", "core.scoring.command", "score patches into a CSV or Parquet file"),
    Command("card", "core.bundle.command", "print what a model bundle claims, as Markdown"),
    Command(
        "verify", "core.review.command", "check a review store or an exported log for any change"
    ),
    Command(
        "explain",
        "core.explanation.command",
        "draw maps over patches, test their centre, and write a table of the measures",
    ),
    Command("report", "core.report.command", "write the PDF report of a reviewed case"),
    Command(
        "audit",
        "core.audit.command",
        "check a data set: files, labels, splits, quality, duplicates, plain statistics",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m core",
        description="Score 96 × 96 lymph-node patches for tumour in the centre 32 × 32. "
        "Research software, not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    asked_for = next((word for word in given if not word.startswith("-")), None)
    for command in COMMANDS:
        own = commands.add_parser(command.name, help=command.help)
        if command.name == asked_for:
            import_module(command.module).add_arguments(own)
    return run_command(
        parser, given, stopped="Stopped. `score` and `audit` continue with --resume."
    )


if __name__ == "__main__":
    sys.exit(main())
