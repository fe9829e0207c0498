"""Slides: their store, and what is read of them again and again; keyed by job and results."""

import hashlib
from collections.abc import Hashable
from typing import Any, Final

import numpy as np

from app.resources.addresses import ShownSlide, show_slide
from app.resources.caching import cached_by, file_stamp
from app.resources.installation import guard_jobs
from core.errors import SourceError
from core.jobs.folder import Job
from core.patches import ImageU8
from core.settings import Settings
from core.slides.cells import Cells, CellState
from core.slides.result import SUMMARY
from core.slides.run import cell_patch, cell_surroundings
from core.slides.store import SlidePreview, SlideStore
from core.slides.view import SlideTiles, SlideView, open_file

_OPEN_FILES: Final = 2
"""Slides kept open, each with what was decoded of it lately: up to half a gigabyte."""
_UNLIKE: Final = 8
"""Added to the state of a cell that is unlike the training data."""
_TISSUE: Final = 16
"""Added to the state of a cell of tissue."""


@cached_by(lambda chosen: (chosen.slides_dir, chosen.server_roots, chosen.keep_days))
def slide_store(chosen: Settings) -> SlideStore:
    """Return the one store of slides below the data folder."""
    store = SlideStore(chosen.slides_dir, server_roots=chosen.server_roots)
    guard_jobs(store.jobs, chosen.keep_days)
    return store


def _of_choices(store: SlideStore, job: Job) -> Hashable:
    return job.id, store.choices(job).um_per_px, store.judged_um_px(job)


def slide_stamp(store: SlideStore, job: Job) -> str:
    """Return what changes when the cells of a slide do."""
    state = (job.id, store.choices(job), file_stamp(store.result(job) / SUMMARY))
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


@cached_by(lambda store, job: job.id, entries=_OPEN_FILES)
def slide_tiles(store: SlideStore, job: Job) -> SlideTiles:
    """Return the tiles of a slide, its file opened once.

    Raises:
        SourceError: It cannot be read.
    """
    return SlideTiles(open_file(store.path(job)))


@cached_by(_of_choices, entries=_OPEN_FILES)
def slide_view(store: SlideStore, job: Job) -> SlideView:
    """Return a slide at the spacing that the model judges, its file opened once.

    Raises:
        SourceError: It cannot be read.
        SpacingError: Its spacing must be given, or is too coarse.
    """
    return store.open(job)


@cached_by(lambda store, job, level, column, row: (job.id, level, column, row), entries=2_000)
def _tile(store: SlideStore, job: Job, level: int, column: int, row: int) -> bytes | None:
    return slide_tiles(store, job).jpeg(level, column, row)


@cached_by(slide_stamp, entries=4, spinner="Opening the scores …")
def slide_cells(store: SlideStore, job: Job) -> Cells:
    """Return the cells of a finished slide, or those that would be scored."""
    if store.progress(job).state == "done":
        return store.cells(job)
    preview = store.look(job)
    if not isinstance(preview, SlidePreview):
        raise SourceError("This slide is still being looked at for tissue. Wait a moment.")
    return preview.cells(store.choices(job).rule)


@cached_by(slide_stamp, entries=8, copied=True)
def slide_summary(store: SlideStore, job: Job) -> dict[str, Any]:
    """Return the summary of a finished slide."""
    return store.summary(job)


def slide_address(store: SlideStore, job: Job) -> str:
    """Return where the page of its owner fetches a slide's tiles and cells."""
    shown = ShownSlide(
        lambda level, column, row: _tile(store, job, level, column, row),
        lambda: cells_for_viewer(slide_cells(store, job)),
    )
    return show_slide(job.id, shown)


def cells_for_viewer(cells: Cells) -> bytes:
    """Return cells as a viewer reads them, row by row.

    First the score of each as a little-endian double, NaN without one; then a byte each: its
    state, 8 more if unlike the training data, 16 more if it is tissue.
    """
    code = cells.state.astype(np.uint8)
    code += np.where(cells.domain_distance > 1, _UNLIKE, 0).astype(np.uint8)
    code += np.where(cells.tissue | (cells.state != CellState.UNSCORED), _TISSUE, 0).astype(
        np.uint8
    )
    return cells.prob_tumour.astype("<f8").tobytes() + code.tobytes()


@cached_by(
    lambda store, job, row, column: (_of_choices(store, job), row, column),
    entries=500,
    copied=True,
)
def slide_patch(store: SlideStore, job: Job, row: int, column: int) -> tuple[ImageU8, ImageU8]:
    """Return the 96 × 96 px that a cell is judged by, and what lies around, 288 × 288.

    Raises:
        PatchError: This part of the file is damaged.
    """
    view = slide_view(store, job)
    return cell_patch(view, row, column), cell_surroundings(view, row, column)


def forget_slides() -> None:
    """Forget everything kept of any slide, pictures included, because one is being removed."""
    for kept in (slide_tiles, slide_view, _tile, slide_cells, slide_summary, slide_patch):
        kept.clear()
