"""Figures of an audit; no Streamlit in here. What is selected in each leads to rows of patches."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from app.charts.palette import Colours, dress
from core.pages import error_bars
from core.wording import call_text, percent

_CATEGORIES: Final = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8F7A00", "#6A51A3",
)  # fmt: skip
"""Okabe and Ito's, the yellow darkened, and a violet: eight that can be told apart."""
CLICKED: Final = {"clickmode": "event+select", "dragmode": False}
"""Streamlit takes a click for a choice only while dragging chooses nothing."""
_BARS: Final = {"thickness": 1.5, "width": 3}
_SYMBOLS: Final = {"tumour": "triangle-up", "no tumour": "triangle-down", "unknown": "circle"}


def label_colours(colours: Colours) -> dict[str, str]:
    """Return the colour of each label in words."""
    return {
        "tumour": colours.tumour,
        "no tumour": colours.no_tumour,
        "unknown": colours.grey_zone,
    }


def measure_histogram(
    edges: NDArray[np.float64],
    counts: Mapping[str, NDArray[np.int64]],
    *,
    title: str,
    colours: Colours,
) -> go.Figure:
    """Return a measure's distribution, one row of bars per class, each as a share of its class.

    Each bar's customdata is [label, low, high, patches].
    """
    labels = list(counts)
    figure = make_subplots(
        rows=max(len(labels), 1),
        shared_xaxes=True,
        vertical_spacing=0.16,
        subplot_titles=[call_text(label) for label in labels],
    )
    middles = (edges[:-1] + edges[1:]) / 2
    for place, label in enumerate(labels):
        count = counts[label]
        figure.add_bar(
            x=middles,
            y=100 * count / max(count.sum(), 1),
            width=(edges[1] - edges[0]) * 0.95,
            name=call_text(label),
            marker={"color": label_colours(colours)[label], "line": {"width": 0}},
            customdata=[
                [label, float(low), float(high), int(n)]
                for low, high, n in zip(edges[:-1], edges[1:], count, strict=True)
            ],
            hovertemplate="%{customdata[1]:.4g} to %{customdata[2]:.4g}: "
            "%{customdata[3]:,} patches<extra>%{fullData.name}</extra>",
            row=place + 1,
            col=1,
        )
    dress(figure, colours, height_px=90 + 130 * max(len(labels), 1))
    figure.update_layout(showlegend=False, bargap=0, margin={"t": 24})
    figure.update_annotations(x=0, xanchor="left", font={"size": 12, "color": colours.ink})
    figure.update_yaxes(ticksuffix="\u00a0%", rangemode="tozero", nticks=4)
    figure.update_xaxes(title_text=title, row=max(len(labels), 1), col=1)
    figure.update_layout(**CLICKED)
    return figure


def association_dots(
    table: pd.DataFrame, names: Callable[[str], str], *, colours: Colours
) -> go.Figure:
    """Return the AUROC of each measure alone with its interval, the strongest at the top."""
    shown = table.iloc[::-1]
    figure = go.Figure()
    figure.add_vline(x=0.5, line={"color": colours.grey_zone, "width": 1.5, "dash": "dash"})
    figure.add_scatter(
        x=shown["auroc"],
        y=[names(name) for name in shown["measure"]],
        mode="markers",
        marker={"color": colours.accent, "size": 9},
        error_x=error_bars(
            *(shown[name] for name in ("auroc", "low", "high")), color=colours.muted, **_BARS
        ),
        customdata=shown[["measure", "low", "high", "patches"]].astype(object).to_numpy(),
        hovertemplate="%{y}<br>AUROC %{x:.3f}, 95 % interval %{customdata[1]:.3f} to "
        "%{customdata[2]:.3f}, %{customdata[3]:,} patches<extra></extra>",
    )
    dress(figure, colours, height_px=70 + 21 * max(len(shown), 4))
    figure.update_xaxes(title_text="AUROC of the measure alone (0.5: no information)")
    figure.update_layout(showlegend=False, **CLICKED)
    return figure


def group_bars(table: pd.DataFrame, *, colours: Colours, name: str) -> go.Figure:
    """Return patches per slide or split, stacked by label; customdata is the group's name."""
    table = table.sort_values("patches", ascending=False)
    parts = (
        ("no tumour", table["labelled"] - table["positives"]),
        ("tumour", table["positives"]),
        ("unknown", table["patches"] - table["labelled"]),
    )
    figure = go.Figure()
    share = table["prevalence"].map(
        lambda value: "no label" if np.isnan(value) else percent(value, 0)
    )
    for label, count in parts:
        if not count.any():
            continue
        figure.add_bar(
            x=table["name"],
            y=count,
            name=call_text(label),
            marker={"color": label_colours(colours)[label], "line": {"width": 0}},
            customdata=np.column_stack([table["name"], share]).tolist(),
            hovertemplate="%{customdata[0]}: %{y:,} patches, tumour share %{customdata[1]}"
            "<extra>%{fullData.name}</extra>",
        )
    dress(figure, colours, height_px=300 if len(table) > 8 else 220)
    figure.update_layout(
        barmode="stack",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        margin={"t": 34},
        **CLICKED,
    )
    figure.update_xaxes(title_text=name, type="category", tickangle=-60 if len(table) > 8 else 0)
    figure.update_yaxes(title_text="Patches", tickformat=",d")
    return figure


def patch_scatter(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    rows: NDArray[np.int64],
    groups: NDArray[np.object_] | NDArray[np.float64],
    *,
    titles: tuple[str, str],
    colours: Colours,
) -> go.Figure:
    """Return one point a patch, coloured by group or by a score, for a lasso.

    A point's customdata is its row.

    Args:
        x: (N,).
        y: (N,).
        rows: (N,) of the patches.
        groups: (N,) names, of which the eight largest have a colour and all others share grey; or
            numbers from 0 to 1, NaN for none.
        titles: Of the axes.
        colours: Of the page.
    """
    figure = go.Figure()
    few = len(rows) <= _FEW_POINTS
    large = {"size": 8 if few else 4, "opacity": 0.7}
    # Few are drawn without WebGL, which some computers lack and browsers take from hidden charts.
    add = figure.add_scatter if few else figure.add_scattergl
    for name, marker, chosen in _coloured(groups, colours):
        add(
            x=x[chosen].astype(np.float32),
            y=y[chosen].astype(np.float32),
            customdata=rows[chosen].astype(np.int32),
            mode="markers",
            name=name,
            marker=large | marker,
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.12}},
            hovertemplate="row %{customdata}<extra>%{fullData.name}</extra>",
        )
    dress(figure, colours, height_px=560)
    figure.update_layout(
        dragmode="lasso",
        newselection={"line": {"width": 1}},
        legend={"orientation": "h", "y": -0.12, "x": 0, "itemsizing": "constant"},
        margin={"t": 34},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colours.muted,
                 "activecolor": colours.accent},
    )  # fmt: skip
    figure.update_xaxes(title_text=titles[0], fixedrange=False)
    figure.update_yaxes(title_text=titles[1], fixedrange=False)
    return figure


_FEW_POINTS: Final = 5_000
Group = tuple[str, dict[str, object], NDArray[np.bool_]]


def _coloured(
    groups: NDArray[np.object_] | NDArray[np.float64], colours: Colours
) -> Iterator[Group]:
    """Yield name, marker and members of each group, the largest first."""
    if groups.dtype.kind == "f":
        known = np.isfinite(groups)
        bar = {"title": {"text": "score"}, "thickness": 10}
        scale = {"colorscale": "Viridis", "cmin": 0, "cmax": 1, "colorbar": bar}
        if not known.all():
            yield "no score", {"color": colours.faint}, ~known
        yield "score", {"color": groups[known].astype(np.float32), **scale}, known
        return
    names, counts = np.unique(groups.astype(str), return_counts=True)
    grey: dict[str, object] = {"color": colours.grey_zone}
    colour_of = label_colours(colours)
    labels: dict[str, dict[str, object]] = {
        name: {"color": colour_of[name], "symbol": _SYMBOLS[name]}
        for name in ("no tumour", "tumour", "unknown")
    }
    errors: dict[str, dict[str, object]] = {
        "called right": {**grey, "symbol": "circle-open"},
        "missed tumour": {"color": colours.tumour, "symbol": "x"},
        "false alarm": {"color": colours.no_tumour, "symbol": "cross"},
        "no label or call": {"color": colours.faint},
    }
    for fixed in (labels, errors):
        if set(names) <= set(fixed):
            yield from ((name, fixed[name], groups == name) for name in fixed if name in names)
            return
    quiet = [name for name in ("none", "unknown") if name in names]
    own = [name for name in names[np.argsort(-counts, kind="stable")] if name not in quiet]
    others = own[len(_CATEGORIES) :]
    if others:
        yield f"{len(others)} more", grey, np.isin(groups, others)
    for name in quiet:
        yield name, {**grey, "symbol": "circle-open"}, groups == name
    for colour, name in zip(_CATEGORIES, own, strict=False):
        yield name, {"color": colour}, groups == name
