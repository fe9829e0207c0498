"""Small drawings: titles, numbers in a row, facts in a list, a picture of a patch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

import streamlit as st

from core.errors import NodelensError
from core.scoring import Outcome
from core.statistics import Measured

Tone = Literal["plain", "tumour", "no-tumour", "grey-zone", "quiet"]

_OUTCOME_TEXT: Final = {
    Outcome.TUMOUR: "▲ tumour",
    Outcome.GREY_ZONE: "◆ grey zone",
    Outcome.NO_TUMOUR: "▽ no tumour",
    Outcome.WITHHELD: "– withheld",
    Outcome.FAILED: "× unreadable",
}

_OUTCOME_TONE: Final[dict[Outcome, Tone]] = {
    Outcome.TUMOUR: "tumour",
    Outcome.GREY_ZONE: "grey-zone",
    Outcome.NO_TUMOUR: "no-tumour",
    Outcome.WITHHELD: "quiet",
    Outcome.FAILED: "quiet",
}


@dataclass(frozen=True)
class Stat:
    """A number with its name.

    Attributes:
        label: What it is.
        value: As it is to be shown.
        note: A line below it.
        tone: Which colour marks it.
    """

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


def outcome_text(outcome: Outcome) -> str:
    """Return an outcome with a sign, so that it does not rest on colour."""
    return _OUTCOME_TEXT[outcome]


def outcome_tone(outcome: Outcome) -> Tone:
    """Return which colour marks an outcome."""
    return _OUTCOME_TONE[outcome]


def score_text(score: float | None) -> str:
    """Return a score with three digits; never 0.000 or 1.000 for one that is neither."""
    if score is None:
        return "no score"
    if 0 < score < 0.0005:
        return "< 0.001"
    if 0.9995 <= score < 1:
        return "> 0.999"
    return f"{score:.3f}"


def share_text(part: int, whole: int) -> str:
    """Return a share in per cent with one digit; never 0.0 % or 100.0 % for one that is neither."""
    if 0 < part < 0.0005 * whole:
        return "under 0.1 %"
    if 0.9995 * whole <= part < whole:
        return "over 99.9 %"
    return f"{part / whole:.1%}".replace("%", " %")


def page_title(title: str, lead: str) -> None:
    """Draw a page's title and the sentence below it."""
    st.html(f'<div class="nl-title"><h1>{escape(title)}</h1><p>{escape(lead)}</p></div>')


def head_line(name: str, marks: str, *, level: int = 1) -> None:
    """Draw the name of the one thing that is looked at, with its badges.

    Args:
        name: As its owner calls it.
        marks: HTML that follows it.
        level: Of the heading, 1 to 6.
    """
    st.html(f'<div class="nl-batch"><h{level}>{escape(name)}</h{level}>{marks}</div>')


def way_back(label: str, key: str, look_at: Callable[[None], None]) -> None:
    """Draw the button that leads from the one thing that is looked at to the list."""
    st.button(label, icon=":material/arrow_back:", on_click=look_at, args=(None,), key=key)


def running_line(done: int, total: int, text: str, stop: Callable[[], None]) -> None:
    """Draw how far something is that runs in the background, with the way to stop it."""
    share = done / total if total else 0.0
    with st.container(horizontal=True, vertical_alignment="center", key="nl-progress"):
        st.progress(min(share, 1.0), text=text)
        st.button("Stop", icon=":material/stop:", on_click=stop, key="stop")


def section(title: str, note: str = "") -> None:
    """Draw the title of a part of a page."""
    said = f"<span>{escape(note)}</span>" if note else ""
    st.html(f'<div class="nl-section"><h2>{escape(title)}</h2>{said}</div>')


def stat_strip(stats: Sequence[Stat]) -> None:
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


def interval_table(named: Sequence[tuple[str, Measured]]) -> None:
    """Draw numbers with their 95 % intervals and how these were made."""
    lines = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{value.value:.3f}</td>"
        f"<td>{value.low:.3f} to {value.high:.3f}</td><td>{escape(value.method)}</td></tr>"
        for name, value in named
    )
    st.html(
        '<div class="nl-scroll"><table class="nl-table"><thead><tr><th scope=col>Measure</th>'
        "<th scope=col>Value</th><th scope=col>95 % interval</th><th scope=col>How</th></tr>"
        f"</thead><tbody>{lines}</tbody></table></div>"
    )


def sentences(title: str, said: Sequence[str]) -> None:
    """Draw sentences as a list under a small title."""
    lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in said)
    st.html(f'<div class="nl-said"><h3>{escape(title)}</h3><ul>{lines}</ul></div>')


def show_problem(error: NodelensError) -> None:
    """Draw an error as its sentence, with nothing in it read as Markdown."""
    st.error(plain(str(error)), icon=":material/error:")


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is, whatever names it quotes."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>()#+-.!|$:~" else char for char in text)


def patch_picture(png: bytes, alt: str) -> None:
    """Draw an enlarged patch with sharp pixels."""
    with st.container(key=f"nl-patch-{abs(hash(alt)) % 10**8}"):
        st.image(png, output_format="PNG", width="stretch", alt=alt)
