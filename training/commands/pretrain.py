"""`pretrain`: its options."""

import argparse
from pathlib import Path
from typing import Any

from training.commands.options import Subparsers, add_run_options
from training.commands.stopping import until_stopped


def add_pretrain_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `pretrain`."""
    parser = commands.add_parser(
        "pretrain",
        help="let a network learn from patches without labels, before `fit`",
        description="Train the recipe's network, without its last layer, to see two varied views "
        "of a patch as the same and different patches as different (VICReg). No label is looked "
        "at, and none is needed. Declared validation and test patches, and all others of their "
        "slides, are left out. Ends with OUT/backbone.safetensors for `fit --init`. Killed at any "
        "moment, the same command goes on and ends with the same bytes.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATCHES",
        help="a folder, .zip or .h5 of patches, or .csv of paths; Kaggle's and PCam's layout too",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="run folder")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the patches (30)")
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="patches a step, two views of each (128)"
    )
    parser.add_argument(
        "--learning-rate", type=float, metavar="R", help="the largest, after the warm-up (0.001)"
    )
    parser.add_argument(
        "--with-held-out",
        action="store_true",
        help="take declared validation and test patches too; scores on them may be too good",
    )
    add_run_options(parser)
    parser.set_defaults(run=_pretrain)


def _pretrain(parsed: argparse.Namespace) -> int:
    from training.learning.stepping import Pauses
    from training.pretraining.config import pretraining_of
    from training.pretraining.run import PretrainOptions, run_pretraining
    from training.recipes.recipe import load_recipe

    wished: dict[str, Any] = {
        "epochs": parsed.epochs,
        "batch_size": parsed.batch_size,
        "learning_rate": parsed.learning_rate,
    }
    recipe = load_recipe(parsed.recipe)
    settings = pretraining_of({name: value for name, value in wished.items() if value is not None})
    return until_stopped(
        lambda should_stop: run_pretraining(
            PretrainOptions(
                data=parsed.data,
                out=parsed.out,
                recipe=recipe,
                settings=settings,
                init=parsed.init,
                seed=parsed.seed,
                device=parsed.device,
                threads=parsed.threads,
                cache=parsed.cache,
                with_held_out=parsed.with_held_out,
                pauses=Pauses(parsed.checkpoint_minutes, parsed.checkpoint_steps, should_stop),
                deterministic=parsed.deterministic,
                tensorboard=not parsed.no_tensorboard,
            )
        )
    )
