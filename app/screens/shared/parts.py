"""Small drawings: titles, numbers in a row, tables, figures, a picture of a patch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import plotly.graph_objects as go
import streamlit as st
from markupsafe import Markup, escape

from app import charts
from app.state import widgets
from core.errors import NodelensError
from core.scoring.results import Outcome
from core.statistics import Curve
from core.wording import call_text, score_text

T = TypeVar("T")
Tone = Literal["plain", "tumour", "no-tumour", "grey-zone", "quiet"]
TONES: Final[dict[Outcome, Tone]] = {
    Outcome.TUMOUR: "tumour",
    Outcome.GREY_ZONE: "grey-zone",
    Outcome.NO_TUMOUR: "no-tumour",
    Outcome.WITHHELD: "quiet",
    Outcome.FAILED: "quiet",
}
"""Which colour marks an outcome."""
_ROC_PX: Final = 240


@dataclass(frozen=True)
class Stat:
    """A number with its name."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


def style(page: str) -> None:
    """Load the style sheet of a page's folder, beside the shell's; called once by the page."""
    with st.container(key="nl-keep-style"):
        st.html(Path(__file__).parents[1] / page / f"{page}.css")


def page_title(title: str, lead: str) -> None:
    """Draw a page's title and the sentence below it."""
    st.html(f'<div class="nl-title"><h1>{escape(title)}</h1><p>{escape(lead)}</p></div>')


def head_line(name: str, marks: str, *, level: int = 1) -> None:
    """Draw the name of the one thing that is looked at, with its badges."""
    st.html(f'<div class="nl-batch"><h{level}>{escape(name)}</h{level}>{marks}</div>')


def way_back(label: str, key: str, look_at: Callable[[None], None]) -> None:
    """Draw the button that leads from the one thing that is looked at to the list."""
    button(label, key, "arrow_back", look_at, None)


def button(
    label: str,
    key: str,
    icon: str = "",
    on_click: Callable[..., None] | None = None,
    *args: object,
    **more: Any,  # noqa: ANN401 - what Streamlit's button takes besides
) -> bool:
    """Draw a button, perhaps with a Material symbol, and return whether it was pressed.

    `on_click` is called with `args` before the page is drawn again.
    """
    symbol = f":material/{icon}:" if icon else None
    return st.button(label, key=key, icon=symbol, on_click=on_click, args=args, **more)


def choice(
    label: str,
    options: Sequence[T] | Mapping[T, str],
    key: str,
    **more: Any,  # noqa: ANN401 - likewise
) -> T:
    """Draw a choice of one among few, all in sight, and return it.

    A mapping of options says what each is called.
    """
    names = options if isinstance(options, Mapping) else {}
    chosen: T = st.segmented_control(
        label,
        list(options),
        required=True,
        format_func=lambda one: names.get(one, str(one)),
        key=key,
        **more,
    )
    return chosen


def badge(text: str, tone: str = "") -> Markup:
    """Return a word in a frame; the tone is one of the style sheet's `nl-badge-…`."""
    kind = f"nl-badge nl-badge-{tone}" if tone else "nl-badge"
    return Markup('<span class="{}">{}</span>').format(kind, text)


def section(title: str, note: str = "") -> None:
    """Draw the title of a part of a page."""
    aside = Markup("<span>{}</span>").format(note) if note else ""
    st.html(Markup('<div class="nl-section"><h2>{}</h2>{}</div>').format(title, aside))


def empty_html(title: str, text: str = "") -> Markup:
    """Return what stands where there is nothing to show: what is missing, and what to do."""
    head = Markup("<b>{}</b> ").format(title) if title else ""
    return Markup('<div class="nl-empty">{}{}</div>').format(head, text)


def empty(title: str, text: str = "") -> None:
    """Draw what stands where there is nothing to show: what is missing, and what to do."""
    st.html(empty_html(title, text))


def stat_strip(*stats: Stat) -> None:
    """Draw numbers in a row that wraps."""
    cells = "".join(
        f'<div class="nl-stat nl-{stat.tone}"><dt>{escape(stat.label)}</dt>'
        f"<dd>{escape(stat.value)}</dd>"
        f"{f'<p>{escape(stat.note)}</p>' if stat.note else ''}</div>"
        for stat in stats
    )
    st.html(f'<dl class="nl-stats">{cells}</dl>')


def facts(known: Mapping[str, str]) -> None:
    """Draw names and values, one a line."""
    pairs = known.items()
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    st.html(f'<dl class="nl-facts">{lines}</dl>')


class Cell(Markup):
    """A whole cell of a table, `<td …>` or `<th …>`, so that it can have a class or a title."""


def table_html(
    head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "nl-table"
) -> Markup:
    """Return a table whose first column names the rows.

    Text in the cells is escaped, `Markup` is what stands in one, `Cell` is a whole one.
    """
    join = Markup("").join
    heads = join(_cell(text, "th", Markup(" scope=col")) for text in head)
    lines = join(
        Markup("<tr>{}{}</tr>").format(
            _cell(first, "th", Markup(" scope=row")), join(_cell(cell, "td") for cell in rest)
        )
        for first, *rest in rows
    )
    return Markup(
        '<div class="nl-scroll"><table class="{}"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(kind, heads, lines)


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


def attempt(call: Callable[..., T], *args: object) -> T | None:
    """Return what a call returns; None where it cannot, once its problem is drawn."""
    try:
        return call(*args)
    except NodelensError as error:
        show_problem(error)
        return None


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is, whatever names it quotes."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>()#+-.!|$:~" else char for char in text)


def rename_field(
    label: str, name: str, key: str, most: int, rename: Callable[[str], object]
) -> None:
    """Draw the field for the name of something, of so many characters at most; "" is none."""

    def changed() -> None:
        if new := str(widgets.chosen(key)).strip():
            rename(new)

    st.text_input(label, value=name, key=key, max_chars=most, on_change=changed)


def patch_line(score: float | None, called: Outcome, more: str) -> str:
    """Return score and call of a patch in one line, with more HTML after them."""
    shown = "" if score is None else f"<b>{score_text(score)}</b>"
    call = f'<span class="nl-called nl-{TONES[called]}">{call_text(called)}</span>'
    return f'<div class="nl-patchline">{shown}{call}{more}</div>'


def patch_picture(png: bytes, alt: str) -> None:
    """Draw an enlarged patch."""
    with st.container(key=f"nl-patch-{abs(hash(alt)) % 10**8}"):
        st.image(png, output_format="PNG", width="stretch", alt=alt)


def chart(
    figure: go.Figure,
    key: str,
    alt: str,
    clicked: Callable[[list[Any]], None] | None = None,
    **more: Any,  # noqa: ANN401 - what Streamlit's chart takes besides
) -> None:
    """Draw a figure as `app.charts` dressed it; `alt` is read out.

    `clicked` takes the customdata of the points that are selected, none where that is undone.
    """
    if clicked is not None:

        def select() -> None:
            clicked([point["customdata"] for point in widgets.points(key)])

        more = {"on_select": select, "selection_mode": "points"} | more
    config = {"displayModeBar": False}
    st.plotly_chart(figure, theme=None, key=key, alt=alt, **({"config": config} | more))


def colours() -> charts.Colours:
    """Return the colours of figures on the page's background."""
    return charts.palette(dark=widgets.is_dark())


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
        colours=colours(),
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
