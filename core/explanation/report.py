"""The distributions of an explained source as one HTML file that needs nothing from anywhere."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core import pages
from core.explanation.distributions import Basis, Collected, FloatArray, Group, Spread
from core.explanation.rows import DECIDED, Measure
from core.statistics import Measured

_TEMPLATE: Final = Path(__file__).with_name("report.html.j2")
_NOTICE: Final = (
    "These numbers describe what the model reacted to. They say nothing about the tissue of any "
    "patient."
)
_BINS: Final = 20
_COLOURS: Final = {
    "Tumour in the centre": pages.TUMOUR,
    "Called tumour": pages.TUMOUR,
    "No tumour in the centre": pages.NO_TUMOUR,
    "Not called tumour": pages.NO_TUMOUR,
    "True positive": pages.TUMOUR,
    "False positive": "#CC79A7",
    "False negative": "#009E73",
    "True negative": pages.NO_TUMOUR,
}
_DASHES: Final = {"False positive": "dash", "False negative": "dash"}
_DECIDED_COLOURS: Final = ("#0B6B73", pages.TUMOUR, "#8A949A", "#E0C341")
_QUARTILES: Final = ("lower quartile", "median", "upper quartile")
_NOTES: Final = {
    "centre_share": "Each cell of a coarse map has seen most of the patch, so a share near the "
    "value by area does not prove that the ring decided; centre reliance is the causal measure.",
    "centre_reliance": "1 − exp(−rise of the calibrated log odds by the centre), mean over donors "
    "of tumour-free tissue. 0: the centre carries none of the evidence for tumour, which is "
    "usual for negatives. Near 1: without it the odds of tumour would vanish.",
    "ring_reliance": "The ring does not count for the question asked. Centre and ring can both be "
    "near 1.",
    "centre_reliance_spread": "Above 0.25, the result depends on the replacement tissue.",
    "twins_beaten": "Chance is one half. At least nine in ten are asked for before a map is shown.",
    "evidence_for": "In the map's unit. Weak evidence does not double the odds.",
}


def report_html(collected: Collected, facts: Mapping[str, str], *, seal: str = "") -> str:
    """Return the report: plotly.js once inside, no address to load anything from.

    Args:
        collected: The measures.
        facts: What was explained by what, name and value, in the reader's words.
        seal: A last line, such as the hash of the table.
    """
    groups = collected.groups()
    any_patch = any(group.patches for group in groups)
    measures = [spread.measure for spread in groups[0].spreads] if any_patch else []
    decided = [one for one in measures if one in DECIDED]
    return pages.page(
        _TEMPLATE,
        title="Explanations by class",
        notice=_NOTICE,
        facts=list(_facts(collected, facts)),
        groups=[(group.name, f"{group.patches:,}", str(group.basis)) for group in groups],
        decided=_rates(groups, decided) | {"figure": _decided_figure(groups)} if decided else {},
        measures=[_distribution(groups, measure) for measure in measures if not measure.rate],
        rates=_rates(groups, [one for one in measures if one.rate and one not in DECIDED]),
        method=" ".join(_method(groups)),
        seal=seal,
    )


def _facts(collected: Collected, facts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from facts.items()
    yield "Explained", f"{len(collected):,} patches"
    if collected.left_out:
        yield "Without an explanation", f"{collected.left_out:,} inputs, left out"
    if collected.has_labels and collected.unlabelled:
        yield "Without a reference label", f"{collected.unlabelled:,} patches, left out"


def _distribution(groups: Sequence[Group], measure: Measure) -> dict[str, Any]:
    """Return what the template shows of one measure: groups as rows, quartiles as columns."""
    rows = []
    for group in groups:
        spread = group[measure.key]
        cells = [(_estimate(spread.estimates.get(name), measure), "") for name in _QUARTILES]
        rows.append({"group": group.name, "size": _size(spread), "cells": cells})
    return {
        "key": measure.key,
        "name": measure.name,
        "note": _NOTES.get(measure.key, ""),
        "figure": _histograms(groups, measure),
        "heads": [name.capitalize() for name in _QUARTILES],
        "rows": rows,
        "by_area": _by_area([measure]),
    }


def _rates(groups: Sequence[Group], measures: Sequence[Measure]) -> dict[str, Any]:
    """Return what the template shows of several rates: groups as rows, rates as columns."""
    if not measures:
        return {}
    rows = []
    for group in groups:
        spreads = [group[measure.key] for measure in measures]
        cells = [(_estimate(one.estimates.get("rate"), one.measure), _size(one)) for one in spreads]
        rows.append({"group": group.name, "size": f"{group.patches:,}", "cells": cells})
    heads = [measure.name for measure in measures]
    return {"figure": None, "heads": heads, "rows": rows, "by_area": _by_area(measures)}


def _by_area(measures: Sequence[Measure]) -> str:
    return next((f"{one.by_area:.1%}" for one in measures if one.by_area is not None), "")


def _histograms(groups: Sequence[Group], measure: Measure) -> go.Figure:
    panels = [basis for basis in Basis if any(group.basis is basis for group in groups)]
    figure = make_subplots(
        1, len(panels), subplot_titles=[f"By {panel}" for panel in panels], shared_yaxes=True
    )
    edges = _edges([group[measure.key] for group in groups], measure)
    for column, panel in enumerate(panels, start=1):
        for group in groups:
            spread = group[measure.key]
            if group.basis is panel and len(spread):
                share = np.histogram(np.clip(spread.values, edges[0], edges[-1]), edges)[0]
                figure.add_trace(_steps(edges, 100 * share / len(spread), group), 1, column)
        if measure.by_area is not None:
            figure.add_vline(
                measure.by_area,
                line={"color": pages.INK, "dash": "dot", "width": 1},
                row=1,
                col=column,
            )
    figure.update_xaxes(range=[edges[0], edges[-1]])
    figure.update_yaxes(ticksuffix=" %", rangemode="tozero")
    return pages.dressed(figure, 300)


def _steps(edges: FloatArray, percent: FloatArray, group: Group) -> go.Scatter:
    return go.Scatter(
        x=np.repeat(edges, 2)[1:-1].round(6).tolist(),
        y=np.repeat(percent, 2).round(3).tolist(),
        mode="lines",
        name=group.name,
        line={
            "color": _COLOURS[group.name],
            "width": 2,
            "dash": _DASHES.get(group.name, "solid"),
        },
        hovertemplate="%{x:.2f}: %{y:.1f} % of the group<extra>" + group.name + "</extra>",
    )


def _edges(spreads: Sequence[Spread], measure: Measure) -> FloatArray:
    """Return the limits of the bins; open ends lie where all but 1 in 200 values are inside."""
    values = np.concatenate([spread.values for spread in spreads])
    low, high = measure.bounds
    found = np.quantile(values, [0.005, 0.995]) if len(values) else (0.0, 1.0)
    start = float(found[0]) if low is None else low
    stop = float(found[1]) if high is None else high
    return np.linspace(start, max(stop, start + 1e-6), _BINS + 1)


def _decided_figure(groups: Sequence[Group]) -> go.Figure:
    figure = go.Figure()
    called = [group for group in reversed(groups) if len(group[DECIDED[0].key])]
    for measure, colour in zip(DECIDED, _DECIDED_COLOURS, strict=True):
        name = measure.name.split(": ")[-1]
        figure.add_trace(
            go.Bar(
                y=[f"{group.name} ({len(group[measure.key]):,})" for group in called],
                x=[100 * float(group[measure.key].values.mean()) for group in called],
                orientation="h",
                name=name,
                marker={"color": colour},
                hovertemplate="%{x:.1f} %<extra>" + name + "</extra>",
            )
        )
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(range=[0, 100], ticksuffix=" %")
    return pages.dressed(figure, 120 + 42 * len(called))


def _size(spread: Spread) -> str:
    slides = spread.slide_count
    return f"{len(spread):,}" + (f" on {slides:,} slides" if slides and len(spread) else "")


def _estimate(found: Measured | None, measure: Measure) -> str:
    if found is None:
        return "–"
    form = "{:.1%}" if measure.rate else "{:.2f}"
    text = form.format(found.value)
    if not found.has_interval:
        return text
    return f"{text} ({form.format(found.low)} to {form.format(found.high)})"


def _method(groups: Sequence[Group]) -> Iterator[str]:
    spreads = [spread for group in groups for spread in group.spreads]
    if any(spread.slides is not None for spread in spreads):
        yield (
            "Intervals are 95 %. Rates: slide-cluster, Wilson-t. Quartiles: the quantiles at the "
            "ends of that interval (Woodruff 1952). What is random is the slide."
        )
    if any(spread.slides is None and len(spread) for spread in spreads):
        yield (
            "Where a patch has no slide, patches are taken as if independent, and intervals are "
            "too narrow, by about the square root of the patches per slide."
        )
    yield "No interval: fewer than two slides."
