"""`python -m core`: the engine without the app."""

import argparse
import sys
from collections.abc import Sequence

from core.errors import NodelensError
from core.explanation.command import add_explain_parser
from core.scoring.command import add_score_parser

WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    parser = argparse.ArgumentParser(
        prog="python -m core",
        description="Score 96 × 96 lymph-node patches for tumour in the centre 32 × 32. "
        "Research software, not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_score_parser(commands)
    add_explain_parser(commands)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except NodelensError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return WRONG_USAGE
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Add --resume to continue.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
