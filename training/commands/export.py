"""`export`: its options."""

import argparse
import sys
from pathlib import Path

from training.commands.options import Subparsers


def add_export_parser(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add `export`."""
    parser = commands.add_parser(
        "export",
        help="make a model bundle of a finished run",
        description="Fit the temperature on one half of the validation slides, choose the "
        "threshold on the other, and write weights, card, golden patches and validation scores.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="the bundle's folder")
    parser.add_argument("--name", default="", help="of the model (default: the recipe's)")
    parser.add_argument("--licence", default="Apache-2.0", help="of the weights")
    parser.add_argument(
        "--init-source",
        default="",
        metavar="TEXT",
        help="origin and licence of the weights that --init FILE named, for the card",
    )
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT",
        help="what else limits this validation, one sentence; may be given again",
    )
    parser.add_argument("--replace", action="store_true", help="replace the bundle in DIR")
    parser.set_defaults(run=_export)


def _export(parsed: argparse.Namespace) -> int:
    from training.bundling.export import ExportOptions, run_export

    card = run_export(
        ExportOptions(
            run=parsed.run_folder,
            to=parsed.to,
            name=parsed.name,
            licence=parsed.licence,
            init_source=parsed.init_source,
            notes=tuple(parsed.note),
            replace=parsed.replace,
        )
    )
    lines = [
        f"{card.model_id} in {parsed.to}: temperature {card.temperature:.3f}, threshold "
        f"{card.operating_point.threshold:.4f}. {card.operating_point.rule}"
    ]
    lines += [
        f"{name}: {found.value:.4f} ({found.low:.4f} to {found.high:.4f}; {found.method})"
        for name, found in card.validation.metrics.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
