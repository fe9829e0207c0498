"""The two classes side by side: counts, examples, mean and spread, histograms, every measure."""

from typing import Final

import numpy as np
import streamlit as st

from app import charts, resources
from app.charts import classes as class_charts
from app.screens.audit import measures, patches, tabs, words
from app.screens.audit.tiles import TileCard, tile, tiles
from app.screens.shared.parts import chart, empty, section
from app.state import widgets
from core.audit import MEASURES
from core.audit.browse import AuditView, PatchChoice
from core.audit.store import AuditStore
from core.jobs import Job
from core.wording import call_text

_EXAMPLES: Final = 12
_SEED: Final = "audit-examples-seed"
_BARS: Final = "audit-class-chart"


def classes_panel(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw what tells the classes apart; the measures are folded."""
    colours = charts.palette(dark=widgets.is_dark())
    labels = ("no tumour", "tumour", "unknown")
    counts = {label: int((view.label_words == label).sum()) for label in labels}
    left, *grids = st.columns([1, 1.15, 1.15], gap="medium")
    with left:
        section("Classes", "click a bar to see its patches")
        chart(
            class_charts.class_bars(counts, colours=colours),
            _BARS,
            "How many patches have each label",
            on_select=lambda: _select(view),
            selection_mode="points",
        )
        st.button("Show others", icon=":material/casino:", on_click=_redraw, key="audit-examples")
        st.caption(words.EXAMPLES)
    for place, label in zip(grids, ("tumour", "no tumour"), strict=True):
        with place:
            section(call_text(label), f"{counts[label]:,} patches")
            _examples(store, job, view, label)
    if not counts["tumour"] + counts["no tumour"]:
        empty(*words.NO_LABELS)
        return
    source = patches.source_or_none(store, job)
    if source is not None:
        looks = resources.audit_looks(view, source)
        pictures, histograms = st.columns([1, 1.15], gap="medium")
        with pictures:
            section("Mean and spread", "each pixel over the patches of a class")
            chart(class_charts.class_images(looks, colours=colours), "audit-class-images",
                  "Mean and standard deviation of the patches of each class")  # fmt: skip
        with histograms:
            section("Pixels", "colour and stain of all pixels, by class")
            chart(class_charts.pixel_histograms(looks, colours=colours), "audit-class-pixels",
                  "Histograms of red, green, blue, haematoxylin and eosin by class")  # fmt: skip
        st.caption(words.LOOKS)
    fold = st.expander(words.ALL_MEASURES.format(measures=len(MEASURES)), on_change="rerun",
                       key="audit-measures")  # fmt: skip
    if fold.open:
        with fold:
            evidence, beside = st.columns([1, 1], gap="medium")
            with evidence:
                measures.measures_panel(view)
            with beside, st.container(key="nl-audit-beside"):
                patches.patches_beside(store, job, view)


def _examples(store: AuditStore, job: Job, view: AuditView, label: str) -> None:
    """Draw patches of a class at random."""
    readable = (view.patches["fault"] == "").to_numpy()
    rows = np.flatnonzero(readable & (view.label_words == label))
    if not len(rows):
        empty("", words.NO_EXAMPLE)
        return
    seed = int(str(widgets.chosen(_SEED, 0)))
    drawn = np.random.default_rng(seed).permutation(rows)[:_EXAMPLES]
    source = patches.source_or_none(store, job)
    cards = [TileCard((tile(view, source, int(row), bare=True),)) for row in drawn]
    tiles(cards, key=f"audit-examples-{label.replace(' ', '-')}")


def _redraw() -> None:
    widgets.choose(_SEED, int(str(widgets.chosen(_SEED, 0))) + 1)


def _select(view: AuditView) -> None:
    points = widgets.points(_BARS)
    if points:
        tabs.go_to(view.job_id, tabs.PATCHES)
        patches.show(PatchChoice("label", str(points[0]["customdata"][0])))
