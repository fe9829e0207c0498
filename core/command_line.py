"""What the command lines of `core` and `training` share: exit statuses, errors as sentences."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from core.errors import NodelensError

WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130


def run_command(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    *,
    stopped: str = "Stopped.",
) -> int:
    """Run what the arguments ask for and return the exit status; errors are sentences.

    Args:
        parser: Sets `run`, which takes the parsed arguments and returns an exit status.
        arguments: The arguments; None takes those of the process.
        stopped: What to say when somebody stops it by Ctrl-C.
    """
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except NodelensError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return WRONG_USAGE
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{stopped}\n")
        return INTERRUPTED
