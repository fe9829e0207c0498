"""The numbers of one threshold in plain words and tables, as HTML that is cheap to replace."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, cast

import numpy as np
from markupsafe import Markup

from app.resources.caching import cached_by
from app.screens.shared.parts import Cell, empty_html, table_html
from app.screens.threshold import words
from core.statistics import Confusion, Measured, MetricName, SlideRow
from core.thresholds import Deferral, ScoreSet, Snapshot, ThresholdStudy, per_thousand
from core.thresholds.scores import slides_text
from core.wording import NOTHING, agreeing, interval_text, number, percent, percent_interval

SLIDES_SHOWN: Final = 8
STEPS: Final = tuple(step / 1000 for step in range(1001))
"""Where the slider can stand when a hand moves it."""
JOIN: Final = Markup("").join
_SAY: Final = Markup("<p>{} <small>({})</small></p>")


def place(threshold: float, lower: float | None) -> str:
    """Return where an operating point lies: its threshold, after the start of its grey zone."""
    return f"{threshold:.4f}" if lower is None else f"{lower:.4f} / {threshold:.4f}"


def span(measured: Measured | None, *, digits: int = 0) -> str:
    """Return an interval from low to high, in per cent unless digits are asked for."""
    if measured is None or not measured.has_interval:
        return NOTHING
    if digits:
        return interval_text(measured.low, measured.high, digits)
    return percent_interval(measured.low, measured.high)


def _interval(estimate: Measured) -> str:
    """Return the interval to rely on, in words."""
    if estimate.by_slides is not None:
        return f"95 % interval over slides {span(estimate.by_slides)}"
    if estimate.by_patches is not None:
        return f"95 % interval {span(estimate.by_patches)}, patches treated as independent"
    return "no interval"


def _of(share: float) -> tuple[str, str]:
    """Return a share as so many of 100; of 1,000 or 10,000 if that would round to all or none."""
    base = next(
        (base for base in (100, 1_000) if share in {0.0, 1.0} or 0 < round(base * share) < base),
        10_000,
    )
    return f"{base:,}", f"{round(base * share):,}"


def sentences(snapshot: Snapshot) -> Markup:
    """Return what the threshold does, in three sentences that a pathologist would say."""
    return JOIN(
        (
            _sentence(snapshot, "sensitivity", words.WITH_TUMOUR),
            _sentence(snapshot, "specificity", words.WITHOUT_TUMOUR),
            _workload(snapshot),
        )
    )


def answer(threshold: float, lines: Markup) -> Markup:
    """Return what is said of the threshold that is tried, for the script of the slider to follow.

    Only in here does the script replace what `live` marks: the sentences about a test set stay.
    """
    return Markup('<div class="nl-say" data-at="{!r}">{}</div>').format(threshold, lines)


def _say(*lines: Markup, kind: str = "nl-say") -> Markup:
    return Markup('<div class="{}">{}</div>').format(kind, JOIN(lines))


def _sentence(snapshot: Snapshot, metric: MetricName, text: Markup) -> Markup:
    estimate = snapshot.metrics[metric]
    if math.isnan(estimate.value):
        return Markup("<p>{}</p>").format(words.NO_SUCH_PATCH[metric])
    base, count, verb, rate = live(metric, _rate_texts(metric, estimate.value))
    over = estimate.by_slides or estimate.by_patches
    where = "on other slides" if estimate.by_slides else "by patches"
    interval = "" if over is None else f", {where} {span(over)}"
    measured = Markup("{} {}<span>{}</span>").format(metric, rate, interval)
    return _SAY.format(text.format(base=base, count=count, verb=verb), measured)


def _rate_texts(metric: MetricName, right: float) -> tuple[str, ...]:
    return *_counted(metric, right if metric == "sensitivity" else 1 - right), percent(right)


def _counted(series: str, share: float) -> tuple[str, str, str]:
    base, count = _of(share)
    return base, count, agreeing(words.VERBS[series], 1 if count == "1" else 2)


def _workload(snapshot: Snapshot) -> Markup:
    """Return how many patches are called tumour in use, and how many of these have it."""
    base, count, verb, hits = live("workload", _workload_texts(snapshot.per_thousand))
    text = words.WORKLOAD.format(
        prevalence=100 * snapshot.assumptions.prevalence,
        base=base,
        count=count,
        verb=verb,
        hits=hits,
    )
    return _SAY.format(text, words.WORKLOAD_FROM)


def _workload_texts(thousand: Confusion) -> tuple[str, ...]:
    base, *count = _counted("workload", thousand.flagged / 1000)
    hits = round(int(base.replace(",", "")) * thousand.tp / 1000)
    return base, *count, f"{hits:,}"


def live(series: str, texts: Sequence[str]) -> tuple[Markup, ...]:
    """Return texts that the script of the slider replaces as soon as it is moved.

    Args:
        series: Names them in `by_step`.
        texts: As they are now.
    """
    return tuple(
        Markup('<span data-live="{}.{}">{}</span>').format(series, place, text)
        for place, text in enumerate(texts, start=1)
    )


def by_step(texts: Iterable[Sequence[str]]) -> str:
    """Return the texts of each step of the slider in turn, for its script: those that differ.

    Rows are parted by semicolons; the parts of a row, of which the first is the step, by bars.
    """
    rows: list[str] = []
    before: Sequence[str] = ()
    for step, now in enumerate(texts):
        if now != before:
            rows.append("|".join((str(step), *now)))
        before = now
    return ";".join(rows)


@cached_by(lambda study, prevalence: (study.scores.evidence.digest, prevalence), entries=16)
def sentences_by_step(study: ThresholdStudy, prevalence: float) -> dict[str, str]:
    """Return what `sentences` says of each step of the slider, without the intervals."""
    tables = [study.table.confusion(threshold) for threshold in STEPS]
    return {
        "sensitivity": by_step(_rate_texts("sensitivity", one.sensitivity) for one in tables),
        "specificity": by_step(_rate_texts("specificity", one.specificity) for one in tables),
        "workload": by_step(_workload_texts(per_thousand(one, prevalence)) for one in tables),
    }


def in_use(snapshot: Snapshot) -> Markup:
    """Return what the threshold would mean at the stated prevalence, and what it would cost.

    A grey zone counts as not called tumour here.
    """
    stated, cost = snapshot.assumptions, snapshot.cost
    meaning = (
        f"A score of {snapshot.threshold:.4f} means a {percent(snapshot.probability_in_use)} "
        "probability of tumour at this prevalence"
    )
    lines = [_SAY.format(meaning, words.CALIBRATED)]
    for name, which, estimate, share in (
        (words.PPV, "patches called tumour", snapshot.ppv, snapshot.ppv.value),
        (words.NPV, "patches not called tumour", snapshot.npv, 1 - snapshot.npv.value),
    ):
        if math.isnan(share):
            continue
        base, count = _of(share)
        verb = "contains" if count == "1" else "contain"
        text = Markup("Of {} {}, <b>{}</b> {} tumour").format(base, which, count, verb)
        lines.append(_SAY.format(text, f"{name} {percent(estimate.value)}, {_interval(estimate)}"))
    cheapest = min(cost.model, cost.flag_all, cost.flag_none)
    verdict = (
        "less than calling every patch tumour, or none"
        if cost.model <= cheapest
        else "more than calling every patch tumour"
        if cost.flag_all == cheapest
        else "more than calling no patch tumour"
    )
    grey = "" if snapshot.deferral is None else "; the grey zone counts as not called tumour"
    expected = Markup("Expected cost per 1,000 patches: <b>{:,.1f}</b>, {}").format(
        1000 * cost.model, verdict
    )
    terms = (
        f"every patch {1000 * cost.flag_all:,.1f}, none {1000 * cost.flag_none:,.1f}; a miss "
        f"costs {stated.miss_cost:g}, a false alarm {stated.false_alarm_cost:g}{grey}"
    )
    return _say(*lines, _SAY.format(expected, terms))


def matrix(snapshot: Snapshot, *, in_use: bool = False) -> Markup:
    """Return what was called against what is labelled: in this set, or of 1,000 patches in use."""
    counts, zone = snapshot.confusion, snapshot.deferral
    grey = (0.0, 0.0) if zone is None else (zone.tumour, zone.deferred - zone.tumour)
    tumour = np.array([counts.tp, grey[0], counts.fn - grey[0]], float)
    none = np.array([counts.fp, grey[1], counts.tn - grey[1]], float)
    title, digits = "Patches in this set", 0
    if in_use:
        share, digits = snapshot.assumptions.prevalence, 1
        title = f"Of 1,000 patches, {percent(share)} with tumour"
        tumour *= 1000 * share / (tumour.sum() or math.nan)
        none *= 1000 * (1 - share) / (none.sum() or math.nan)
    return _matrix(
        title,
        [f"{count:,.{digits}f}" for count in tumour],
        [f"{count:,.{digits}f}" for count in none],
        grey=zone is not None,
    )


def _matrix(title: str, tumour: Sequence[str], none: Sequence[str], *, grey: bool) -> Markup:
    zone = Markup("<td>{}</td>")
    return Markup(
        '<table class="nl-matrix"><caption>{}</caption><thead><tr><td></td><th>called tumour</th>{}'
        '<th>{}</th></tr></thead><tbody><tr><th>tumour</th><td class="nl-hit">{}</td>{}'
        '<td class="nl-miss">{}<small>missed</small></td></tr><tr><th>no tumour</th>'
        '<td class="nl-alarm">{}<small>false alarms</small></td>{}<td class="nl-clear">{}</td>'
        "</tr></tbody></table>"
    ).format(
        title,
        Markup("<th>for a reader</th>") if grey else "",
        "called no tumour" if grey else "not called tumour",
        tumour[0],
        zone.format(tumour[1]) if grey else "",
        tumour[2],
        none[0],
        zone.format(none[1]) if grey else "",
        none[2],
    )


def grey_zone(deferral: Deferral | None, threshold: float) -> Markup:
    """Return what a grey zone leaves to a reader, and the errors outside it; "" without one."""
    if deferral is None:
        return Markup()
    share, missed, errors = deferral.share, deferral.missed, deferral.errors_outside
    left = Markup(
        "Grey zone from {:.4f} up to {:.4f}: <b>{:,.0f}</b> patches are left to a reader, {:,.0f} "
        "of them with tumour"
    ).format(deferral.lower, threshold, deferral.deferred, deferral.tumour)
    cleared = Markup(
        "Called no tumour below it: {:,.0f}, of which <b>{:,.0f}</b> contain tumour"
    ).format(deferral.cleared, missed.hits)
    return _say(
        _SAY.format(left, f"{percent(share.value)} of all, {_interval(share)}"),
        _SAY.format(
            cleared, f"missed: {percent(missed.value)} of all tumour patches, {_interval(missed)}"
        ),
        _SAY.format(f"Wrong outside the zone: {percent(errors.value)}", _interval(errors)),
        kind="nl-say nl-zone",
    )


def metrics(snapshot: Snapshot) -> Markup:
    """Return every metric in words, with both intervals and the design effect."""
    prevalence = percent(snapshot.assumptions.prevalence)
    known = snapshot.metrics
    notes: dict[str, int] = {}
    rows = [
        _row(name, why, known[cast("MetricName", key)], notes) for key, name, why in words.SHARES
    ]
    rows[2:2] = [
        _row(f"{words.PPV} at {prevalence}", words.PPV_WHY, snapshot.ppv, notes),
        _row(f"{words.NPV} at {prevalence}", words.NPV_WHY, snapshot.npv, notes),
    ]
    rows += [
        _row(name, why, known[cast("MetricName", key)], notes, digits=2)
        for key, name, why in words.RATIOS
    ]
    head = ("At this threshold", "estimate", "95 % over slides", "95 % by patches", "design effect")
    foot = [words.INTERVALS, *(f"{number}: {note}" for note, number in notes.items())]
    return table_html(head, rows, "nl-metrics") + _list(foot)


def _row(
    name: str, why: str, estimate: Measured, notes: dict[str, int], *, digits: int = 0
) -> list[str]:
    value = number(estimate.value) if digits else percent(estimate.value)
    if not math.isnan(estimate.trials):
        counted = f"{estimate.hits:,.0f} of {estimate.trials:,.0f}"
        value = Markup("{}<small>{}</small>").format(value, counted)
    marks = [str(notes.setdefault(note, len(notes) + 1)) for note in estimate.notes]
    return [
        Cell("<th scope=row>{}<sup>{}</sup><small>{}</small></th>").format(
            name, ", ".join(marks), why
        ),
        value,
        span(estimate.by_slides, digits=digits),
        span(estimate.by_patches, digits=digits),
        number(estimate.design_effect, 1),
    ]


def _list(lines: Sequence[str]) -> Markup:
    items = JOIN(Markup("<li>{}</li>").format(line) for line in lines)
    return Markup('<ul class="nl-caveats">{}</ul>').format(items)


def caveats(snapshot: Snapshot, study: ThresholdStudy) -> Markup:
    """Return what else must not be trusted, one line each, below `metrics` with its own notes."""
    notes = dict.fromkeys((*study.scores.notes, *snapshot.notes))
    return _list(list(notes)) if notes else Markup()


def everything(snapshot: Snapshot, study: ThresholdStudy) -> Markup:
    """Return all that can be said of one threshold on some scores, but for the slides."""
    pair = _say(matrix(snapshot), matrix(snapshot, in_use=True), in_use(snapshot), kind="nl-pair")
    return JOIN(
        (
            measured_on(study.scores),
            _say(sentences(snapshot)),
            grey_zone(snapshot.deferral, snapshot.threshold),
            pair,
            metrics(snapshot),
            caveats(snapshot, study),
        )
    )


def measured_on(scores: ScoreSet) -> Markup:
    """Return which patches the numbers are of."""
    evidence = scores.evidence
    of_slides = f", {'of ' * bool(scores.slides)}{slides_text(evidence)}"
    return Markup(
        '<p class="nl-from">Measured on {}: {:,} patches, {:,} with tumour{}.</p>'
    ).format(scores.name, len(evidence), evidence.n_positive, of_slides)


def slides(rows: Sequence[SlideRow], *, at_most: int) -> Markup:
    """Return the slides with most errors first."""
    if not rows:
        return empty_html(*words.NO_SLIDES)
    head = (
        *("Slide", "patches", "with tumour", "missed", "false alarms", "wrong"),
        *("sensitivity", "specificity", "AUROC"),
    )
    lines = [
        (
            f"{row.slide}{'†' if row.small else ''}",
            *(f"{count:,.0f}" for count in (row.n, row.positives, row.missed, row.false_alarms)),
            _bar(row.error_rate) + percent(row.error_rate),
            percent(row.sensitivity),
            percent(row.specificity),
            number(row.auroc),
        )
        for row in rows[:at_most]
    ]
    return table_html(head, lines, "nl-metrics nl-slides") + _list([words.SLIDES])


def _bar(share: float) -> Markup:
    return Markup('<i style="--part:{:.4f}"></i>').format(0 if math.isnan(share) else share)
