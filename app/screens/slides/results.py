"""A scored slide: its summary, its files, and its cells on their way to a review."""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Final

import streamlit as st

from app import resources
from app.screens.shared.downloads import download
from app.screens.shared.parts import attempt, button, facts
from app.screens.shared.ways import to_review
from app.screens.slides import words
from app.state import identity
from core.jobs import Job
from core.patches import ImageU8
from core.scoring import Classifier
from core.slides.run import cells_as_patches
from core.slides.store import SlideStore
from core.wording import number, percent

_MANY: Final = 0.05
_USUAL: Final = 60
_MOST: Final = 500


def summary(store: SlideStore, job: Job) -> None:
    """Draw what was found, in a sentence and in numbers."""
    report = resources.slide_summary(store, job)
    counts = report["cells"]
    st.html(f'<p class="nl-inwords">{report["in_words"]}</p>')
    unlike = counts["unlike_training"] / max(counts["scored"], 1)
    if unlike > _MANY:
        st.warning(words.UNLIKE_MANY.format(share=percent(unlike, 0)), icon=":material/warning:")


def numbers(store: SlideStore, job: Job) -> None:
    """Draw what was scored with what, and the regions, folded."""
    report = resources.slide_summary(store, job)
    counts, regions, slide = report["cells"], report["regions_of_flagged_cells"], report["slide"]
    spec, largest = report["spec"], regions["greatest_diameter_mm"]
    diameter = "" if largest is None else f", greatest diameter {number(largest, 2)} mm"
    given = "as given" if slide["spacing_origin"] == "given" else "as the file states"
    with st.expander("Numbers"):
        facts(
            {
                "Cells": f"{counts['tissue']:,} of tissue, {counts['scored']:,} scored",
                "Regions": f"{regions['count']:,}, {regions['area_mm2']:.3f} mm²{diameter}",
                "Scored": report["which_cells"],
                "Pixels": f"{slide['um_per_px']:.4g} µm, {given}",
                "Model": spec["model_id"],
                "Threshold": f"{spec['threshold']:.4f} ({spec['operating_point']})",
            }
        )
        st.caption(words.NO_TUMOUR_SIZE)


def ways_on(store: SlideStore, job: Job, state: str, classifier: Classifier | None) -> None:
    """Draw the ways on from a scored slide."""
    if state == "done":
        _review(store, job, classifier)
        _downloads(store, job)


def _review(store: SlideStore, job: Job, classifier: Classifier | None) -> None:
    cells = resources.slide_cells(store, job)
    flagged = int(cells.flagged.sum())
    with st.popover(
        "Review", icon=":material/rate_review:", key="to-review", disabled=classifier is None
    ):
        st.write(words.REVIEW)
        choices = ["flagged", "doubtful"] if flagged else ["doubtful"]
        which = st.radio(
            "Cells", choices, key=f"review-which-{job.id}", format_func=words.CELLS.__getitem__
        )
        most = min(_MOST, flagged if which == "flagged" else int((cells.state == 1).sum()))
        count = st.number_input(
            "How many", 1, max(most, 1), min(_USUAL, max(most, 1)), key=f"review-count-{which}"
        )
        st.caption(words.REVIEW_NOTE)
        if button("Open a review", "open-review", type="primary") and classifier is not None:
            attempt(_to_review, store, job, classifier, str(which), int(count))


def _to_review(store: SlideStore, job: Job, classifier: Classifier, which: str, count: int) -> None:
    cells, view = resources.slide_cells(store, job), resources.slide_view(store, job)
    threshold = classifier.operating_point.threshold
    places = (
        cells.flagged_first(count) if which == "flagged" else cells.doubtful_first(count, threshold)
    )
    settings = resources.settings()
    batches, kept = resources.job_store(settings), resources.review_patches(settings)

    def keep(sha256: str, around: ImageU8) -> None:
        kept.keep_around(around, sha256=sha256)

    with st.spinner("Cutting and scoring the patches …"):
        batch = batches.add_upload(
            identity.owner(),
            f"{job.name}, {len(places)} cells",
            cells_as_patches(view, places, keep),
        )
        batches.start(batch, classifier)
        batches.wait(batch, timeout_s=120)
    to_review((), batch.id)


def _downloads(store: SlideStore, job: Job) -> None:
    folder = store.result(job)
    with st.popover("Download", icon=":material/download:", key="downloads"):
        for name, meaning in words.FILES.items():
            download(
                name,
                (folder / name).read_bytes,
                f"{job.name}-{name}",
                f"download-{name}",
                width="stretch",
            )
            st.caption(meaning)
        pack: Callable[[], bytes] = partial(_zipped, store, job)
        download(words.ALL_FILES, pack, f"{job.name}.zip", "download-all", width="stretch")


def _zipped(store: SlideStore, job: Job) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in words.FILES:
            archive.write(store.result(job) / name, name)
    return packed.getvalue()
