"""`python -m core.review STORE`: `python -m core verify` without loading the engine."""

import argparse
import sys

from core.errors import NodelensError
from core.review.command import add_arguments, verify

_parser = argparse.ArgumentParser(prog="python -m core.review")
add_arguments(_parser)
try:
    sys.exit(verify(_parser.parse_args()))
except NodelensError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)
