"""`python -m core verify`: is a review store, or an exported log, what its writers left?"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from core.review.anchors import ANCHORS_NAME, read_anchors
from core.review.chain import Anchor
from core.review.findings import Verification
from core.review.log import verify_log
from core.review.verify import verify_store

UNBROKEN: Final = 0
BROKEN: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.description = (
        "Check the chain of hashes, that every event could follow the ones before, the schema and "
        "the file. Reads only. Exit status: 0 unbroken, 1 broken (the findings say where), "
        "2 wrong usage."
    )
    parser.add_argument("path", type=Path, help="review store, or exported log ending in .jsonl")
    parser.add_argument(
        "--anchor", metavar="N:HASH", help="an end of the chain that was noted earlier"
    )
    parser.add_argument(
        "--anchors",
        type=Path,
        metavar="FILE",
        help=f"file of noted anchors; without it {ANCHORS_NAME} beside the store, if there is one",
    )
    parser.add_argument("--json", action="store_true", help="write the outcome as JSON")
    parser.set_defaults(run=verify)


def verify(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: No such file, or an anchor that is none.
    """
    anchor = None if arguments.anchor is None else Anchor.parse(arguments.anchor)
    check = verify_log if arguments.path.suffix == ".jsonl" else verify_store
    beside = arguments.path.with_name(ANCHORS_NAME)
    file = arguments.anchors or (beside if beside.is_file() else None)
    noted = None if file is None else read_anchors(file)
    outcome = check(arguments.path, anchor, noted=noted)
    sys.stdout.write(_as_json(outcome) if arguments.json else outcome.report())
    return UNBROKEN if outcome.ok else BROKEN


def _as_json(outcome: Verification) -> str:
    content = {**asdict(outcome), "head": str(outcome.head), "ok": outcome.ok}
    return json.dumps(content, ensure_ascii=True) + "\n"
