"""What the verdicts of a case amount to: agreement, flips, time, tags."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations
from math import isnan
from typing import Final

import streamlit as st

from app.screens.review.cases import MODE_WORDS
from app.screens.shared.parts import Stat, section, stat_strip
from core.review import (
    Agreement,
    CaseOpened,
    CurrentVerdict,
    ReadingMode,
    Record,
    between_readers,
    current_verdicts,
    flip_matrix,
    reading_time,
    tag_errors,
    with_model,
    within_reader,
)
from core.statistics import Measured

FEW_PAIRS: Final = 30
_NO_WIDTH: Final = 1e-9
_NARROW: Final = "intervals are 95 % and take patches as independent"


def case_numbers(record: Record, case: CaseOpened, names: Mapping[str, str]) -> None:
    """Draw every number of a case that has verdicts."""
    verdicts = current_verdicts(record, case.case)
    _overview(record, case, verdicts)
    _agreements(record, case, verdicts, names)
    if case.mode is ReadingMode.BLIND_FIRST:
        _flips(verdicts)
    _times(record, case, names)
    _tags(verdicts)


def _overview(record: Record, case: CaseOpened, verdicts: Sequence[CurrentVerdict]) -> None:
    readers = record.readers(case.case)
    overrides = sum(verdict.overrides_model for verdict in verdicts)
    patches = len({verdict.patch.sha256 for verdict in verdicts})
    stat_strip(
        [
            Stat("Patches read", f"{patches:,}", f"of {len(case.patches):,}; {case.order}"),
            Stat("Verdicts", f"{len(verdicts):,}", MODE_WORDS[case.mode]),
            Stat("Readers", str(len(readers))),
            Stat(
                "Against the model",
                str(overrides),
                f"{overrides / len(verdicts):.1%} of verdicts; threshold {case.threshold:.4f} "
                f"({case.operating_point})",
            ),
        ]
    )


def _agreements(
    record: Record,
    case: CaseOpened,
    verdicts: Sequence[CurrentVerdict],
    names: Mapping[str, str],
) -> None:
    section("Agreement", _NARROW)
    rows: list[tuple[str, Agreement]] = []
    for reader in record.readers(case.case):
        who = names.get(reader, reader)
        own = [verdict for verdict in verdicts if verdict.reader == reader]
        if case.mode is ReadingMode.BLIND_FIRST:
            rows.append((f"{who} and model, before the AI", with_model(own, blinded=True)))
            rows.append((f"{who} and model, after the AI", with_model(own)))
        else:
            rows.append((f"{who} and model", with_model(own)))
        again = within_reader(record, case.case, reader)
        if again.pairs:
            rows.append((f"{who} with themselves, on hidden repeats", again))
    for first, second in _reader_pairs(record, case):
        pair = " and ".join(names.get(reader, reader) for _, reader in (first, second))
        found = between_readers(record, first, second, blinded=True)
        if found.pairs or found.not_judged:
            rows.append((f"{pair}, first verdicts", found))
    st.html(
        '<div class="nl-scroll"><table class="nl-table"><thead><tr><th>Who</th><th>Patches</th>'
        "<th>Same call</th><th>Kappa</th><th>PABAK</th><th>Not judged</th></tr></thead><tbody>"
        + "".join(_agreement_row(name, found) for name, found in rows)
        + "</tbody></table></div>"
    )
    notes = []
    if case.mode is ReadingMode.AI_FIRST:
        notes.append("The score was in view before each verdict: agreement with the model is led.")
    if any(found.pairs < FEW_PAIRS for _, found in rows):
        notes.append(f"Below {FEW_PAIRS} patches read the share, not kappa.")
    if any(isnan(found.kappa.value) and found.pairs for _, found in rows):
        notes.append("No kappa (–) where both gave one and the same call throughout.")
    if notes:
        st.caption(" ".join(notes))


def _reader_pairs(
    record: Record, case: CaseOpened
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Return each two readings of the case's patches: in it, and in second readings of it."""
    related = [case.case]
    related += [
        other.case
        for other in record.cases.values()
        if other.mode is ReadingMode.SECOND_READER and case.case in other.of
    ]
    if case.mode is ReadingMode.SECOND_READER:
        related += case.of
    readings = [(held, reader) for held in related for reader in record.readers(held)]
    return list(combinations(readings, 2))


def _agreement_row(name: str, found: Agreement) -> str:
    cells = (
        str(found.pairs),
        *map(_with_interval, (found.percent, found.kappa, found.pabak)),
        str(found.not_judged),
    )
    return f"<tr><th>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _with_interval(number: Measured) -> str:
    if isnan(number.value):
        return "–"
    told = f"<b>{_signed(number.value)}</b>"
    # Where one of the two gave a single call throughout, kappa is 0 whatever happens: no interval.
    if not number.has_interval or number.width < _NO_WIDTH:
        return told
    return f"{told} <small>{_signed(number.low)} to {_signed(number.high)}</small>"


def _signed(value: float) -> str:
    """Return two digits with a minus sign that is one, and no minus before zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _flips(verdicts: Sequence[CurrentVerdict]) -> None:
    section("What seeing the AI changed", "against the reference labels")
    found = flip_matrix(verdicts)
    counted = found.right_right + found.right_wrong + found.wrong_right + found.wrong_wrong
    if not counted:
        reason = "no patch read twice has a label" if found.unlabelled else "nothing read yet"
        st.html(f'<div class="nl-empty">No flip matrix: {reason}.</div>')
        return
    table, words = st.columns([1.1, 1], gap="large", vertical_alignment="center")
    with table:
        st.html(
            '<div class="nl-scroll"><table class="nl-table nl-flips"><thead><tr><th></th>'
            "<th>Right after the AI</th><th>Wrong after the AI</th></tr></thead><tbody>"
            f"<tr><th>Right before</th><td>{found.right_right}</td>"
            f'<td class="nl-astray">{found.right_wrong}</td></tr>'
            f'<tr><th>Wrong before</th><td class="nl-helped">{found.wrong_right}</td>'
            f"<td>{found.wrong_wrong}</td></tr></tbody></table></div>"
        )
    with words:
        lines = []
        if found.right_right + found.right_wrong:
            lines.append(_share_line("Led astray", found.led_astray, "right"))
        if found.wrong_right + found.wrong_wrong:
            lines.append(_share_line("Helped", found.helped, "wrong"))
        left_out = f"{found.unlabelled} without a label, {found.not_judged} not judged"
        st.html(f'<div class="nl-lines">{"".join(lines)}<small>Left out: {left_out}.</small></div>')


def _share_line(name: str, share: Measured, before: str) -> str:
    return (
        f"<p><b>{name}: {share.hits:g}</b>, {share.low:.0%} to {share.high:.0%} of the first "
        f"{before}</p>"
    )


def _times(record: Record, case: CaseOpened, names: Mapping[str, str]) -> None:
    section("Seconds a patch", "median and middle half; both readings together")
    rows = []
    for reader in record.readers(case.case):
        found = reading_time(current_verdicts(record, case.case, reader))
        rows.append(
            f"<tr><th>{escape(names.get(reader, reader))}</th><td>{found.patches}</td>"
            f"<td><b>{found.median_s:.1f}</b> <small>{found.lower_quartile_s:.1f} to "
            f"{found.upper_quartile_s:.1f}</small></td></tr>"
        )
    st.html(
        '<div class="nl-scroll"><table class="nl-table"><thead><tr><th>Reader</th><th>Verdicts</th>'
        f"<th>Seconds</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _tags(verdicts: Sequence[CurrentVerdict]) -> None:
    section("Errors by tag", "a tag marks hard patches; it need not cause the errors")
    rows = tag_errors(verdicts)
    if not rows[0].patches:
        st.html('<div class="nl-empty">No labelled patch was judged, so no error is known.</div>')
        return
    lines = []
    for row in rows:
        cells = "".join(
            f"<td>{_errors(part)}</td>" for part in (row.reader_errors, row.model_errors)
        )
        lines.append(f"<tr><th>{row.tag or 'all patches'}</th>{cells}</tr>")
    st.html(
        '<div class="nl-scroll"><table class="nl-table"><thead><tr><th>Tag</th>'
        "<th>Errors of the readers</th><th>Errors of the model</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _errors(share: Measured) -> str:
    if not share.trials:
        return "<b>–</b>"
    return (
        f"<b>{share.hits:g} of {share.trials:g}</b> "
        f"<small>{share.low:.0%} to {share.high:.0%}</small>"
    )
