"""`python -m core verify`: is a review store, or an exported log, what its writers left?"""

import json
import sys
from dataclasses import asdict
from typing import Final

from core.options import VerifyOptions
from core.review.anchors import ANCHORS_NAME, read_anchors
from core.review.chain import Anchor
from core.review.findings import Verification
from core.review.log import verify_log
from core.review.verify import verify_store

UNBROKEN: Final = 0
BROKEN: Final = 1


def verify_command(options: VerifyOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: No such file, or an anchor that is none.
    """
    anchor = None if options.anchor is None else Anchor.parse(options.anchor)
    check = verify_log if options.path.suffix == ".jsonl" else verify_store
    beside = options.path.with_name(ANCHORS_NAME)
    file = options.anchors or (beside if beside.is_file() else None)
    noted = None if file is None else read_anchors(file)
    outcome = check(options.path, anchor, noted=noted)
    sys.stdout.write(_as_json(outcome) if options.json else outcome.report())
    return UNBROKEN if outcome.ok else BROKEN


def _as_json(outcome: Verification) -> str:
    content = {**asdict(outcome), "head": str(outcome.head), "ok": outcome.ok}
    return json.dumps(content, ensure_ascii=True) + "\n"
