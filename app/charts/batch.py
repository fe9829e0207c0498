"""The histogram of a batch; no Streamlit in here."""

from itertools import pairwise
from typing import Final

import plotly.graph_objects as go

from app.charts.palette import Colours, dress, outcome_colours
from core.scoring import Outcome
from core.statistics import Histogram

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
        some = counts > 0
        if not some.any():
            continue
        figure.add_bar(
            x=middles[some],
            y=counts[some],
            name=_CALLED[outcome],
            marker={"color": colour, "line": {"width": 0}},
            width=(edges[1] - edges[0]) * 0.92,
            customdata=[pair for pair, drawn in zip(pairwise(edges), some, strict=True) if drawn],
            hovertemplate="Score %{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y} patches"
            "<extra>%{fullData.name}</extra>",
        )
    if lower_threshold is not None:
        _mark(figure, lower_threshold, f"Grey zone from {lower_threshold:.4f}", "right", colours)
    side = "left" if threshold <= 0.5 or lower_threshold is not None else "right"
    _mark(figure, threshold, f"Called tumour at {threshold:.4f} or above", side, colours)
    dress(figure, colours, height_px=_STRIP_PX)
    # A bar of a single patch is too low to be hit: what lies above it counts, too.
    figure.update_layout(barmode="stack", bargap=0.05, showlegend=False, hovermode="x")
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
