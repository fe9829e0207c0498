"""`python -m core card`: what a model bundle claims."""

import argparse
import sys
from pathlib import Path

from core.bundle.bundle import read_card
from core.bundle.summary import card_table
from core.settings import SHIPPED_MODEL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL)
    parser.set_defaults(run=print_card)


def print_card(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit status.

    Raises:
        BundleError: There is no card, or it does not follow the schema.
    """
    sys.stdout.write(card_table(read_card(arguments.model)))
    return 0
