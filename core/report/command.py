"""`python -m core report`: the PDF report of a case, rebuilt from its record."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.bundle import read_card
from core.files import replacing
from core.report.content import ReportPlan, report_of
from core.report.document import report_pdf
from core.report.maps import report_maps
from core.report.points import point_of
from core.review import Record, ReviewError, ReviewStore
from core.review.patches import PatchFolder
from core.review.pseudonyms import stored_pseudonyms
from core.scoring import open_classifier
from core.settings import Settings
from core.thresholds import OperatingPointStore

if TYPE_CHECKING:
    from core.review.maps import MapMaker

WRITTEN: Final = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.description = (
        "The same record, patches, model and operating point give the same bytes on "
        "the same machine."
    )
    parser.add_argument("case", help="id of the case, as in the page's address")
    parser.add_argument("--out", type=Path, required=True, help="PDF to write")
    parser.add_argument("--data", type=Path, help="the app's data folder (NODELENS_DATA_DIR)")
    parser.add_argument("--until", type=int, metavar="N", help="leave out what came after event N")
    parser.add_argument("--pseudonymised", action="store_true")
    parser.set_defaults(run=write_report)


def _map_maker(settings: Settings) -> "MapMaker":
    from core.review.maps import MapMaker  # noqa: PLC0415 - only who has maps to draw loads PyTorch

    return MapMaker(open_classifier(settings.model_dir, device=settings.device))


def record_until(store: ReviewStore, sequence: int | None) -> Record:
    """Return the record as it was after an event; as it is if None.

    Raises:
        ReviewError: There is no such event.
    """
    if sequence is None:
        return store.record()
    entries = store.entries()
    if not 1 <= sequence <= len(entries):
        raise ReviewError(f"Found event {sequence}; the record has events 1 to {len(entries)}.")
    return Record().extended(entries[:sequence])


def write_report(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: No such store, case or patch.
    """
    settings = Settings.from_environment(os.environ)
    if arguments.data is not None:
        settings = replace(settings, data_dir=arguments.data.absolute())
    if not settings.review_store.is_file():
        raise ReviewError(f"There is no review store {settings.review_store}. Check the folder.")
    record = record_until(ReviewStore(settings.review_store), arguments.until)
    point = point_of(
        record.case(arguments.case),
        read_card(settings.model_dir),
        OperatingPointStore(settings.operating_points_dir),
    )
    hide = stored_pseudonyms(settings.pseudonym_key) if arguments.pseudonymised else None
    plan = ReportPlan(arguments.case, hide=hide, point=point)
    kept = PatchFolder(settings.review_patches_dir)
    report = report_of(record, plan)
    maps = report_maps(
        report,
        record.case(arguments.case),
        lambda: _map_maker(settings),
        kept.image,
    )
    content = report_pdf(report, kept.image, maps)
    with replacing(arguments.out) as temporary:
        temporary.write_bytes(content)
    sys.stdout.write(f"{arguments.out}: case {arguments.case}, record {record.end}\n")
    return WRITTEN
