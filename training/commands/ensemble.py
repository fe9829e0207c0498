"""`ensemble`: its options."""

import argparse
import sys
from pathlib import Path

from training.commands.options import Subparsers, add_scoring_options


def add_ensemble_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `ensemble`."""
    parser = commands.add_parser(
        "ensemble",
        help="average several models",
        description="Write the plain mean of the models' calibrated probabilities to "
        "OUT/scores.csv and their names to OUT/ensemble.json. `evaluate`, `predict`, `distill` "
        "and `leaderboard` take OUT like a model. Without --data the models' own validation "
        "scores are averaged; they must be of the same patches.",
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="bundles or runs")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="its folder")
    parser.add_argument("--data", type=Path, metavar="DIR", help="labelled patches to score")
    parser.add_argument(
        "--split", default="", metavar="NAME", help="part of the data, as in `evaluate`"
    )
    add_scoring_options(parser)
    parser.set_defaults(run=_ensemble)


def _ensemble(parsed: argparse.Namespace) -> int:
    from training.ensemble import EnsembleOptions, run_ensemble
    from training.judging.page import shown
    from training.judging.performance import measure_performance
    from training.judging.subject import ScoringOptions

    subject = run_ensemble(
        EnsembleOptions(
            members=tuple(parsed.models),
            out=parsed.out,
            scoring=ScoringOptions(
                data=parsed.data,
                split=parsed.split,
                tta=parsed.tta,
                device=parsed.device,
                batch_size=parsed.batch_size,
            ),
        )
    )
    found = measure_performance(subject.scores.evidence, ())
    sys.stdout.write(
        f"Mean of {len(parsed.models)} models: AUROC {shown(found.metrics['auroc'], 4)} on "
        f"{found.patches:,} patches.\nNext: python -m training evaluate {parsed.out} --out DIR\n"
    )
    return 0
