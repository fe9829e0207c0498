"""Figures of a batch and of the model's validation; no Streamlit in here."""

from itertools import pairwise
from typing import Final

import plotly.graph_objects as go

from app.charts.palette import Colours, dress, guide, outcome_colours
from core.scoring import Outcome
from core.statistics import Curve, Histogram

_STRIP_PX: Final = 84
"""A strip above the picture: the patch has to fit below it on a small screen."""


def score_histogram(
    histogram: Histogram[Outcome],
    *,
    threshold: float,
    lower_threshold: float | None,
    colours: Colours,
) -> go.Figure:
    """Return the spread of the scores, stacked by call, with the threshold as a line."""
    edges = histogram.edges
    middles = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure()
    for outcome, colour in outcome_colours(colours).items():
        counts = histogram.counts[outcome]
        if not counts.any():
            continue
        figure.add_bar(
            x=middles,
            y=counts,
            name=_CALLED[outcome],
            marker={"color": colour, "line": {"width": 0}},
            width=(edges[1] - edges[0]) * 0.92,
            customdata=list(pairwise(edges)),
            hovertemplate="Score %{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y} patches"
            "<extra>%{fullData.name}</extra>",
        )
    if lower_threshold is not None:
        _mark(figure, lower_threshold, f"Grey zone from {lower_threshold:.4f}", "right", colours)
    side = "left" if threshold <= 0.5 or lower_threshold is not None else "right"
    _mark(figure, threshold, f"Called tumour from {threshold:.4f}", side, colours)
    dress(figure, colours, height_px=_STRIP_PX)
    figure.update_layout(barmode="stack", bargap=0.05, showlegend=False)
    figure.update_layout(margin={"l": 4, "r": 4, "t": 18, "b": 18})
    figure.update_xaxes(range=[0, 1], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(rangemode="tozero", visible=False)
    return figure


def _mark(figure: go.Figure, value: float, text: str, side: str, colours: Colours) -> None:
    """Draw a threshold as a dashed line with its name above; `side` is where its text begins."""
    figure.add_vline(
        x=value,
        line={"color": colours.ink, "width": 1.5, "dash": "dash"},
        annotation={
            "text": text,
            "font": {"color": colours.ink, "size": 12},
            "yref": "paper",
            "y": 1.0,
            "yanchor": "bottom",
            "xanchor": side,
            "showarrow": False,
        },
    )


_CALLED: Final = {
    Outcome.NO_TUMOUR: "called no tumour",
    Outcome.GREY_ZONE: "grey zone, no call",
    Outcome.TUMOUR: "called tumour",
}


def roc(
    curve: Curve, *, point: tuple[float, float] | None, colours: Colours, height_px: int = 300
) -> go.Figure:
    """Return a ROC curve with the operating point (false-positive rate, sensitivity) on it."""
    figure = go.Figure()
    guide(figure, [0, 1], [0, 1], "chance", colours)
    figure.add_scatter(
        x=curve.x,
        y=curve.y,
        mode="lines",
        line={"color": colours.accent, "width": 2.5},
        hovertemplate="Sensitivity %{y:.3f}<br>False-positive rate %{x:.3f}<extra></extra>",
        name="ROC",
    )
    if point is not None:
        figure.add_scatter(
            x=[point[0]],
            y=[point[1]],
            mode="markers",
            marker={
                "color": colours.tumour,
                "size": 11,
                "symbol": "diamond",
                "line": {"color": colours.ink, "width": 1},
            },
            hovertemplate="Threshold: sensitivity %{y:.3f}, false-positive rate %{x:.3f}"
            "<extra></extra>",
            name="threshold",
        )
    dress(figure, colours, height_px=height_px)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title_text="False-positive rate (1 − specificity)", range=[-0.01, 1.01])
    figure.update_yaxes(title_text="Sensitivity", range=[-0.01, 1.02])
    return figure
