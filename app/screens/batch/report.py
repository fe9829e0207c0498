"""A scored batch as PDF, without a review."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from app import resources
from app.screens.batch import words
from app.screens.shared.pdf import pdf_button
from core.errors import RunError
from core.jobs import Job, JobStore
from core.patches import ImageU8, UnreadablePatch
from core.report import ScoredBatch, batch_pdf, report_maps


def report_button(store: JobStore, job: Job, name: str) -> None:
    """Draw the way to the report; made of the rows that there are then.

    Args:
        store: Where the batch is.
        job: The batch.
        name: Of the file.
    """
    rows = resources.rows(store, job)
    state = f"{len(rows)}-{rows[0].operating_point}" if rows else "0"
    pdf_button("PDF", name, partial(_report, store, job), f"batch-pdf-{job.id}-{state}")


def _report(store: JobStore, job: Job, on_progress: Callable[[float], None]) -> bytes:
    rows, source = resources.rows(store, job), resources.source(store, job)
    if not rows:
        raise RunError(words.NOTHING_SCORED)
    batch = ScoredBatch(job.name, datetime.fromisoformat(job.created), rows)
    places = {rows[at].sha256: at for at in batch.pictured}

    def picture(sha256: str) -> ImageU8:
        found = source.read(places[sha256])
        if isinstance(found, UnreadablePatch) or found.sha256 != sha256:
            raise RunError(words.CHANGED_SINCE.format(file=rows[places[sha256]].path))
        return found.image_rgb_u8

    maps = report_maps(
        list(places),
        rows[0].model_id,
        lambda: resources.review_maps(resources.settings()).maker,
        picture,
        on_progress=on_progress,
    )
    return batch_pdf(batch, picture, maps)
