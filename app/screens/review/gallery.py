"""The patches of a case in pictures: those to look at again, and a table of every verdict."""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st
from markupsafe import Markup, escape

from app import resources
from app.screens.review import words
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import empty, section
from core.errors import NodelensError
from core.review import (
    CaseOpened,
    CurrentVerdict,
    ReadPatch,
    Reason,
    Record,
    current_verdicts,
    next_position,
    read_patches,
)
from core.review.patches import PatchFolder
from core.wording import call_of, call_text, label_text, score_text

_PICTURES_A_PAGE: Final = 24
_ROWS_A_PAGE: Final = 50


def pictures(record: Record, case: CaseOpened, kept: PatchFolder, names: Mapping[str, str]) -> None:
    """Draw the gallery, then the table.

    `names` says what to call readers who are not to be named.
    """
    verdicts = current_verdicts(record, case.case)
    through = {
        reader
        for reader in record.readers(case.case)
        if next_position(record, case.case, reader) is None
    }
    # Whoever still reads must not learn here which patches come a second time.
    listed = [one for one in verdicts if not one.is_repeat or one.reader in through]
    read = read_patches(listed)
    _gallery(case, read, kept, names)
    _table(read, kept, names)


def _gallery(
    case: CaseOpened, read: Sequence[ReadPatch], kept: PatchFolder, names: Mapping[str, str]
) -> None:
    section(*words.GALLERY)
    counts = {reason: sum(reason in patch.reasons for patch in read) for reason in Reason}
    reasons = [reason for reason, count in counts.items() if count]
    if not reasons:
        empty("", words.NOTHING_AGAIN)
        return
    chosen = st.pills(
        "Show",
        reasons,
        default=reasons[0],
        format_func=lambda reason: f"{reason}  {counts[reason]:,}",
        key=f"look-again-{case.case}",
        label_visibility="collapsed",
    )
    shown = [patch for patch in read if (chosen in patch.reasons if chosen else patch.reasons)]
    page = page_of(len(shown), _PICTURES_A_PAGE, key=f"gallery-{case.case}-{chosen}")
    figures = Markup("").join(_figure(patch, kept, names) for patch in shown[page.part])
    st.html(Markup('<div class="nl-gallery">{}</div>').format(figures))
    if page.pages > 1:
        pager(page)


def _figure(read_patch: ReadPatch, kept: PatchFolder, names: Mapping[str, str]) -> Markup:
    patch = read_patch.patch
    lines = [_verdict_line(verdict, names) for verdict in read_patch.verdicts]
    if patch.label is not None:
        lines.append(Markup("<span>label: {}</span>").format(label_text(patch.label)))
    picture = _picture(kept, patch.sha256)
    image = (
        Markup('<div><img src="{}" alt="Patch {}"><i></i></div>').format(picture, read_patch.number)
        if picture
        else Markup('<div class="nl-nopicture">picture missing</div>')
    )
    return Markup(
        '<figure class="nl-read">{}<figcaption><b>{} · model {} {}</b>{}</figcaption></figure>'
    ).format(
        image,
        read_patch.number,
        call_text(call_of(patch.predicted_label)),
        score_text(patch.prob_tumour),
        Markup("").join(lines),
    )


def _verdict_line(verdict: CurrentVerdict, names: Mapping[str, str]) -> Markup:
    first, final = verdict.first.reading.verdict, verdict.final.reading.verdict
    before = f", blind: {first}" if first is not final else ""
    again = ", shown again" if verdict.is_repeat else ""
    comment = f" “{verdict.comment}”" if verdict.comment else ""
    who = names.get(verdict.reader, verdict.reader)
    return Markup("<span>{}</span>").format(
        escape(f"{who}: {call_text(final)}{before}{again}{comment}")
    )


def _picture(kept: PatchFolder, sha256: str) -> str | None:
    try:
        return resources.review_picture(kept, sha256)
    except NodelensError:
        return None


def _table(read: Sequence[ReadPatch], kept: PatchFolder, names: Mapping[str, str]) -> None:
    section(*words.VERDICTS)
    rows = [(patch, verdict) for patch in read for verdict in patch.verdicts]
    page = page_of(len(rows), _ROWS_A_PAGE, key=f"verdicts-{len(rows)}")
    lines = pd.DataFrame([_line(*row, kept, names) for row in rows[page.part]])
    st.dataframe(
        lines.loc[:, (lines != "").any()],  # no column that nobody filled
        hide_index=True,
        row_height=56,
        height=min(56 * (page.part.stop - page.part.start) + 40, 500),
        column_config={
            "Picture": st.column_config.ImageColumn(width=64),
            "Patch": st.column_config.NumberColumn(width=60),
            "Score": st.column_config.NumberColumn(format="%.3f", width=70),
            "Look again": st.column_config.TextColumn(width=140),
        },
        alt="Every verdict of this case with its patch",
        key="all-verdicts",
    )
    if page.pages > 1:
        pager(page, "verdicts")


def _line(
    read_patch: ReadPatch, verdict: CurrentVerdict, kept: PatchFolder, names: Mapping[str, str]
) -> dict[str, object]:
    patch, final = read_patch.patch, verdict.final.reading
    blind = verdict.first.reading.verdict if verdict.state.after_ai is not None else None
    return {
        "Picture": _picture(kept, patch.sha256),
        "Patch": read_patch.number,
        "Score": patch.prob_tumour,
        "Model": call_text(call_of(patch.predicted_label)),
        "Verdict": call_text(final.verdict),
        "Blind verdict": call_text(blind) if blind else "",
        "Look again": ", ".join(read_patch.reasons),
        "Reader": names.get(verdict.reader, verdict.reader),
        "Confidence": str(final.confidence or ""),
        "Reasons": ", ".join(final.tags),
        "Comment": verdict.comment,
        "File": patch.id,
        "Event": verdict.final.sequence,
    }
