"""The tests that rest on no map: centre against ring, and eight orientations."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
import streamlit as st

from app.components import explanation_words as words
from app.components.parts import score_text, section
from app.explained import ExplainedPatches, PatchCollection
from core.engine import d4_views
from core.explanation import ExplanationRow, FillerKind, OverlayStyle, draw_patch_box, png_bytes
from core.patches import ImageU8

_FILLERS: Final = {
    FillerKind.BLUR: "Blurred",
    FillerKind.MEAN: "Mean colour",
    FillerKind.DONOR: "Donor",
}
_STRIP_ZOOM: Final = 2


def draw_measures(said: Sequence[words.Said]) -> None:
    """Draw measures as a list: the number, and what it says."""
    items = "".join(
        f'<li class="{"nl-alert" if one.alert else ""}"><b>{escape(one.value)}</b><div>'
        f"{escape(one.sentence)}"
        f"{f'<small>{escape(one.beside)}</small>' if one.beside else ''}</div></li>"
        for one in said
    )
    st.html(f'<ul class="nl-measures">{items}</ul>')


def centre_strip(
    known: ExplainedPatches, collection: PatchCollection, image: ImageU8, row: ExplanationRow
) -> None:
    """Draw what became of the score with the centre or the ring replaced."""
    test = row.reliance
    if test is None:
        return
    section("Centre against ring", "the patch scored again with one of the two replaced")
    said, strip = st.columns([1, 1.9], gap="medium")
    with said:
        draw_measures(words.of_centre_test(test))
        donors = (
            "tissue from this batch's patches with the lowest scores, nearest in stain"
            if collection.donors is not None
            else "the drawn samples, which are no tissue: take their scores with care"
        )
        st.caption(f"Donors: {donors}. Percentages are means over the donors.")
    with strip:
        pictures = known.centre_test.counterfactuals(image)
        threshold = row.score.threshold
        style = OverlayStyle(zoom=_STRIP_ZOOM)
        heads, kept_centre, kept_ring = [], [], []
        logits = np.array(
            [[one.logit_centre_kept, one.logit_ring_kept] for one in test.fillers], np.float32
        )
        scores = known.explainer.classifier.probability(logits)
        number = 0
        for picture, (centre, ring) in zip(pictures, scores.tolist(), strict=True):
            name = _FILLERS[picture.kind]
            if picture.kind is FillerKind.DONOR:
                number += 1
                name = f"{name} {number}"
            heads.append(f'<strong title="{escape(picture.name)}">{name}</strong>')
            kept_centre.append(_figure(picture.centre_kept_rgb_u8, style, centre, threshold))
            kept_ring.append(_figure(picture.ring_kept_rgb_u8, style, ring, threshold))
        columns = f"grid-template-columns:4.2rem repeat({len(heads)},max-content)"
        st.html(
            f'<div class="nl-strip" style="{columns}" tabindex="0" role="group" '
            'aria-label="The patch with its centre or its ring replaced">'
            f"<span></span>{''.join(heads)}"
            f"<span>Centre kept, ring replaced</span>{''.join(kept_centre)}"
            f"<span>Ring kept, centre replaced</span>{''.join(kept_ring)}</div>"
        )


def _figure(picture: ImageU8, style: OverlayStyle | None, score: float, threshold: float) -> str:
    drawn = picture if style is None else draw_patch_box(picture, style)
    data = base64.b64encode(png_bytes(drawn)).decode()
    sign = "▲" if score >= threshold else "▽"
    call = "called tumour" if score >= threshold else "not called tumour"
    return (
        f'<figure><img alt="{call}" src="data:image/png;base64,{data}">'
        f'<figcaption title="{call}">{sign} {escape(score_text(score))}</figcaption></figure>'
    )


def orientations(image: ImageU8, row: ExplanationRow) -> None:
    """Draw the scores of the eight orientations."""
    if row.views is None:
        return
    section("Eight orientations", "the same tissue turned and mirrored, scored again")
    said, strip = st.columns([1, 1.9], gap="medium")
    with said:
        draw_measures([words.of_views(row.views)])
    with strip:
        figures = "".join(
            _figure(turned[0], None, float(score), row.views.threshold)
            for turned, score in zip(d4_views(image[None]), row.views.prob_tumour, strict=True)
        )
        st.html(f'<div class="nl-strip nl-views">{figures}</div>')
