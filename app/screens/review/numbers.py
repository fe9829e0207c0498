"""The results of a case in numbers: agreement, changed verdicts, time."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import isnan
from typing import Final

import streamlit as st
from markupsafe import Markup

from app.screens.review import words
from app.screens.shared import parts
from core import review
from core.statistics import Measured
from core.wording import call_text, interval_text, number, percent_interval

FEW_PAIRS: Final = 30
_NO_WIDTH: Final = 1e-9


def case_head(record: review.Record, case: review.CaseOpened) -> None:
    """Draw how much of a case is read, by how many, and how often against the model."""
    verdicts = review.current_verdicts(record, case.case)
    against = [verdict.patch.sha256 for verdict in verdicts if verdict.overrides_model]
    readers = record.readers(case.case)
    given = f"{len(against):,} of {len(verdicts):,} verdicts"
    point = f"threshold {case.threshold:.4f} ({case.operating_point})"
    parts.stat_strip(
        parts.Stat(
            "Verdicts",
            f"{len(verdicts):,}",
            f"of {len(case.tasks) * len(readers):,}; {words.MODES[case.mode]}",
        ),
        parts.Stat("Readers", str(len(readers))),
        parts.Stat("Patches against the model", f"{len(set(against)):,}", f"{given}; {point}"),
    )


def case_numbers(record: review.Record, case: review.CaseOpened, names: Mapping[str, str]) -> None:
    """Draw agreement, what seeing the AI changed, and the time of a case that has verdicts."""
    verdicts = review.current_verdicts(record, case.case)
    _agreements(record, case, verdicts, names)
    if case.mode is review.ReadingMode.BLIND_FIRST:
        _flips(verdicts)
    _times(record, case, names)


def _agreements(
    record: review.Record,
    case: review.CaseOpened,
    verdicts: Sequence[review.CurrentVerdict],
    names: Mapping[str, str],
) -> None:
    parts.section("Agreement", words.INDEPENDENT)
    rows: list[tuple[str, review.Agreement]] = []
    for reader in record.readers(case.case):
        who = names.get(reader, reader)
        own = [verdict for verdict in verdicts if verdict.reader == reader]
        if case.mode is review.ReadingMode.BLIND_FIRST:
            rows.append((f"{who} and model, before the AI", review.with_model(own, blinded=True)))
            rows.append((f"{who} and model, after the AI", review.with_model(own)))
        else:
            rows.append((f"{who} and model", review.with_model(own)))
        again = review.within_reader(record, case.case, reader)
        if again.pairs and review.next_position(record, case.case, reader) is None:
            rows.append((f"{who} with themselves, on hidden repeats", again))
    for first, second in _reader_pairs(record, case):
        pair = " and ".join(names.get(reader, reader) for _, reader in (first, second))
        between = review.between_readers(record, first, second)
        if between.pairs or between.not_judged:
            rows.append((f"{pair}, first verdicts", between))
    parts.table(
        ("Who", "Patches", "Same call", "Kappa", "PABAK", "Not judged"),
        [
            (
                name,
                str(one.pairs),
                *map(_with_interval, (one.percent, one.kappa, one.pabak)),
                str(one.not_judged),
            )
            for name, one in rows
        ],
        "nl-table nl-agreement",
    )
    notes = {
        words.INFLUENCED: case.mode is review.ReadingMode.AI_FIRST,
        words.FEW_PAIRS.format(pairs=FEW_PAIRS): any(one.pairs < FEW_PAIRS for _, one in rows),
        words.NO_KAPPA: any(isnan(one.kappa.value) and one.pairs for _, one in rows),
    }
    st.caption(" ".join(note for note, applies in notes.items() if applies))


def _reader_pairs(
    record: review.Record, case: review.CaseOpened
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Return each two readings of the case's patches: in it, and in second readings of it."""
    related = [case.case]
    related += [
        other.case
        for other in record.cases.values()
        if other.mode is review.ReadingMode.SECOND_READER and case.case in other.of
    ]
    if case.mode is review.ReadingMode.SECOND_READER:
        related += case.of
    readings = [(held, reader) for held in related for reader in record.readers(held)]
    return list(combinations(readings, 2))


def _with_interval(measured: Measured) -> str:
    value = number(measured.value, 2)
    # Where one of the two gave a single call throughout, kappa is 0 whatever happens: no interval.
    if not measured.has_interval or measured.width < _NO_WIDTH:
        return Markup("<b>{}</b>").format(value)
    return parts.with_small(value, interval_text(measured.low, measured.high, 2))


def _flips(verdicts: Sequence[review.CurrentVerdict]) -> None:
    parts.section(*words.CHANGED)
    changes = review.ai_changes(verdicts)
    if not changes.read:
        parts.empty("", words.NO_CHANGE_YET)
        return
    tallies = {
        name: getattr(changes, name)
        for name in ("read", "changed", "to_model", "from_model", "otherwise")
    }
    counts, sentence = st.columns([1.1, 1], gap="large", vertical_alignment="center")
    rows = [
        (f"{call_text(first)} before", *map(str, counted))
        for first, counted in zip(review.Verdict, changes.table, strict=True)
    ]
    counts.html(
        parts.table_html(("", *(f"{call_text(after)} after" for after in review.Verdict)), rows)
    )
    sentence.html(f'<div class="nl-lines"><p>{words.CHANGES.format(**tallies)}</p></div>')
    flips = review.flip_matrix(verdicts)
    right = flips.right_right + flips.right_wrong
    wrong = flips.wrong_right + flips.wrong_wrong
    if not right + wrong:
        return
    numbers, notes = st.columns([1.1, 1], gap="large", vertical_alignment="center")
    astray, helped = (
        parts.Cell('<td class="nl-astray">{}</td>'),
        parts.Cell('<td class="nl-helped">{}</td>'),
    )
    numbers.html(
        parts.table_html(
            ("", "Right after the AI", "Wrong after the AI"),
            [
                ("Right before", str(flips.right_right), astray.format(flips.right_wrong)),
                ("Wrong before", helped.format(flips.wrong_right), str(flips.wrong_wrong)),
            ],
            "nl-table nl-flips",
        )
    )
    lines = [
        Markup("<p><b>{}: {:g}</b>, {} of those {} at first</p>").format(
            name, share.hits, percent_interval(share.low, share.high, 0), before
        )
        for name, share, before, count in (
            ("Led astray", flips.led_astray, "right", right),
            ("Helped", flips.helped, "wrong", wrong),
        )
        if count
    ]
    left_out = f"{flips.unlabelled} without a label, {flips.not_judged} not judged"
    notes.html(f'<div class="nl-lines">{"".join(lines)}<small>Left out: {left_out}.</small></div>')


def _times(record: review.Record, case: review.CaseOpened, names: Mapping[str, str]) -> None:
    parts.section("Seconds per patch", "median and interquartile range; both readings together")
    rows = []
    for reader in record.readers(case.case):
        time = review.reading_time(review.current_verdicts(record, case.case, reader))
        middle = interval_text(time.lower_quartile_s, time.upper_quartile_s, 1)
        seconds = parts.with_small(f"{time.median_s:.1f}", middle)
        rows.append((names.get(reader, reader), str(time.patches), seconds))
    parts.table(("Reader", "Verdicts", "Seconds"), rows)
