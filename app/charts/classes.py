"""Figures of the two classes of a data set; no Streamlit in here."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.charts.audit import CLICKED, label_colours
from app.charts.palette import Colours, dress
from core.audit.classes import EDGES, ClassLook
from core.patches import CENTRE
from core.pictures import png_uri
from core.wording import call_text, percent

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
