"""Options that several commands share."""

import argparse
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from training.fitting import FitOptions
    from training.recipes.recipe import Recipe

Subparsers = argparse._SubParsersAction  # argparse names this type no other way

DEFAULT_RECIPE: Final = "ours_lite0"
DATA_HELP: Final = (
    "Kaggle layout (train/, train_labels.csv; patch_id_wsi.csv and split.csv where given) or "
    "PCam's .h5 files"
)


def shipped_recipes() -> tuple[str, ...]:
    """Return the names of the shipped recipes without loading what reads them."""
    files = resources.files("training.recipes").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def add_training_options(
    parser: argparse.ArgumentParser, *, with_train_patches: bool = True
) -> None:
    """Add what every command asks that trains with labels."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=DATA_HELP)
    add_run_options(parser)
    parser.add_argument(
        "--random-split",
        action="store_true",
        help="split without regard to slides; validation scores are then too good",
    )
    if with_train_patches:
        parser.add_argument(
            "--train-patches",
            type=int,
            metavar="N",
            help="train on N patches only; a smaller N gives a part of what a larger one gives",
        )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what every run asks: recipe, start, seed, device, checkpoints."""
    parser.add_argument(
        "--recipe",
        default=DEFAULT_RECIPE,
        help=f"{', '.join(shipped_recipes())}, or a .toml file (default: {DEFAULT_RECIPE})",
    )
    parser.add_argument(
        "--init",
        default="",
        metavar="FILE|imagenet|none",
        help="initial weights: safetensors in timm's naming, timm's hub, or chance "
        "(default: the recipe's)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of order, augmentation, dropout, random weights and split (default: 0)",
    )
    add_machine_options(parser)
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=2.0,
        metavar="M",
        help="a kill costs at most this much (default: 2)",
    )
    parser.add_argument("--checkpoint-steps", type=int, metavar="N", help="likewise, in steps")
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="fail rather than run an operation that is not repeatable on this device; slower on "
        "a GPU",
    )
    parser.add_argument(
        "--no-tensorboard", action="store_true", help="write no TensorBoard event files"
    )


def fit_options(
    parsed: argparse.Namespace,
    *,
    recipe: "Recipe | None" = None,
    teacher_scores: Path | None = None,
) -> "FitOptions":
    """Return the options of a run from what `add_training_options` parsed, and --out.

    Args:
        parsed: With these options.
        recipe: Instead of the one that --recipe names.
        teacher_scores: That the run follows.
    """
    from training.fitting import FitOptions
    from training.recipes.recipe import load_recipe

    return FitOptions(
        data=parsed.data,
        out=parsed.out,
        recipe=recipe or load_recipe(parsed.recipe),
        init=parsed.init,
        seed=parsed.seed,
        device=parsed.device,
        threads=parsed.threads,
        cache=parsed.cache,
        teacher_scores=teacher_scores,
        random_split=parsed.random_split,
        checkpoint_minutes=parsed.checkpoint_minutes,
        checkpoint_steps=parsed.checkpoint_steps,
        train_patches=parsed.train_patches,
        deterministic=parsed.deterministic,
        tensorboard=not parsed.no_tensorboard,
    )


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Add where to compute, with how many threads, and where decoded patches are kept."""
    add_device_option(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: PyTorch's)")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where decoded patches are kept, 27 kB each (default: in the output folder)",
    )


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="auto takes a GPU where PyTorch finds one (default)",
    )


def add_scoring_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command that scores patches asks."""
    parser.add_argument(
        "--tta",
        choices=["none", "d4"],
        default="none",
        help="d4: mean logit over the eight orientations, at eight times the cost (default: none)",
    )
    add_device_option(parser)
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="patches per pass (default: 32)"
    )
