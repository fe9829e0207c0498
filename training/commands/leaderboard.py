"""`leaderboard`: its options."""

import argparse
import sys
from pathlib import Path

from training.commands.options import Subparsers


def add_leaderboard_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `leaderboard`."""
    parser = commands.add_parser(
        "leaderboard",
        help="make one table of all finished runs",
        description="Rebuild a Markdown table from the run folders, ensembles and "
        "cross-validations below RUNS, best first among those judged on the same patches. "
        "Without --to, --csv or --json the table goes to standard output. The same folders give "
        "the same bytes.",
    )
    parser.add_argument("runs", type=Path, metavar="RUNS", help="folder that holds the runs")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE.md",
        help="put the table between the lines <!-- leaderboard --> and <!-- /leaderboard -->",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE.csv", help="also write every column")
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="likewise as JSON")
    parser.set_defaults(run=_leaderboard)


def _leaderboard(parsed: argparse.Namespace) -> int:
    from training.judging.leaderboard import (
        markdown_table,
        put_between_markers,
        read_entries,
        write_entries,
    )

    entries = read_entries(parsed.runs)
    table = markdown_table(entries)
    for path in filter(None, (parsed.csv, parsed.json)):
        write_entries(path, entries)
    if parsed.to is not None:
        changed = put_between_markers(parsed.to, table)
        sys.stderr.write(f"{len(entries)} lines, {parsed.to} {'' if changed else 'un'}changed.\n")
    if not any((parsed.to, parsed.csv, parsed.json)):
        sys.stdout.write(table)
    return 0
