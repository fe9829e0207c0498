"""The patch that is read, its map at the same size, and the evidence that the mode allows."""

from html import escape

import streamlit as st

from app.screens.review import words
from app.screens.review.heat_map import MapView
from app.state.reading import Display
from core.review import CaseOpened, CasePatch, ReadingMode, Record, current_verdicts
from core.wording import call_of, call_text, score_text


def question(text: str, note: str) -> None:
    """Draw what the reader is asked, with a line below it."""
    st.html(f'<div class="nl-read-question"><b>{text}</b><span>{note}</span></div>')


def patch_figure(
    picture: str,
    around: str,
    title: str,
    view: MapView | None,
    drawn: Display,
    *,
    boxed: bool,
    smooth: bool,
) -> None:
    """Draw a patch large, under its map if that is shown, or what lies around; and it bare, small.

    A box outlines the middle third: of a patch what is judged, of what lies around the patch.
    """
    box = "<i></i>" if boxed else ""
    mapped = view is not None and bool(view.picture)
    large = around or (view.picture if view is not None and view.picture else picture)
    under = " and what lies around it" if around else " under its Grad-CAM" if mapped else ""
    size = words.AROUND_SIZE if around else words.SIZE
    soft = " nl-read-soft" if smooth else ""
    st.html(
        f'<figure class="nl-read nl-read-desk{soft}" data-drawn="{drawn.action[:12]}">'
        f'<div><img src="{large}" alt="{escape(title)}{under}">{box}</div>'
        f'<figcaption><img src="{picture}" alt="The bare patch at twice its size">'
        f"<b>{escape(title)}</b><span>{size}</span></figcaption></figure>"
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
            f"<span>model: {call_text(call_of(patch.predicted_label))}</span>"
            f"<small>threshold {case.threshold:.3f} ({escape(case.operating_point)})</small></div>"
            f'<div class="nl-read-scale"><u style="left:{case.threshold:.2%}"></u>'
            f'<i style="left:{patch.prob_tumour:.2%}"></i></div></div>'
        )
    if view is not None and view.sentences:
        _map_words(view)
    if case.mode is ReadingMode.ADJUDICATION:
        _other_verdicts(record, case, patch.sha256)


def _hidden(reason: str) -> None:
    st.html(f'<div class="nl-read-hidden">{reason}</div>')


def _map_words(view: MapView) -> None:
    first, *others = view.sentences
    if not view.picture:
        st.html(f'<div class="nl-read-map"><b>{escape(first)}</b></div>')
        return
    details = escape(" ".join((words.MAP_COLOURS, *others, view.how)))
    st.html(
        f'<div class="nl-read-map"><b>{escape(first)}</b> {words.NOT_A_FINDING}'
        f"<details><summary>Details</summary>{details}</details></div>"
    )


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
