"""Figures from results; no Streamlit in here.

The two colours of the calls are Okabe and Ito's, which readers of every kind of colour vision can
tell apart; on a dark background their lighter partners are used.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import plotly.graph_objects as go

from core.jobs import Outcome, ScoreHistogram
from core.statistics import Curve


@dataclass(frozen=True)
class Palette:
    """Colours on one background.

    Attributes:
        tumour: Called tumour.
        no_tumour: Called no tumour.
        grey_zone: No call.
        ink: Lines and text.
        faint: Grid.
        accent: A curve that is no call.
        muted: Secondary text.
        paper: The background.
    """

    tumour: str
    no_tumour: str
    grey_zone: str
    ink: str
    faint: str
    accent: str
    muted: str
    paper: str


LIGHT: Final = Palette(
    "#D55E00", "#0072B2", "#8A949A", "#16242B", "#DCE3E6", "#0B6B73", "#566870", "#FFFFFF"
)
DARK: Final = Palette(
    "#F08A3C", "#56B4E9", "#9AA7AD", "#E6EDEF", "#2E3D44", "#4DB6AC", "#A3B3BA", "#11191D"
)


def palette(*, dark: bool) -> Palette:
    """Return the colours for a background."""
    return DARK if dark else LIGHT


def outcome_colours(colours: Palette) -> dict[Outcome, str]:
    """Return the colour of each outcome that has a score."""
    return {
        Outcome.NO_TUMOUR: colours.no_tumour,
        Outcome.GREY_ZONE: colours.grey_zone,
        Outcome.TUMOUR: colours.tumour,
    }


def score_histogram(
    histogram: ScoreHistogram,
    *,
    threshold: float,
    lower_threshold: float | None,
    colours: Palette,
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
    for value, name in ((lower_threshold, "Grey zone from"), (threshold, "Threshold")):
        if value is not None:
            figure.add_vline(
                x=value,
                line={"color": colours.ink, "width": 1.5, "dash": "dash"},
                annotation={
                    "text": f"{name} {value:.3f}",
                    "font": {"color": colours.ink, "size": 12},
                    "yref": "paper",
                    "y": 1.0,
                    "yanchor": "bottom",
                    "xanchor": "right" if value > 0.8 else "left",
                    "showarrow": False,
                },
            )
    dress(figure, colours, height_px=230)
    figure.update_layout(barmode="stack", bargap=0.05)
    figure.update_layout(legend={"orientation": "h", "y": -0.28, "x": 0, "yanchor": "top"})
    figure.update_xaxes(title="Score: probability of tumour in the centre", range=[0, 1])
    figure.update_yaxes(title="Patches", rangemode="tozero", tickformat=",d")
    return figure


_CALLED: Final = {
    Outcome.NO_TUMOUR: "called no tumour",
    Outcome.GREY_ZONE: "grey zone, no call",
    Outcome.TUMOUR: "called tumour",
}


def roc(
    curve: Curve, *, point: tuple[float, float] | None, colours: Palette, height_px: int = 300
) -> go.Figure:
    """Return a ROC curve with the operating point (false-positive rate, sensitivity) on it."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": colours.grey_zone, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        name="chance",
    )
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
    figure.update_xaxes(title="False-positive rate (1 − specificity)", range=[-0.01, 1.01])
    figure.update_yaxes(title="Sensitivity", range=[-0.01, 1.02])
    return figure


def dress(figure: go.Figure, colours: Palette, *, height_px: int) -> None:
    """Give a figure the app's axes, colours and transparent background."""
    axis = {
        "gridcolor": colours.faint,
        "linecolor": colours.faint,
        "zeroline": False,
        "title": {"font": {"size": 12, "color": colours.ink}},
        "tickfont": {"size": 11, "color": colours.ink},
        "fixedrange": True,
        "automargin": True,
    }
    figure.update_layout(
        height=height_px,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": colours.ink},
        hoverlabel={"font": {"size": 12}},
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
