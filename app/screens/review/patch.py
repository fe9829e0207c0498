"""The patch that is read, its map at the same size, and the evidence that the mode allows."""

from html import escape
from typing import Final

import streamlit as st

from app.screens.review.heat_map import MapView
from core.review import CaseOpened, CasePatch, ReadingMode, Record, Verdict, current_verdicts
from core.scoring import Outcome
from core.wording import call_text, score_text

SIGNS: Final = {
    Verdict.TUMOUR: "▲ tumour",
    Verdict.NO_TUMOUR: "▽ no tumour",
    Verdict.CANNOT_JUDGE: "? cannot judge",
}
_CALLS: Final = {1: Outcome.TUMOUR, 0: Outcome.NO_TUMOUR, None: Outcome.GREY_ZONE}


def patch_figure(
    picture: str, title: str, view: MapView | None, *, boxed: bool, where: str = ""
) -> None:
    """Draw a patch large; beside it the same under its map, or twice its size."""
    box = "<i></i>" if boxed else ""
    panels = f'<div><img src="{picture}" alt="{escape(title)}">{box}</div>'
    if view is not None and view.picture:
        panels += f'<div><img src="{view.picture}" alt="The same patch under its map">{box}</div>'
    else:
        panels += f'<aside><img src="{picture}" alt="The same patch at twice its size"></aside>'
    pair = " nl-read-pair" if view is not None and view.picture else ""
    st.html(
        f'<figure class="nl-read{pair}">{panels}<figcaption>{escape(title)}{escape(where)} · '
        "96 × 96 px, about 93 × 93 µm, unsmoothed · only the outlined centre, about 31 × 31 µm, "
        "counts</figcaption></figure>"
    )


def evidence(
    record: Record, case: CaseOpened, patch: CasePatch | None, view: MapView | None
) -> None:
    """Draw score and map where the record allows them, else why there are none."""
    if patch is None:
        said = (
            "Second reader: no score, no map, no other verdicts."
            if case.mode is ReadingMode.SECOND_READER
            else "Score and map hidden until your verdict is on record."
        )
        st.html(f'<div class="nl-read-hidden">{said}</div>')
        return
    if patch.prob_tumour is None:
        st.html('<div class="nl-read-hidden">No score: the model withheld one.</div>')
    else:
        st.html(
            '<div class="nl-read-score"><div class="nl-read-call">'
            f"<b>{score_text(patch.prob_tumour)}</b>"
            f"<span>model: {call_text(_CALLS[patch.predicted_label])}</span></div>"
            f'<div class="nl-read-scale"><u style="left:{case.threshold:.2%}"></u>'
            f'<i style="left:{patch.prob_tumour:.2%}"></i></div>'
            f"<small>Score, 0 to 1. Threshold {case.threshold:.3f} "
            f"({escape(case.operating_point)}).</small></div>"
        )
    if view is not None and view.sentences:
        _map_words(view)
    if case.mode is ReadingMode.ADJUDICATION:
        _other_verdicts(record, case, patch.sha256)


def _map_words(view: MapView) -> None:
    first, *others = view.sentences
    if view.picture:
        first = f"<b>Map: orange raised the score, blue lowered it.</b> {escape(first)}"
        others.append("A map is not a finding.")
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
                told = verdict.final.reading
                sure = f" ({told.confidence})" if told.confidence else ""
                said = f" “{told.comment}”" if told.comment else ""
                lines.append(f"<li>{SIGNS[told.verdict]}{sure}{escape(said)}</li>")
    st.html(f'<div class="nl-read-others"><b>Earlier verdicts</b><ul>{"".join(lines)}</ul></div>')
