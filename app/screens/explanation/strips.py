"""The tests beside the map: the patch with its centre or surroundings replaced, or turned."""

from functools import partial
from html import escape
from typing import Final

import numpy as np
import streamlit as st

from app import resources
from app.screens.explanation import words
from app.screens.explanation.measures import draw_measures, of_centre_test, of_views
from app.screens.shared.parts import section
from core.engine import d4_views
from core.explanation import (
    CentreReliance,
    ExplanationRow,
    FillerKind,
    OverlayStyle,
    draw_patch_box,
)
from core.explanation.explained import ExplainedPatches
from core.patches import ImageU8
from core.pictures import png_bytes, png_uri
from core.wording import SIGNS, call_of, score_text

_FILLERS: Final = {
    FillerKind.BLUR: "Blurred",
    FillerKind.MEAN: "Mean colour",
    FillerKind.DONOR: "Donor",
}
_KEPT: Final = (
    "Centre kept, surroundings replaced",
    "Surroundings kept, centre replaced",
    "Both replaced",
)
_VIEWS: Final = tuple(
    f"{mirrored}{turned}"
    for mirrored in ("", "Mirrored, ")
    for turned in ("as given", "rotated by 90°", "rotated by 180°", "rotated by 270°")
)
_STRIP_STYLE: Final = OverlayStyle(zoom=2)


def centre_strip(
    known: ExplainedPatches, position: int, *, image: ImageU8, row: ExplanationRow
) -> None:
    """Draw what became of the score with the centre or the ring replaced."""
    test = row.reliance
    if test is None:
        return
    as_given = _sign(row.score.prob_tumour or 0, row.score.threshold)
    title, note = words.CENTRE_TEST
    section(title, note.format(score=as_given))
    numbers, strip = st.columns([1, 1.75], gap="medium")
    with numbers:
        drawn = known.collection.donors is None
        donors = words.DRAWN_DONORS if drawn else words.OWN_DONORS
        draw_measures(of_centre_test(test, donors), title)
        if drawn:
            st.caption(words.DRAWN_HINT)
    with strip:
        key = f"strip {known.collection.key} {position}"
        _strip(known, image, test, row.score.threshold, key)


def _strip(
    known: ExplainedPatches, image: ImageU8, test: CentreReliance, threshold: float, key: str
) -> None:
    logits = np.array(
        [[one.logit_centre_kept, one.logit_ring_kept, one.logit_neither] for one in test.fillers],
        np.float32,
    )
    scores = known.explainer.classifier.probability(logits)  # (fillers, 3)
    heads, rows, number = [], [list[str](), list[str](), list[str]()], 0
    for picture, of_one in zip(known.centre_test.counterfactuals(image), scores, strict=True):
        filler = picture.filler
        name = _FILLERS[filler.kind]
        if filler.kind is FillerKind.DONOR:
            number += 1
            name = f"{name} {number}"
        small = f"<small>{escape(filler.donor)}</small>"
        heads.append(f'<strong title="{escape(filler.name)}">{name}{small}</strong>')
        made = zip(rows, _KEPT, picture.pictures, of_one.tolist(), strict=True)
        for line, what, drawn, score in made:
            uri = resources.picture_uri(partial(_boxed_png, drawn), f"{key} {len(heads)} {what}")
            line.append(_figure(uri, score, threshold, f"{what}: {name}"))
    lines = "".join(
        f"<span>{what}</span>{''.join(line)}" for what, line in zip(_KEPT, rows, strict=True)
    )
    columns = f"grid-template-columns:5.8rem repeat({len(heads)},minmax(96px,136px))"
    st.html(
        f'<div class="nl-strip" style="{columns}" tabindex="0" role="group" '
        'aria-label="The patch with its centre or its surroundings replaced, and its score; '
        f'▲ at {threshold:.4f} or above"><span></span>{"".join(heads)}{lines}</div>'
    )


def _sign(score: float, threshold: float) -> str:
    call = call_of(int(score >= threshold))
    return f"{SIGNS[call]} {score_text(score)}"


def _figure(uri: str, score: float, threshold: float, what: str) -> str:
    call = "called tumour" if score >= threshold else "not called tumour"
    return (
        f'<figure><img alt="{escape(what)}, {call}" src="{uri}">'
        f'<figcaption title="{call}">{escape(_sign(score, threshold))}</figcaption></figure>'
    )


def _boxed_png(picture: ImageU8) -> bytes:
    return png_bytes(draw_patch_box(picture, _STRIP_STYLE))


def orientations(image: ImageU8, row: ExplanationRow) -> None:
    """Draw the scores of the eight orientations."""
    if row.views is None:
        return
    section(*words.ORIENTATIONS)
    numbers, strip = st.columns([1, 1.75], gap="medium")
    with numbers:
        draw_measures([of_views(row.views)], words.ORIENTATIONS[0])
    with strip:
        views = zip(d4_views(image[None]), row.views.prob_tumour, _VIEWS, strict=True)
        figures = "".join(
            _figure(png_uri(turned[0]), float(score), row.views.threshold, name)
            for turned, score, name in views
        )
        st.html(f'<div class="nl-strip nl-views">{figures}</div>')
