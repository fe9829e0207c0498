"""`search`: its options."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from training.commands.options import Subparsers, add_training_options, fit_options
from training.commands.stopping import until_stopped


def add_search_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `search`."""
    parser = commands.add_parser(
        "search",
        help="try recipes by grid or by TPE (Optuna)",
        description="Vary fields of a recipe and train one run for each trial (OUT/trial-001, "
        "...). The trials stand in OUT/search.sqlite (Optuna's storage) and ranked in "
        "OUT/search.json; OUT/best.toml is the best recipe, for --recipe. Killed at any moment, "
        "the same command goes on with the same trials; a larger --trials adds to them. The best "
        "of many is too good by luck on the patches that chose it: judge it on other slides.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="search folder")
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="FIELD=VALUES",
        help="a recipe field with LOW..HIGH, LOW..HIGH:log or A,B,C, such as "
        "schedule.learning_rate=1e-4..1e-2:log or batch_size=32,64; may be given again",
    )
    parser.add_argument(
        "--sampler",
        choices=["tpe", "grid"],
        default="tpe",
        help="tpe learns from the trials before (default), grid tries every combination of choices",
    )
    parser.add_argument(
        "--trials", type=int, metavar="N", help="how many (default with grid: all combinations)"
    )
    add_training_options(parser)
    parser.set_defaults(run=_search)


def _search(parsed: argparse.Namespace) -> int:
    from training.recipes.space import parse_space
    from training.search import SearchOptions, run_search

    options = SearchOptions(
        fit=fit_options(parsed),
        space=parse_space(parsed.vary),
        trials=parsed.trials,
        sampler=parsed.sampler,
    )

    def work(should_stop: Callable[[], bool]) -> None:
        study = run_search(options, should_stop=should_stop)
        best = study.best_trial
        said = ", ".join(f"{name} {value}" for name, value in best.params.items())
        sys.stdout.write(
            f"Best of {len(study.trials)} trials: validation AUC {best.value:.4f} with {said}.\n"
            f"{parsed.out / 'best.toml'}\n"
        )

    return until_stopped(work)
