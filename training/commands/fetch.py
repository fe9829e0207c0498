"""`fetch`: its options."""

import argparse
import sys
from pathlib import Path

from training.commands.options import Subparsers


def add_fetch_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `fetch`."""
    parser = commands.add_parser(
        "fetch",
        help="download PCam or the Kaggle data",
        description="Download a data set from where it is published, check it, and record its "
        "SHA-256 in fetched.json. pcam: by torchvision, about 8 GB, needs `pip install gdown`. "
        "kaggle: by Kaggle's own client with your token, once you accepted the competition's "
        "rules. No other command asks the network, except fit with --init imagenet.",
    )
    parser.add_argument("data_set", choices=["pcam", "kaggle"], help="which")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder for it")
    parser.add_argument(
        "--split",
        action="append",
        choices=["train", "val", "test"],
        help="of PCam; may be given again (default: all three)",
    )
    parser.set_defaults(run=_fetch)


def _fetch(parsed: argparse.Namespace) -> int:
    from training.fetch import FetchOptions, run_fetch

    splits = tuple(parsed.split or ("train", "val", "test"))
    folder = run_fetch(FetchOptions(parsed.data_set, parsed.to, splits))
    sys.stdout.write(f"Next: python -m training fit --data {folder} --out RUN\n")
    return 0
