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
        tumour_text: Words in the colour of tumour, dark or light enough to be read.
        no_tumour_text: Likewise of no tumour.
        paper: The background.
        on_accent: Words on the accent.
    """

    tumour: str
    no_tumour: str
    grey_zone: str
    ink: str
    faint: str
    accent: str
    muted: str
    tumour_text: str
    no_tumour_text: str
    paper: str
    on_accent: str


LIGHT: Final = Palette(
    tumour="#D55E00",
    no_tumour="#0072B2",
    grey_zone="#8A949A",
    ink="#16242B",
    faint="#DCE3E6",
    accent="#0B6B73",
    muted="#566870",
    tumour_text="#A84300",
    no_tumour_text="#00629B",
    paper="#FFFFFF",
    on_accent="#FFFFFF",
)
DARK: Final = Palette(
    tumour="#F08A3C",
    no_tumour="#56B4E9",
    grey_zone="#9AA7AD",
    ink="#E6EDEF",
    faint="#2E3D44",
    accent="#4DB6AC",
    muted="#A3B3BA",
    tumour_text="#F59E5B",
    no_tumour_text="#7CC4EE",
    paper="#11191D",
    on_accent="#0B1A1A",
)
FONT: Final = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif"
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
    if lower_threshold is not None:
        _mark(figure, lower_threshold, f"Grey zone from {lower_threshold:.3f}", "right", colours)
    side = "left" if threshold <= 0.5 or lower_threshold is not None else "right"
    _mark(figure, threshold, f"Called tumour from {threshold:.3f}", side, colours)
    dress(figure, colours, height_px=210)
    figure.update_layout(barmode="stack", bargap=0.05, showlegend=False)
    figure.update_xaxes(title_text="Score: probability of tumour in the centre", range=[0, 1])
    figure.update_yaxes(title_text="Patches", rangemode="tozero", tickformat=",d")
    return figure


def _mark(figure: go.Figure, value: float, text: str, side: str, colours: Palette) -> None:
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
    figure.update_xaxes(title_text="False-positive rate (1 − specificity)", range=[-0.01, 1.01])
    figure.update_yaxes(title_text="Sensitivity", range=[-0.01, 1.02])
    return figure


def dress(figure: go.Figure, colours: Palette, *, height_px: int) -> None:
    """Give a figure the app's axes, colours and transparent background."""
    axis = {
        "gridcolor": colours.faint,
        "linecolor": colours.faint,
        "zeroline": False,
        "title": {"font": {"size": 12, "color": colours.muted}, "standoff": 8},
        "tickfont": {"size": 11, "color": colours.muted},
        "fixedrange": True,
        "automargin": True,
    }
    figure.update_layout(
        height=height_px,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": colours.ink, "family": FONT, "size": 12},
        hoverlabel={"font": {"size": 12}},
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
