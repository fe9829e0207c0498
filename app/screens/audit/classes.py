"""The two classes side by side: counts, examples, mean and spread, histograms, each measure."""

from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from app import resources
from app.charts import audit as audit_charts
from app.screens.audit import patches, words
from app.screens.audit.tiles import card, tile, tiles
from app.screens.audit.words import unit_text
from app.screens.shared.parts import button, chart, colours, empty, section, table, with_small
from app.state import widgets
from core.audit import MEASURES, QUALITY
from core.audit.browse import AuditView, PatchChoice
from core.audit.columns import measure_text
from core.audit.store import AuditStore
from core.jobs import Job
from core.wording import call_text, number

_EXAMPLES: Final = 12
_SEED: Final = "audit-examples-seed"


def classes_panel(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw what tells the classes apart; the measures are folded."""
    labels = ("no tumour", "tumour", "unknown")
    counts = {label: int((view.label_words == label).sum()) for label in labels}
    left, *grids = st.columns([1, 1.15, 1.15], gap="medium")
    with left:
        section("Classes", "click a bar to see its patches")
        chart(
            audit_charts.class_bars(counts, colours=colours()),
            "audit-class-chart",
            "How many patches have each label",
            partial(_select, view.job_id),
        )
        button("Show others", "audit-examples", "casino", patches.redraw, _SEED)
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
            chart(audit_charts.class_images(looks, colours=colours()), "audit-class-images",
                  "Mean and standard deviation of the patches of each class")  # fmt: skip
        with histograms:
            section("Pixels", "colour and stain of all pixels, by class")
            chart(audit_charts.pixel_histograms(looks, colours=colours()), "audit-class-pixels",
                  "Histograms of red, green, blue, haematoxylin and eosin by class")  # fmt: skip
        st.caption(words.LOOKS)
    fold = st.expander(words.ALL_MEASURES.format(measures=len(MEASURES)), on_change="rerun",
                       key="audit-measures")  # fmt: skip
    if fold.open:
        with fold:
            evidence, beside = st.columns([1, 1], gap="medium")
            with evidence:
                measures_panel(view)
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
    cards = [card(tile(view, source, int(row), bare=True)) for row in drawn]
    tiles(cards, key=f"audit-examples-{label.replace(' ', '-')}")


def _select(job_id: str, bars: list[Any]) -> None:
    if bars:
        patches.go_to(job_id, patches.PATCHES)
        patches.show(PatchChoice("label", str(bars[0][0])))


_FIRST: Final = 15


def measures_panel(view: AuditView) -> None:
    """Draw distributions and associations; a selection in each chooses patches."""
    measure = st.selectbox(
        "Measure", MEASURES, format_func=measure_text, key="audit-measure",
        help="\n\n".join(f"{measure_text(name)}: {text}" for name, text in QUALITY.items()),
        persist_state="session",
    )  # fmt: skip
    section("Distribution by class", "click a bar to see its patches; Shift adds bars")
    bins = resources.audit_distribution(view, measure)
    if bins is None:
        st.caption("No patch has a value for this measure.")
    else:
        name = measure_text(measure)
        chart(
            audit_charts.measure_histogram(
                bins.edges,
                bins.counts,
                title=f"{name.capitalize()} ({unit_text(measure)})",
                colours=colours(),
            ),
            f"audit-histogram-{measure}",
            f"Distribution of {name} in each class",
            partial(_select_bins, measure),
        )
        outside = f" {bins.outside:,} values lie beyond the ends." if bins.outside else ""
        st.caption(f"Share of the class in each of {len(bins.edges) - 1} bins.{outside}")
    _associations(view)


def _select_bins(measure: str, bars: list[Any]) -> None:
    parts = [f"{label}:{low!r}:{high!r}" for label, low, high, _ in bars]
    patches.show(PatchChoice("bins", "|".join([measure, *parts])) if parts else PatchChoice())


def _associations(view: AuditView) -> None:
    section("How well single image measures predict the label", "click a point")
    associations = view.audit.table("associations")
    if associations is None or associations.empty:
        reason = view.audit.progress.why_not("statistics", words.NOT_YET)
        st.caption(
            words.NO_ASSOCIATIONS if associations is not None else f"Not available: {reason}."
        )
        return
    whole = st.toggle(f"Show all {len(associations)} measures", key="audit-all-measures")
    shown = associations if whole else associations.head(_FIRST)
    chart(
        audit_charts.association_dots(shown, measure_text, colours=colours()),
        f"audit-dots-{len(shown)}",
        "AUROC of each measure alone, with 95 % intervals",
        _select_dot,
    )
    slides = int(associations["slides"].max())
    how = words.SLIDE_INTERVALS.format(slides=slides) if slides else words.PATCH_INTERVALS
    st.caption(words.ASSOCIATIONS.format(intervals=how))
    probes = view.audit.table("probes")
    if probes is not None and probes["score"].notna().any():
        _probes(probes)


def _probes(probes: pd.DataFrame) -> None:
    """Draw how well baseline models predict, where they predict anything."""
    section("Baseline model on colour alone", "logistic regression, out of fold")
    rows = [
        (
            row["told"],
            {"ring": "surroundings"}.get(row["seen"], row["seen"]),
            with_small(number(row["score"], 3), f"chance {number(row['chance'], 3)}"),
            row["measure"],
            f"{row['patches']:,}",
            "; ".join(filter(None, (row["folds"], row["note"]))),
        )
        for row in probes[probes["score"].notna()].to_dict("records")
    ]
    table(("Predicts", "From the", "Score", "Measure", "Patches", "Folds"), rows)
    st.caption(words.BASELINE)


def _select_dot(dots: list[Any]) -> None:
    if dots:
        patches.show(PatchChoice("measure", str(dots[0][0])))
