"""Figures of an audit; no Streamlit in here. What is selected in each leads to rows of patches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from app.charts.palette import Colours, dress
from core.audit.classes import EDGES, ClassLook
from core.pages import error_bars
from core.patches import CENTRE
from core.pictures import png_uri
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


_NAMES: Final = ("no tumour", "tumour")
_ROW_PX: Final = 230


def class_bars(counts: Mapping[str, int], *, colours: Colours) -> go.Figure:
    """Return how many patches have each label in words; customdata is the label."""
    labels = [label for label, count in counts.items() if count]
    whole = max(sum(counts.values()), 1)
    figure = go.Figure(
        go.Bar(
            x=[call_text(label) for label in labels],
            y=[counts[label] for label in labels],
            text=[f"{counts[label]:,} ({percent(counts[label] / whole, 0)})" for label in labels],
            marker_color=[label_colours(colours)[label] for label in labels],
            customdata=[[label] for label in labels],
            hovertemplate="%{y:,} patches<extra></extra>",
            width=0.6,
        )
    )
    dress(figure, colours, height_px=230)
    figure.update_layout(**CLICKED)
    figure.update_yaxes(title_text="Patches", tickformat=",d")
    return figure


def class_images(looks: Sequence[ClassLook], *, colours: Colours) -> go.Figure:
    """Return mean and spread of the patches of each class as pictures, the centre outlined."""
    titles = [f"{call_text(_NAMES[look.label])}, mean of {look.patches:,}" for look in looks]
    figure = make_subplots(
        rows=2,
        cols=len(looks),
        subplot_titles=[*titles, *["standard deviation"] * len(looks)],
        horizontal_spacing=0.03,
        vertical_spacing=0.09,
    )
    centre = {"x0": CENTRE.start - 0.5, "x1": CENTRE.stop - 0.5}
    centre |= {"y0": CENTRE.start - 0.5, "y1": CENTRE.stop - 0.5}
    for place, look in enumerate(looks, start=1):
        mean = np.rint(look.mean).astype(np.uint8)
        figure.add_image(source=png_uri(mean), hoverinfo="skip", row=1, col=place)
        figure.add_heatmap(
            z=look.sd.mean(axis=2).astype(np.float32),
            coloraxis="coloraxis",
            hovertemplate="SD %{z:.1f}<extra></extra>",
            row=2,
            col=place,
        )
        for row in (1, 2):
            figure.add_shape(type="rect", line={"color": "#FFF", "width": 2}, **centre, row=row,
                             col=place)  # fmt: skip
            figure.add_shape(type="rect", line={"color": "#000", "width": 1, "dash": "dot"},
                             **centre, row=row, col=place)  # fmt: skip
    dress(figure, colours, height_px=2 * _ROW_PX + 40)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, constrain="domain", autorange="reversed")
    for place in range(1, 2 * len(looks) + 1):
        axis = "" if place == 1 else str(place)
        figure.update_layout({f"yaxis{axis}": {"scaleanchor": f"x{axis}"}})
    figure.update_annotations(font={"size": 12, "color": colours.muted})
    bar = {"title": {"text": "grey levels", "side": "right"}, "thickness": 10, "len": 0.45}
    figure.update_layout(
        coloraxis={"colorscale": "Viridis", "colorbar": bar | {"y": 0.0, "yanchor": "bottom"}}
    )
    return figure


def pixel_histograms(looks: Sequence[ClassLook], *, colours: Colours) -> go.Figure:
    """Return the share of pixels at each level of red, green, blue and the two stains, by class."""
    figure = make_subplots(
        rows=3,
        cols=2,
        specs=[[{}, {}], [{}, {}], [{}, None]],
        subplot_titles=["Red", "Haematoxylin", "Green", "Eosin", "Blue"],
        vertical_spacing=0.13,
        horizontal_spacing=0.1,
    )
    places = {"red": (1, 1), "haematoxylin": (1, 2), "green": (2, 1), "eosin": (2, 2),
              "blue": (3, 1)}  # fmt: skip
    for look in looks:
        name = _NAMES[look.label]
        for channel, (row, col) in places.items():
            edges = EDGES[channel]
            figure.add_scatter(
                x=(edges[:-1] + edges[1:]) / 2,
                y=100 * look.histograms[channel],
                mode="lines",
                line={"color": label_colours(colours)[name], "width": 2,
                      "dash": "solid" if look.label else "dash"},
                name=call_text(name),
                legendgroup=name,
                showlegend=channel == "red",
                hovertemplate="%{x:.3g}: %{y:.1f}\u00a0% of pixels<extra>%{fullData.name}</extra>",
                row=row,
                col=col,
            )  # fmt: skip
    dress(figure, colours, height_px=2 * _ROW_PX + 40)
    figure.update_annotations(font={"size": 12, "color": colours.muted})
    figure.update_yaxes(ticksuffix="\u00a0%", rangemode="tozero", nticks=4)
    figure.update_xaxes(title_text="grey level", row=3, col=1)
    figure.update_xaxes(title_text="optical density", row=2, col=2)
    figure.update_layout(
        legend={"x": 1, "xanchor": "right", "y": 0.1, "yanchor": "bottom"}, margin={"t": 28}
    )
    return figure
