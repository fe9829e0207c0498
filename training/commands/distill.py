"""`distill`: its options."""

import argparse
from pathlib import Path

from training.commands.options import Subparsers, add_training_options, fit_options
from training.commands.stopping import until_stopped


def add_distill_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `distill`."""
    parser = commands.add_parser(
        "distill",
        help="train a network on the scores of better ones",
        description="Collect the teacher's score of every training patch (OUT.teacher/"
        "teacher_scores.csv: id, prob_tumour) and train with it as `fit` does; --weight says "
        "how much it counts beside the labels. A cross-validation teaches with its "
        "out-of-fold scores, which is best: a model is too sure of patches that it trained on. "
        "Killed at any moment, the same command goes on.",
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        required=True,
        metavar="WHAT",
        help="a cross-validation, a table of scores (id, label, prob_tumour), a bundle, a run or "
        "an ensemble",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder")
    add_training_options(parser)
    parser.add_argument(
        "--teacher-tta", choices=["none", "d4"], default="none", help="of a model that teaches"
    )
    parser.add_argument(
        "--weight",
        type=float,
        metavar="W",
        help="share of the loss that follows the teacher, 0..1 (default: the recipe's, or 0.5)",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="both logits are divided by it (default: the recipe's)",
    )
    parser.set_defaults(run=_distill)


def _distill(parsed: argparse.Namespace) -> int:
    from training.distill import DistillOptions, follow, run_distill, teacher_table
    from training.recipes.recipe import load_recipe

    recipe = follow(load_recipe(parsed.recipe), parsed.weight, parsed.temperature)
    options = DistillOptions(
        fit=fit_options(parsed, recipe=recipe, teacher_scores=teacher_table(parsed.out)),
        teacher=parsed.teacher,
        tta=parsed.teacher_tta,
    )
    return until_stopped(lambda should_stop: run_distill(options, should_stop=should_stop))
