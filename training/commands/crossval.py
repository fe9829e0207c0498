"""`crossval`: its options."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from training.commands.options import Subparsers, add_training_options, fit_options
from training.commands.stopping import until_stopped


def add_crossval_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `crossval`."""
    parser = commands.add_parser(
        "crossval",
        help="train k folds by whole slides and keep every out-of-fold score",
        description="Train one run for each fold (OUT/fold-1, ...), stratified by label and "
        "grouped by slide, and write the score that each patch got from the model that did not "
        "see its slide to OUT/out_of_fold.csv and .parquet (id, label, slide, fold, prob_tumour), "
        "which the data audit's search for label errors and the Threshold page read. Patches of "
        "unknown slide train in every fold and are never scored; patches declared as test take no "
        "part. Killed at any moment, the same command goes on.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="OUT", help="folder for the folds"
    )
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="default: 5")
    add_training_options(parser)
    parser.set_defaults(run=_crossval)


def _crossval(parsed: argparse.Namespace) -> int:
    from training.crossval import CrossvalOptions, run_crossval
    from training.judging.page import shown

    options = CrossvalOptions(fit=fit_options(parsed), folds=parsed.folds)

    def work(should_stop: Callable[[], bool]) -> None:
        judged = run_crossval(options, should_stop=should_stop)
        sys.stdout.write(
            f"Out-of-fold AUROC {shown(judged.metrics['auroc'], 4)} on {judged.patches:,} patches "
            f"of {judged.slides:,} slides.\n{parsed.out / 'out_of_fold.csv'}\n"
        )

    return until_stopped(work)
