"""Small drawings: titles, numbers in a row, tables, figures, downloads, a picture of a patch."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import plotly.graph_objects as go
import streamlit as st
from markupsafe import Markup, escape

from app import charts
from app.state import widgets
from app.state.downloads import kept_a_while
from core.errors import NodelensError
from core.scoring.results import Outcome
from core.statistics import Curve

Tone = Literal["plain", "tumour", "no-tumour", "grey-zone", "quiet"]
TONES: Final[dict[Outcome, Tone]] = {
    Outcome.TUMOUR: "tumour",
    Outcome.GREY_ZONE: "grey-zone",
    Outcome.NO_TUMOUR: "no-tumour",
    Outcome.WITHHELD: "quiet",
    Outcome.FAILED: "quiet",
}
"""Which colour marks an outcome."""
_SHORT_NAME: Final = 60
_ROC_PX: Final = 240


@dataclass(frozen=True)
class Stat:
    """A number with its name."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


def style(path: Path) -> None:
    """Load the style sheet of a page, beside the shell's; called once by the page."""
    with st.container(key="nl-keep-style"):
        st.html(path)


def page_title(title: str, lead: str) -> None:
    """Draw a page's title and the sentence below it."""
    st.html(f'<div class="nl-title"><h1>{escape(title)}</h1><p>{escape(lead)}</p></div>')


def head_line(name: str, marks: str, *, level: int = 1) -> None:
    """Draw the name of the one thing that is looked at, with its badges."""
    st.html(f'<div class="nl-batch"><h{level}>{escape(name)}</h{level}>{marks}</div>')


def way_back(label: str, key: str, look_at: Callable[[None], None]) -> None:
    """Draw the button that leads from the one thing that is looked at to the list."""
    st.button(label, icon=":material/arrow_back:", on_click=look_at, args=(None,), key=key)


def badge(text: str, tone: str = "") -> Markup:
    """Return a word in a frame; the tone is one of the style sheet's `nl-badge-…`."""
    kind = f"nl-badge nl-badge-{tone}" if tone else "nl-badge"
    return Markup('<span class="{}">{}</span>').format(kind, text)


def section_html(title: str, note: str = "") -> Markup:
    """Return the title of a part of a page."""
    aside = Markup("<span>{}</span>").format(note) if note else ""
    return Markup('<div class="nl-section"><h2>{}</h2>{}</div>').format(title, aside)


def section(title: str, note: str = "") -> None:
    """Draw the title of a part of a page."""
    st.html(section_html(title, note))


def empty_html(title: str, text: str = "") -> Markup:
    """Return what stands where there is nothing to show: what is missing, and what to do."""
    head = Markup("<b>{}</b> ").format(title) if title else ""
    return Markup('<div class="nl-empty">{}{}</div>').format(head, text)


def empty(title: str, text: str = "") -> None:
    """Draw what stands where there is nothing to show: what is missing, and what to do."""
    st.html(empty_html(title, text))


def stat_strip(stats: Iterable[Stat]) -> None:
    """Draw numbers in a row that wraps."""
    cells = "".join(
        f'<div class="nl-stat nl-{stat.tone}"><dt>{escape(stat.label)}</dt>'
        f"<dd>{escape(stat.value)}</dd>"
        f"{f'<p>{escape(stat.note)}</p>' if stat.note else ''}</div>"
        for stat in stats
    )
    st.html(f'<dl class="nl-stats">{cells}</dl>')


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Draw names and values, one a line."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    st.html(f'<dl class="nl-facts">{lines}</dl>')


class Cell(Markup):
    """A whole cell of a table, `<td …>` or `<th …>`, so that it can have a class or a title."""


def table_html(
    head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "nl-table", name: str = ""
) -> Markup:
    """Return a table whose first column names the rows.

    Args:
        head: Names of the columns.
        rows: Their cells; text is escaped, `Markup` is what stands in one, `Cell` is a whole one.
        kind: Class of the table.
        name: Read out, not drawn.
    """
    join = Markup("").join
    heads = join(_cell(text, "th", Markup(" scope=col")) for text in head)
    lines = join(
        Markup("<tr>{}{}</tr>").format(
            _cell(first, "th", Markup(" scope=row")), join(_cell(cell, "td") for cell in rest)
        )
        for first, *rest in rows
    )
    label = Markup(' aria-label="{}"').format(name) if name else ""
    return Markup(
        '<div class="nl-scroll"><table class="{}"{}><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(kind, label, heads, lines)


def _cell(text: str, tag: str, attributes: str = "") -> Markup:
    if isinstance(text, Cell):
        return text
    return Markup("<{0}{1}>{2}</{0}>").format(tag, attributes, text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "nl-table") -> None:
    """Draw a table, see `table_html`."""
    st.html(table_html(head, rows, kind))


def with_small(value: str, note: str) -> Markup:
    """Return a cell: a value, and its interval or count in small print."""
    return Markup("<b>{}</b> <small>{}</small>").format(value, note)


def bullets(title: str, lines: Sequence[str]) -> None:
    """Draw sentences as a list, under a small title unless that is ""."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    head = f"<h3>{escape(title)}</h3>" if title else ""
    st.html(f'<div class="nl-said">{head}<ul>{items}</ul></div>')


def show_problem(error: NodelensError) -> None:
    """Draw an error as its sentence, with nothing in it read as Markdown."""
    st.error(plain(str(error)), icon=":material/error:")


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is, whatever names it quotes."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>()#+-.!|$:~" else char for char in text)


def patch_picture(png: bytes, alt: str) -> None:
    """Draw an enlarged patch."""
    with st.container(key=f"nl-patch-{abs(hash(alt)) % 10**8}"):
        st.image(png, output_format="PNG", width="stretch", alt=alt)


def download(
    label: str,
    data: Callable[[], bytes] | bytes,
    file_name: str,
    key: str,
    **more: Any,  # noqa: ANN401 - what Streamlit's button takes besides
) -> None:
    """Draw a button that gives a file; a function makes it when it is asked for.

    Args:
        label: On the button.
        data: The file, or what makes it.
        file_name: What to call it; the part before its suffix is cut to a sane length.
        key: Of the button.
        more: Help, width and the like; they take the place of what is usual here.
    """
    usual = {"mime": "application/octet-stream", "icon": ":material/download:"}
    stem, dot, suffix = file_name.rpartition(".")
    name = f"{stem[:_SHORT_NAME]}{dot}{suffix}"
    if callable(data):
        data = kept_a_while(data, (usual | more)["mime"], name)
    st.download_button(
        label, data=data, file_name=name, on_click="ignore", key=key, **(usual | more)
    )


def chart(figure: go.Figure, key: str, alt: str, **more: Any) -> None:  # noqa: ANN401 - likewise
    """Draw a figure as `app.charts` dressed it."""
    config = {"displayModeBar": False}
    st.plotly_chart(figure, theme=None, key=key, alt=alt, **({"config": config} | more))


def roc_chart(
    curve: Curve,
    *,
    sensitivity: float,
    specificity: float,
    named: str,
    key: str,
    alt: str,
    clicked: bool = False,
) -> float | None:
    """Draw a ROC curve with one threshold on it; return the threshold of a click on it, if any."""
    figure = charts.roc(
        curve,
        point=(1 - specificity, sensitivity),
        colours=charts.palette(dark=widgets.is_dark()),
        named=named,
        height_px=_ROC_PX,
        clicked=clicked,
    )
    if not clicked:
        chart(figure, key, alt)
        return None
    chart(figure, key, alt, on_select="rerun", selection_mode="points")
    cells = [point["customdata"][-1] for point in widgets.points(key) if "customdata" in point]
    return float(cells[0]) if cells else None
