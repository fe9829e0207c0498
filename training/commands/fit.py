"""`fit`: its options."""

import argparse
from pathlib import Path

from training.commands.options import Subparsers, add_training_options
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
    parser.add_argument(
        "--random-split",
        action="store_true",
        help="split without regard to slides; validation scores are then too good",
    )
    parser.set_defaults(run=_fit)


def _fit(parsed: argparse.Namespace) -> int:
    from training.fitting import FitOptions, run_fit
    from training.recipe import load_recipe

    options = FitOptions(
        data=parsed.data,
        out=parsed.out,
        recipe=load_recipe(parsed.recipe),
        init=parsed.init,
        seed=parsed.seed,
        device=parsed.device,
        threads=parsed.threads,
        cache=parsed.cache,
        random_split=parsed.random_split,
        val_share=parsed.val_share,
        checkpoint_minutes=parsed.checkpoint_minutes,
        checkpoint_steps=parsed.checkpoint_steps,
    )
    return until_stopped(lambda should_stop: run_fit(options, should_stop=should_stop))
