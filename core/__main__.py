"""`python -m core`: the engine without the app."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Before PyTorch loads: threads that wait must not spin against other programs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from core.audit.command import add_audit_parser
from core.bundle import card_table, read_card
from core.errors import NodelensError
from core.explanation.command import add_explain_parser
from core.report.command import add_report_parser
from core.review.command import add_verify_parser
from core.scoring.command import add_score_parser
from core.settings import SHIPPED_MODEL

WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    parser = argparse.ArgumentParser(
        prog="python -m core",
        description="Score 96 × 96 lymph-node patches for tumour in the centre 32 × 32. "
        "Research software, not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_score_parser(commands)
    _add_card_parser(commands)
    add_verify_parser(commands)
    add_explain_parser(commands)
    add_report_parser(commands)
    add_audit_parser(commands)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except NodelensError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return WRONG_USAGE
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. `score` and `audit` continue with --resume.\n")
        return 130


def _add_card_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("card", help="print what a model bundle claims, as Markdown")
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL)
    parser.set_defaults(run=_print_card)


def _print_card(arguments: argparse.Namespace) -> int:
    sys.stdout.write(card_table(read_card(arguments.model)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
