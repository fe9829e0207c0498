"""`python -m training`: the commands and their options."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from core.errors import NodelensError
from training.export import ExportOptions, run_export
from training.fitting import FitOptions, run_fit
from training.loop import Stopped
from training.recipe import load_recipe, recipe_names

DEFAULT_RECIPE: Final = "ours_lite0"
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

Subparsers = argparse._SubParsersAction  # argparse names this type no other way


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train networks on 96 × 96 lymph-node patches and export them as bundles. "
        "Research software, not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fit(commands)
    _add_export(commands)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except NodelensError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return WRONG_USAGE
    except Stopped:
        sys.stderr.write("Stopped; the same command goes on from here.\n")
        return INTERRUPTED
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped at once; the same command goes on from the last checkpoint.\n")
        return INTERRUPTED


def _add_fit(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "fit",
        help="train a network into a run folder",
        description="Train, validating on slides that do not train. Killed at any moment, the "
        "same command goes on and ends with the same weights.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="Kaggle layout (train/, train_labels.csv; patch_id_wsi.csv and split.csv where "
        "given) or PCam's .h5 files",
    )
    parser.add_argument("--out", type=Path, required=True, help="run folder")
    parser.add_argument(
        "--recipe",
        default=DEFAULT_RECIPE,
        help=f"{', '.join(recipe_names())}, or a .toml file (default: {DEFAULT_RECIPE})",
    )
    parser.add_argument(
        "--init",
        default="",
        metavar="FILE|imagenet|none",
        help="initial weights: safetensors in timm's naming, timm's hub, or chance "
        "(default: the recipe's)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads")
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="where decoded patches are kept (default: RUN)"
    )
    parser.add_argument(
        "--val-share",
        type=float,
        default=0.1,
        help="share of the patches of known slide that validates where split.csv is not given",
    )
    parser.add_argument(
        "--random-split",
        action="store_true",
        help="split without regard to slides; validation scores are then too good",
    )
    parser.add_argument("--checkpoint-minutes", type=float, default=2.0, metavar="M")
    parser.add_argument("--checkpoint-steps", type=int, metavar="N")
    parser.set_defaults(run=_fit)


def _fit(parsed: argparse.Namespace) -> int:
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
    with _stop_requests() as requests:
        run_fit(options, should_stop=lambda: bool(requests))
    return 0


def _add_export(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="make a model bundle of a finished run",
        description="Fit the temperature on one half of the validation slides, choose the "
        "threshold on the other, and write weights, card, golden patches and validation scores.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="the bundle's folder")
    parser.add_argument("--name", default="", help="of the model (default: the recipe's)")
    parser.add_argument("--licence", default="Apache-2.0", help="of the weights")
    parser.add_argument(
        "--init-source",
        default="",
        metavar="TEXT",
        help="origin and licence of the weights that --init FILE named, for the card",
    )
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT",
        help="what else limits this validation, one sentence; may be given again",
    )
    parser.add_argument("--replace", action="store_true", help="replace the bundle in DIR")
    parser.set_defaults(run=_export)


def _export(parsed: argparse.Namespace) -> int:
    card = run_export(
        ExportOptions(
            run=parsed.run_folder,
            to=parsed.to,
            name=parsed.name,
            licence=parsed.licence,
            init_source=parsed.init_source,
            notes=tuple(parsed.note),
            replace=parsed.replace,
        )
    )
    lines = [
        f"{card.model_id} in {parsed.to}: temperature {card.temperature:.3f}, threshold "
        f"{card.operating_point.threshold:.4f}. {card.operating_point.rule}"
    ]
    lines += [
        f"{name}: {found.value:.4f} ({found.low:.4f} to {found.high:.4f}; {found.method})"
        for name, found in card.validation.metrics.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM; the first asks for a clean stop, the second ends at once."""
    requests: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(number)
        sys.stderr.write("\nStopping after this step ...\n")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
