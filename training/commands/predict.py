"""`predict`: its options."""

import argparse
import sys
from pathlib import Path

from training.commands.options import Subparsers, add_device_option


def add_predict_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `predict`."""
    parser = commands.add_parser(
        "predict",
        help="write a Kaggle submission",
        description="Score the test folder and write `id,label` with probabilities. The rows of "
        "every model are kept in OUT.scores/, so the same command goes on after a kill. A patch "
        "that cannot be scored gets the share of tumour in the training data, because a "
        "submission must be complete.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="bundle, run or ensemble")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="the competition's folder with test/, or any folder, .zip or .h5 of patches",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="submission")
    parser.add_argument(
        "--sample-submission",
        type=Path,
        metavar="FILE",
        help="whose ids must match (default: DIR/sample_submission.csv where it is)",
    )
    parser.add_argument(
        "--tta",
        choices=["none", "d4"],
        help="d4: mean logit over the eight orientations (default: none, or the ensemble's)",
    )
    add_device_option(parser)
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="patches per pass (default: 32)"
    )
    parser.set_defaults(run=_predict)


def _predict(parsed: argparse.Namespace) -> int:
    from training.predict import PredictOptions, run_predict

    filled = run_predict(
        PredictOptions(
            model=parsed.model,
            data=parsed.data,
            out=parsed.out,
            sample_submission=parsed.sample_submission,
            tta=parsed.tta,
            device=parsed.device,
            batch_size=parsed.batch_size,
        )
    )
    if filled:
        sys.stderr.write(f"{filled:,} patches have no score and stand with the share of tumour.\n")
    sys.stdout.write(f"{parsed.out}\n")
    return 0
