"""`average`: its options."""

import argparse
from pathlib import Path

from training.commands.options import Subparsers, add_machine_options


def add_average_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `average`."""
    parser = commands.add_parser(
        "average",
        help="one network from the mean weights of several",
        description="Write a run folder whose weights are the mean of those of finished runs, "
        "one of which was fine-tuned from the other, or all from the same start; score its "
        "validation patches. It costs no more to serve than one. `export`, `evaluate` and "
        "`leaderboard` take it like any run.",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="finished run folders")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the data of those runs"
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        default=(),
        metavar="S",
        help="of each run, summing to 1 (default: equal)",
    )
    add_machine_options(parser)
    parser.set_defaults(run=_average)


def _average(parsed: argparse.Namespace) -> int:
    from training.average import AverageOptions, run_average

    run_average(
        AverageOptions(
            runs=tuple(parsed.runs),
            shares=tuple(parsed.shares),
            data=parsed.data,
            out=parsed.out,
            device=parsed.device,
            threads=parsed.threads,
            cache=parsed.cache,
        )
    )
    return 0
