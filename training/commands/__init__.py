"""`python -m training`: the commands; each module below holds one command's options.

What a command does is imported when it runs, so that --help does not wait for PyTorch.
"""

import argparse
from collections.abc import Sequence

from core.command_line import run_command
from training.commands.average import add_average_parser
from training.commands.crossval import add_crossval_parser
from training.commands.curve import add_curve_parser
from training.commands.distill import add_distill_parser
from training.commands.ensemble import add_ensemble_parser
from training.commands.evaluate import add_evaluate_parser
from training.commands.export import add_export_parser
from training.commands.fetch import add_fetch_parser
from training.commands.fit import add_fit_parser
from training.commands.leaderboard import add_leaderboard_parser
from training.commands.predict import add_predict_parser
from training.commands.pretrain import add_pretrain_parser
from training.commands.search import add_search_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train networks on 96 × 96 lymph-node patches, judge them and export them as "
        "bundles. Research software, not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        add_fetch_parser,
        add_pretrain_parser,
        add_fit_parser,
        add_crossval_parser,
        add_search_parser,
        add_curve_parser,
        add_evaluate_parser,
        add_ensemble_parser,
        add_average_parser,
        add_distill_parser,
        add_export_parser,
        add_predict_parser,
        add_leaderboard_parser,
    ):
        add(commands)
    return run_command(
        parser,
        arguments,
        stopped="Stopped at once; the same command goes on from what was saved last.",
    )
