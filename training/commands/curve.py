"""`curve`: its options."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from training.commands.options import Subparsers, add_training_options, fit_options
from training.commands.stopping import until_stopped


def add_curve_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `curve`."""
    parser = commands.add_parser(
        "curve",
        help="train on more and more patches: would more data help?",
        description="Train one run for each number of training patches, all validated on the "
        "same slides, and write AUROC with slide intervals to OUT/learning_curve.csv and .html. "
        "The patches of a smaller number are among those of a larger one. The recipe's epochs "
        "stay, so few patches also mean few steps; the table says how many. Killed at any "
        "moment, the same command goes on.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder of the runs")
    parser.add_argument(
        "--sizes",
        default="100,300,1000,3000,all",
        metavar="N,N,...",
        help="training patches (default: 100,300,1000,3000,all)",
    )
    add_training_options(parser, with_train_patches=False)
    parser.set_defaults(run=_curve, train_patches=None)


def _curve(parsed: argparse.Namespace) -> int:
    from training.learning_curve import CurveOptions, parse_sizes, run_curve

    options = CurveOptions(fit=fit_options(parsed), sizes=parse_sizes(parsed.sizes))

    def work(should_stop: Callable[[], bool]) -> None:
        for point in run_curve(options, should_stop=should_stop):
            bounds = "" if point.low is None else f" ({point.low:.4f} to {point.high:.4f})"
            sys.stdout.write(f"{point.train_patches:,} patches: AUROC {point.auroc:.4f}{bounds}\n")

    return until_stopped(work)
