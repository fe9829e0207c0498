"""`fit`: its options."""

import argparse
from dataclasses import replace
from pathlib import Path

from training.commands.options import Subparsers, add_training_options, fit_options
from training.commands.stopping import until_stopped


def add_fit_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `fit`."""
    parser = commands.add_parser(
        "fit",
        help="train a network into a run folder",
        description="Train, validating on slides that do not train. Killed at any moment, the "
        "same command goes on and ends with the same weights.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder")
    add_training_options(parser)
    parser.add_argument(
        "--val-share",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="share of the patches of known slide that validates where split.csv is not given "
        "(default: 0.1)",
    )
    parser.set_defaults(run=_fit)


def _fit(parsed: argparse.Namespace) -> int:
    from training.fitting import run_fit

    options = replace(fit_options(parsed), val_share=parsed.val_share)
    return until_stopped(lambda should_stop: run_fit(options, should_stop=should_stop))
