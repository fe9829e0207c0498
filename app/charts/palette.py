"""Colours and dress of every figure.

The two colours of the calls are Okabe and Ito's, which readers of every kind of colour vision can
tell apart; on a dark background their lighter partners are used.
"""

from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from core.scoring import Outcome


@dataclass(frozen=True)
class Colours:
    """Colours on one background: of calls, lines and text (ink), grid (faint), other text (muted).

    The accent is for curves that are no call; the texts of the calls are dark or light enough to be
    read as words.
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


LIGHT: Final = Colours(
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
DARK: Final = Colours(
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


def palette(*, dark: bool) -> Colours:
    """Return the colours for a background."""
    return DARK if dark else LIGHT


def outcome_colours(colours: Colours) -> dict[Outcome, str]:
    """Return the colour of each outcome that has a score."""
    return {
        Outcome.NO_TUMOUR: colours.no_tumour,
        Outcome.GREY_ZONE: colours.grey_zone,
        Outcome.TUMOUR: colours.tumour,
    }


def dress(figure: go.Figure, colours: Colours, *, height_px: int) -> None:
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


def guide(figure: go.Figure, x: list[float], y: list[float], name: str, colours: Colours) -> None:
    """Draw a dotted line to compare with, such as chance."""
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": colours.grey_zone, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
