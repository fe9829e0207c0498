"""The five figures of the threshold page: what does not move while a threshold is tried.

The threshold that is being tried is not in them. It is laid over them in the browser, because
drawing a Plotly figure again takes longer than a reader should wait; see `Mark`. Clicking a point
sets the threshold that it stands for: the last cell of its `customdata`.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import plotly.graph_objects as go

from app.charts.palette import Colours, dress, guide
from core.pages import error_bars
from core.statistics import Confusion, Curve, Histogram, Reliability
from core.thresholds import DecisionCurve, Snapshot
from core.wording import percent, percent_interval

FigureName = Literal["histogram", "roc", "precision-recall", "calibration", "decision"]
HEIGHT_PX: Final = 190
_TICKS: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_REACH_PX: Final = 80
_LOCKED: Final = "current threshold"
_LEGEND_ABOVE: Final = {
    "orientation": "h",
    "x": 0.5,
    "xanchor": "center",
    "y": 1.0,
    "yanchor": "bottom",
}


@dataclass(frozen=True)
class Mark:
    """Where the threshold that is tried lies on one figure, in data units.

    Attributes:
        figure: Which.
        x: Place along it.
        y: Height; None for a line from bottom to top.
        until: A band from x to here, for a grey zone; None for none.
    """

    figure: FigureName
    x: float
    y: float | None = None
    until: float | None = None

    def as_dict(self) -> dict[str, float | str | None]:
        """Return it as the browser takes it; a place that does not exist is None."""
        return {
            "figure": self.figure,
            "x": _finite(self.x),
            "y": _finite(self.y),
            "until": _finite(self.until),
            "point": self.y is not None,
        }


def marks(snapshot: Snapshot) -> tuple[Mark, ...]:
    """Return where a threshold lies on each figure."""
    confusion = snapshot.confusion
    lower = None if snapshot.deferral is None else snapshot.deferral.lower
    start = snapshot.threshold if lower is None else lower
    until = None if lower is None else snapshot.threshold
    return (
        Mark("histogram", start, until=until),
        Mark("roc", 1 - confusion.specificity, confusion.sensitivity),
        Mark("precision-recall", confusion.sensitivity, confusion.value("ppv")),
        Mark("calibration", start, until=until),
        Mark("decision", snapshot.probability_in_use, snapshot.net_benefit),
    )


def histogram(
    distribution: Histogram[int], *, in_force: float | None, colours: Colours
) -> go.Figure:
    """Return the scores by class, tumour upwards and no tumour downwards, on a root scale.

    The root keeps the few patches on the wrong side visible beside the thousands at the ends;
    ticks and hover show plain counts.
    """
    edges = distribution.edges
    middles = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure()
    for name, counts, colour, sign in (
        ("tumour", distribution.counts[1], colours.tumour, 1),
        ("no tumour", distribution.counts[0], colours.no_tumour, -1),
    ):
        figure.add_bar(
            x=middles,
            y=sign * np.sqrt(counts),
            name=name,
            width=(edges[1] - edges[0]) * 0.9,
            marker={"color": colour, "line": {"width": 0}},
            customdata=np.column_stack((edges[:-1], edges[1:], counts, edges[:-1])),
            hovertemplate="Score %{customdata[0]:.3f} to %{customdata[1]:.3f}: "
            f"%{{customdata[2]:,}} patches, {name}<extra></extra>",
        )
    _dress(figure, colours, x="Score: probability of tumour in the centre", y="Patches")
    most = int(max(1, *(counts.max() for counts in distribution.counts.values())))
    ticks = [tick for tick in _TICKS if 0.03 * most <= tick <= most]
    values = [-(tick**0.5) for tick in reversed(ticks)] + [0.0] + [tick**0.5 for tick in ticks]
    names = [f"{tick:,}" for tick in reversed(ticks)] + ["0"] + [f"{tick:,}" for tick in ticks]
    figure.update_layout(
        margin={"t": 24},
        barmode="overlay",
        showlegend=True,
        legend=_LEGEND_ABOVE,
    )
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(
        tickvals=values, ticktext=names, zeroline=True, zerolinecolor=colours.grey_zone
    )
    _line_in_force(figure, in_force, colours)
    return figure


def roc(
    curve: Curve,
    *,
    point: tuple[float, float] | None,
    colours: Colours,
    named: str = _LOCKED,
    height_px: int = HEIGHT_PX,
    clicked: bool = False,
) -> go.Figure:
    """Return a ROC curve, thinned for drawing, with an operating point on it.

    Args:
        curve: False-positive rate and sensitivity.
        point: The same two of the operating point; None for none.
        colours: Of the page.
        named: What the operating point is.
        height_px: Of the figure.
        clicked: Whether Streamlit is told of a click on the curve.
    """
    figure = go.Figure()
    guide(figure, [0, 1], [0, 1], "chance", colours)
    _curve(
        figure,
        curve,
        "Threshold %{customdata[0]:.4f}<br>sensitivity %{y:.3f}, false-positive rate %{x:.3f}",
        colours,
    )
    if point is not None:
        _mark_point(figure, *point, named, colours)
    _dress(figure, colours, x="False-positive rate (1 − specificity)", y="Sensitivity")
    figure.update_layout(height=height_px)
    if clicked:
        unseen = {"marker": {"opacity": 0}}  # a line alone has no points to select
        figure.update_traces(
            {"mode": "lines+markers", "selected": unseen, "unselected": unseen, **unseen},
            selector={"name": "curve"},
        )
        figure.update_layout(clickmode="event+select", dragmode=False)
    return figure


def precision_recall(
    curve: Curve, *, prevalence: float, in_force: Confusion | None, colours: Colours
) -> go.Figure:
    """Return the precision-recall curve; chance is the prevalence of this set."""
    figure = go.Figure()
    guide(figure, [0, 1], [prevalence, prevalence], "chance", colours)
    _curve(
        figure,
        curve,
        "Threshold %{customdata[0]:.4f}<br>sensitivity %{x:.3f}, PPV in this set %{y:.3f}",
        colours,
    )
    if in_force is not None:
        _mark_point(figure, in_force.sensitivity, in_force.value("ppv"), _LOCKED, colours)
    _dress(figure, colours, x="Sensitivity (recall)", y="Precision (PPV)")
    return figure


def calibration(reliability: Reliability, *, in_force: float | None, colours: Colours) -> go.Figure:
    """Return what the scores say against what was found, with counts and intervals."""
    bins = reliability.bins
    intervals = [bin_.tumour_share for bin_ in bins]
    shares = np.array([share.value for share in intervals])
    figure = go.Figure()
    guide(figure, [0, 1], [0, 1], "ideal", colours)
    figure.add_scatter(
        x=[bin_.mean_score for bin_ in bins],
        y=shares,
        mode="lines+markers+text",
        text=[_short(bin_.n) for bin_ in bins],
        textposition=["top left" if share < 0.85 else "bottom right" for share in shares],
        textfont={"size": 10, "color": colours.muted},
        line={"color": colours.accent, "width": 1.5},
        marker={"size": 7, "color": colours.accent},
        error_y=error_bars(
            shares,
            [interval.low for interval in intervals],
            [interval.high for interval in intervals],
            color=colours.grey_zone,
            thickness=1,
            width=3,
        ),
        customdata=[
            (bin_.n, percent(share.value), percent_interval(share.low, share.high), bin_.low)
            for bin_, share in zip(bins, intervals, strict=True)
        ],
        hovertemplate="Mean score %{x:.3f}: %{customdata[1]} of %{customdata[0]:,} patches contain "
        "tumour<br>95 % interval %{customdata[2]}<extra></extra>",
        name="found",
        cliponaxis=False,
    )
    _dress(figure, colours, x="Mean score of the bin", y="Proportion with tumour")
    _line_in_force(figure, in_force, colours)
    return figure


def decision(
    curve: DecisionCurve, scores: np.ndarray, *, fair_probability: float, colours: Colours
) -> go.Figure:
    """Return the net benefit over threshold probabilities, with the fair one as a dotted line.

    Args:
        curve: At the stated prevalence.
        scores: (M,) the score that means each probability there.
        fair_probability: From which flagging pays at the stated costs.
        colours: Of the page.
    """
    figure = go.Figure()
    for name, values, colour, dash in (
        ("all called tumour", curve.flag_all, colours.muted, "dash"),
        ("none called tumour", curve.flag_none, colours.muted, "dot"),
        ("model", curve.model, colours.accent, "solid"),
    ):
        figure.add_scatter(
            x=curve.probabilities,
            y=values,
            mode="lines",
            name=name,
            showlegend=name != "model",  # drawn as in every figure of the page
            line={"color": colour, "width": 2.5 if name == "model" else 1.5, "dash": dash},
            customdata=scores[:, np.newaxis],
            hovertemplate=f"{name}: net benefit %{{y:.4f}} at probability %{{x:.3f}}"
            "<br>score %{customdata[0]:.4f}<extra></extra>",
        )
    figure.add_vline(x=fair_probability, line={"color": colours.grey_zone, "width": 1.5})
    _dress(figure, colours, x="Probability of tumour at this prevalence", y="Net benefit")
    top = float(max(np.nanmax(curve.model), curve.prevalence, 1e-3))
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[-0.25 * top, 1.12 * top])
    figure.update_layout(
        showlegend=True,
        legend=_LEGEND_ABOVE | {"font": {"size": 11}},
    )
    return figure


def _curve(figure: go.Figure, curve: Curve, hover: str, colours: Colours) -> None:
    # The first ROC point flags nothing; its threshold is infinite, which JSON cannot hold.
    thresholds = np.minimum(curve.thresholds, 1.0)
    figure.add_scatter(
        x=curve.x,
        y=curve.y,
        mode="lines",
        name="curve",
        line={"color": colours.accent, "width": 2.5},
        customdata=thresholds[:, np.newaxis].tolist(),  # an array reaches Streamlit as a mapping
        hovertemplate=f"{hover}<extra></extra>",
    )
    figure.update_xaxes(range=[-0.02, 1.02])
    figure.update_yaxes(range=[-0.02, 1.03])


def _mark_point(figure: go.Figure, x: float, y: float, name: str, colours: Colours) -> None:
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        name=name,
        marker={
            "symbol": "diamond-open",
            "size": 12,
            "color": colours.ink,
            "line": {"width": 1.5},
        },
        hovertemplate=f"{name}<extra></extra>",
        cliponaxis=False,
    )


def _line_in_force(figure: go.Figure, threshold: float | None, colours: Colours) -> None:
    if threshold is not None:
        figure.add_vline(
            x=threshold, line={"color": colours.muted, "width": 1.5, "dash": "dot"}, layer="below"
        )


def _dress(figure: go.Figure, colours: Colours, *, x: str, y: str) -> None:
    dress(figure, colours, height_px=HEIGHT_PX)
    figure.update_layout(
        showlegend=False,
        hovermode="closest",
        hoverdistance=_REACH_PX,
        margin={"l": 8, "r": 12, "t": 10, "b": 8},
    )
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)


def _short(count: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= 10 * size:
            return f"{count / size:.0f}{letter}"
        if count >= size:
            return f"{count / size:.1f}{letter}"
    return f"{count:.0f}"


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
