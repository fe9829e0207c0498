"""`python -m core report`: the PDF report of a case, rebuilt from its record."""

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from core.bundle import read_card
from core.errors import ReviewError
from core.files import replacing, require_apart, require_folder_of
from core.options import ReportOptions
from core.report.content import point_of, report_of
from core.report.document import report_pdf
from core.report.maps import report_maps
from core.review import Record, ReviewStore
from core.review.patches import PatchFolder
from core.review.pseudonyms import stored_pseudonyms
from core.scoring import open_classifier
from core.settings import Settings
from core.thresholds import OperatingPointStore

if TYPE_CHECKING:
    from core.review.maps import MapMaker

WRITTEN: Final = 0


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


def report_command(options: ReportOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: No such store, case or patch; nothing is written then.
    """
    require_folder_of(options.out)
    require_apart((options.out,), ())
    settings = Settings.from_environment(os.environ)
    if options.data is not None:
        settings = replace(settings, data_dir=options.data.absolute())
    if not settings.review_store.is_file():
        raise ReviewError(f"There is no review store {settings.review_store}. Check the folder.")
    record = record_until(ReviewStore(settings.review_store), options.until)
    point = point_of(
        record.case(options.case),
        read_card(settings.model_dir),
        OperatingPointStore(settings.operating_points_dir),
    )
    hide = stored_pseudonyms(settings.pseudonym_key) if options.pseudonymised else None
    kept = PatchFolder(settings.review_patches_dir)
    report = report_of(record, options.case, hide=hide, point=point)

    def maker() -> "MapMaker":
        from core.review.maps import MapMaker  # noqa: PLC0415 - who has no maps loads no PyTorch

        opened = open_classifier(settings.model_dir, device=settings.device)
        return MapMaker(opened, settings.map_checks)

    maps = report_maps(report.hashes, record.case(options.case).model_id, maker, kept.image)
    content = report_pdf(report, kept.image, maps)
    with replacing(options.out) as temporary:
        temporary.write_bytes(content)
    sys.stdout.write(f"{options.out}: case {options.case}, record {record.end}\n")
    return WRITTEN
