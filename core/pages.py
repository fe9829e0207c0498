"""Pages of HTML that need no network: one frame, one style, one way to put a figure in.

What a page says is in a Jinja template beside the code that fills it; names and paths of users are
escaped there.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import ArrayLike
from plotly.offline import get_plotlyjs

TUMOUR: Final = "#D55E00"
NO_TUMOUR: Final = "#0072B2"
"""Two colours that also red-green blind readers tell apart (Okabe and Ito 2008)."""
INK: Final = "#16242B"
FAINT: Final = "#DCE3E6"
_FRAME: Final = Path(__file__).with_name("page.html.j2")


def page(template: Path = _FRAME, /, *, title: str, notice: str = "", **content: object) -> str:
    """Return a page with plotly.js inside and no address to load anything from.

    Args:
        template: Extends `page.html.j2`; without one the page shows `figures`, by their places.
        title: Of the page.
        notice: What follows "Research software, not a medical device."
        content: What the template asks for; it may call `chart`.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, _FRAME.parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"chart": chart, "plotlyjs": lambda: Markup(get_plotlyjs())}  # noqa: S704
    return environment.get_template(template.name).render(title=title, notice=notice, **content)


def chart(figure: go.Figure, key: str) -> Markup:
    """Return a figure as HTML.

    Args:
        figure: Drawn for a white ground.
        key: Names its place: no random one, so that the same numbers make the same file.
    """
    drawn = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=f"figure-{key}",
        config={"displayModeBar": False, "responsive": True},
    )
    return Markup(f'<div class="chart">{drawn}</div>')  # noqa: S704 - plotly escapes names


def error_bars(
    values: ArrayLike, low: ArrayLike, high: ArrayLike, **look: object
) -> dict[str, Any]:
    """Return the bars of intervals around values (N,) as a trace takes them; none where NaN."""
    at = np.asarray(values, np.float64)
    return {
        "type": "data",
        "symmetric": False,
        "array": np.nan_to_num(np.asarray(high, np.float64) - at),
        "arrayminus": np.nan_to_num(at - np.asarray(low, np.float64)),
        **look,
    }


def dressed(figure: go.Figure, height: int) -> go.Figure:
    """Return a figure in the page's look, its legend below."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 36, "b": 10},
        paper_bgcolor="#fff",
        plot_bgcolor="#fff",
        font={"color": INK, "size": 12},
        legend={"orientation": "h", "y": -0.15, "yanchor": "top"},
    )
    figure.update_xaxes(gridcolor=FAINT, zeroline=False)
    figure.update_yaxes(gridcolor=FAINT, zeroline=False, automargin=True)
    return figure
