"""`evaluate`: its options."""

import argparse
import sys
from pathlib import Path

from training.commands.options import Subparsers, add_scoring_options


def add_evaluate_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        help="judge a model or a table of scores, alone or against another",
        description="Write every metric with an interval that resamples slides to "
        "OUT/evaluation.json, and curves and tables to OUT/evaluation.html. WHAT is a bundle, a "
        "run folder, an ensemble, a cross-validation, or a .csv or .parquet file with the columns "
        "id, label, score or prob_tumour, and slide where known. Without --data the scores that "
        "WHAT holds are judged; with it a model scores those data (killed, it goes on), and a "
        "table gets its labels and slides from them.",
    )
    parser.add_argument("what", type=Path, metavar="WHAT", help="what to judge")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the results"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="labelled patches to judge on: Kaggle layout, PCam's .h5 files, or a .csv of paths",
    )
    parser.add_argument(
        "--split",
        default="",
        metavar="NAME",
        help="part of the data, such as val or test; all for every labelled patch (default: what "
        "the data declare as validation, else all)",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="OTHER",
        help="compare, patch by patch, with another of the same; the interval of the difference "
        "resamples slides",
    )
    parser.add_argument(
        "--operating-point",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a threshold locked in the app; may be given again",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        action="append",
        default=[],
        metavar="P",
        help="another threshold, on the probability; may be given again",
    )
    add_scoring_options(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(parsed: argparse.Namespace) -> int:
    from training.judging.evaluate import EvaluateOptions, run_evaluate
    from training.judging.page import shown
    from training.judging.subject import ScoringOptions

    found = run_evaluate(
        EvaluateOptions(
            what=parsed.what,
            out=parsed.out,
            scoring=ScoringOptions(
                data=parsed.data,
                split=parsed.split,
                tta=parsed.tta,
                device=parsed.device,
                batch_size=parsed.batch_size,
            ),
            against=parsed.against,
            operating_points=tuple(parsed.operating_point),
            thresholds=tuple(parsed.threshold),
        )
    )
    performance = found.performance
    lines = [
        f"{found.subject.name}: {performance.patches:,} patches, {performance.positives:,} with "
        f"tumour, {performance.slides:,} slides"
    ]
    lines += [f"Note: {note}" for note in found.subject.scores.notes]
    lines += [f"{name}: {shown(one, 4)}" for name, one in performance.metrics.items()]
    for point in performance.points:
        rates = ", ".join(
            f"{name} {shown(point.metrics[name], 4)}" for name in ("sensitivity", "specificity")
        )
        lines.append(f"{point.name}, threshold {point.threshold:.4f}: {rates}")
    if found.contest is not None and found.against is not None:
        lines += [
            f"{name}, difference from {found.against.name}: {shown(one.difference, 4)}"
            for name, one in found.contest.metrics.items()
        ]
    sys.stdout.write("\n".join(lines) + f"\n{parsed.out / 'evaluation.html'}\n")
    return 0
