"""The patch that is read, its map at the same size, and the evidence that the mode allows."""

from html import escape

import streamlit as st

from app.screens.review import words
from app.screens.review.heat_map import MapView
from core.review import CaseOpened, CasePatch, ReadingMode, Record, current_verdicts
from core.wording import call_of, call_text, score_text


def question(text: str, note: str) -> None:
    """Draw what the reader is asked, with a line below it."""
    st.html(f'<div class="nl-read-question"><b>{text}</b><span>{note}</span></div>')


def patch_figure(picture: str, title: str, view: MapView | None, *, boxed: bool) -> None:
    """Draw a patch large; beside it the same under its map, or twice its size."""
    box = "<i></i>" if boxed else ""
    panels = f'<div><img src="{picture}" alt="{escape(title)}">{box}</div>'
    if view is not None and view.picture:
        panels += f'<div><img src="{view.picture}" alt="The same patch under its map">{box}</div>'
    else:
        panels += f'<aside><img src="{picture}" alt="The same patch at twice its size"></aside>'
    pair = " nl-read-pair" if view is not None and view.picture else ""
    st.html(
        f'<figure class="nl-read{pair}">{panels}<figcaption>{escape(title)} · {words.SIZE}'
        "</figcaption></figure>"
    )


def evidence(
    record: Record, case: CaseOpened, patch: CasePatch | None, view: MapView | None
) -> None:
    """Draw score and map where the record allows them, else why there are none."""
    if patch is None:
        second = case.mode is ReadingMode.SECOND_READER
        _hidden(words.HIDDEN_SECOND if second else words.HIDDEN)
        return
    if patch.prob_tumour is None:
        _hidden(words.WITHHELD)
    else:
        st.html(
            '<div class="nl-read-score"><div class="nl-read-call">'
            f"<b>{score_text(patch.prob_tumour)}</b>"
            f"<span>model: {call_text(call_of(patch.predicted_label))}</span></div>"
            f'<div class="nl-read-scale"><u style="left:{case.threshold:.2%}"></u>'
            f'<i style="left:{patch.prob_tumour:.2%}"></i></div>'
            f"<small>Score, 0 to 1. Threshold {case.threshold:.3f} "
            f"({escape(case.operating_point)}).</small></div>"
        )
    if view is not None and view.sentences:
        _map_words(view)
    if case.mode is ReadingMode.ADJUDICATION:
        _other_verdicts(record, case, patch.sha256)


def _hidden(reason: str) -> None:
    st.html(f'<div class="nl-read-hidden">{reason}</div>')


def _map_words(view: MapView) -> None:
    first, *others = view.sentences
    if view.picture:
        first = f"<b>{words.MAP_COLOURS}</b> {escape(first)}"
        others.append(words.NOT_A_FINDING)
    else:
        first = f"<b>{escape(first)}</b>"
    if view.how:
        others.append(view.how)
    st.html(f'<div class="nl-read-map">{first} {escape(" ".join(others))}</div>')


def _other_verdicts(record: Record, case: CaseOpened, sha256: str) -> None:
    lines = []
    for earlier in case.of:
        for verdict in current_verdicts(record, earlier):
            if verdict.patch.sha256 == sha256 and not verdict.is_repeat:
                final = verdict.final.reading
                sure = f" ({final.confidence})" if final.confidence else ""
                comment = f" “{verdict.comment}”" if verdict.comment else ""
                lines.append(f"<li>{call_text(final.verdict)}{sure}{escape(comment)}</li>")
    st.html(f'<div class="nl-read-others"><b>Earlier verdicts</b><ul>{"".join(lines)}</ul></div>')
