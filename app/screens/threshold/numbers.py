"""The numbers of one threshold in plain words and tables, as HTML that is cheap to replace."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from core.statistics import Measured, MetricName, SlideRow
from core.thresholds import Deferral, Snapshot, ThresholdStudy

SLIDES_SHOWN: Final = 8
_DIGITS_OF_A_RATE: Final = 1
_SHARES: Final[tuple[tuple[MetricName, str, str], ...]] = (
    ("sensitivity", "Sensitivity", "tumour patches that are flagged"),
    ("specificity", "Specificity", "tumour-free patches that are not flagged"),
    ("ppv", "PPV in this set", "flagged patches that hold tumour; not at a clinical prevalence"),
    ("npv", "NPV in this set", "unflagged patches without tumour; not at a clinical prevalence"),
    ("accuracy", "Accuracy in this set", "patches called as labelled"),
    ("balanced_accuracy", "Balanced accuracy", "mean of sensitivity and specificity"),
    ("f1", "F1 in this set", "harmonic mean of PPV and sensitivity"),
    ("flagged_share", "Flagged share", "of all patches of this set"),
)
_PLAIN: Final[tuple[tuple[MetricName, str, str], ...]] = (
    ("mcc", "MCC", "Matthews correlation, −1 to 1"),
    ("lr_plus", "LR+", "odds of tumour multiply by this when a patch is flagged"),
    ("lr_minus", "LR−", "odds of tumour multiply by this when a patch is not flagged"),
)


def percent(value: float) -> str:
    """Return a share in per cent; never 0 or 100 for one that is neither."""
    if math.isnan(value):
        return "–"
    shown = f"{100 * value:.{_DIGITS_OF_A_RATE}f}"
    if 0 < value < 1 and shown in {"0.0", "100.0"}:
        return f"{'&lt; 0.1' if value < 0.5 else '&gt; 99.9'} %"
    return f"{shown} %"


def span(number: Measured | None, *, share: bool = True) -> str:
    """Return an interval as from–to."""
    if number is None or not math.isfinite(number.low):
        return "–"
    if share:
        return f"{100 * number.low:.1f}–{100 * number.high:.1f}"
    high = f"{number.high:.2f}" if math.isfinite(number.high) else "∞"
    return f"{number.low:.2f}–{high}"


def _believed(estimate: Measured) -> str:
    """The interval to believe, in words."""
    if estimate.by_slides is not None:
        return f"95 % interval over slides {span(estimate.by_slides)}"
    if estimate.by_patches is not None:
        return f"95 % interval {span(estimate.by_patches)}, patches as if independent"
    return "no interval"


def _of(value: float) -> tuple[str, str]:
    """A share as so many of 100, or of 1,000 or 10,000 where that would round to all or none."""
    base = next(
        (base for base in (100, 1_000) if value in {0.0, 1.0} or 0 < round(base * value) < base),
        10_000,
    )
    return f"{base:,}", f"{round(base * value):,}"


def sentences(snapshot: Snapshot, data_name: str) -> str:
    """Return what the threshold does, in sentences a pathologist would say."""
    cleared = "not flagged" if snapshot.deferral is None else "not flagged, grey zone included"
    lines = [
        _sentence(
            snapshot.metrics["sensitivity"],
            "patches with tumour",
            "are flagged",
            "sensitivity",
            "tumour",
        ),
        _sentence(
            snapshot.metrics["specificity"],
            "patches without tumour",
            f"are {cleared}",
            "specificity",
            "no-tumour",
        ),
    ]
    return (
        f'<div class="nl-say">{"".join(lines)}'
        f'<p class="nl-from">Measured on {escape(data_name)}: '
        f"{snapshot.confusion.n:,.0f} patches, "
        f"{snapshot.confusion.tp + snapshot.confusion.fn:,.0f} with tumour.</p></div>"
    )


def _sentence(estimate: Measured, which: str, verb: str, term: str, tone: str) -> str:
    if math.isnan(estimate.value):
        return f"<p>There are no {which}, so there is no {term}.</p>"
    base, count = _of(estimate.value)
    return (
        f'<p>Of {base} {which}, <b class="nl-{tone}-ink">{count}</b> {verb} '
        f"<small>({term} {percent(estimate.value)}, {_believed(estimate)})</small></p>"
    )


def in_use(snapshot: Snapshot) -> str:
    """Return what the threshold would mean at the stated prevalence, and what it would cost.

    A grey zone counts as not flagged here.
    """
    stated = snapshot.assumptions
    lines = [
        f"<p>A score of {snapshot.threshold:.4f} means {percent(snapshot.probability_in_use)} "
        "probability of tumour there <small>(as far as the scores are calibrated and only the "
        "prevalence differs)</small></p>"
    ]
    if not math.isnan(snapshot.ppv.value):
        base, count = _of(snapshot.ppv.value)
        lines.append(
            f"<p>Of {base} flagged patches, <b>{count}</b> hold tumour "
            f"<small>(PPV {percent(snapshot.ppv.value)}, {_believed(snapshot.ppv)})</small></p>"
        )
    if not math.isnan(snapshot.npv.value):
        base, count = _of(1 - snapshot.npv.value)
        lines.append(
            f"<p>Of {base} unflagged patches, <b>{count}</b> hold tumour all the same "
            f"<small>(NPV {percent(snapshot.npv.value)}, {_believed(snapshot.npv)})</small></p>"
        )
    cost = snapshot.cost
    cheapest = min(cost.model, cost.flag_all, cost.flag_none)
    verdict = (
        "less than flagging every patch or none"
        if cost.model <= cheapest
        else "more than flagging every patch"
        if cost.flag_all == cheapest
        else "more than flagging no patch"
    )
    grey = "" if snapshot.deferral is None else "; the grey zone counts as not flagged"
    lines.append(
        f"<p>Expected cost per 1,000 patches: <b>{1000 * cost.model:,.1f}</b>, {verdict} "
        f"<small>(every patch {1000 * cost.flag_all:,.1f}, none {1000 * cost.flag_none:,.1f}; a "
        f"miss counts {stated.miss_cost:g}, a false alarm {stated.false_alarm_cost:g}{grey})"
        "</small></p>"
    )
    return f'<div class="nl-say">{"".join(lines)}</div>'


def matrices(snapshot: Snapshot) -> str:
    """Return what was called against what is labelled: in this set, and of 1,000 patches in use."""
    found, zone = snapshot.confusion, snapshot.deferral
    ones, zeros = found.tp + found.fn, found.fp + found.tn
    grey = (0.0, 0.0) if zone is None else (zone.tumour, zone.deferred - zone.tumour)
    tumour = (found.tp, grey[0], found.fn - grey[0])
    none = (found.fp, grey[1], found.tn - grey[1])
    share = snapshot.assumptions.prevalence
    of_tumour, of_none = (
        1000 * share / ones if ones else math.nan,
        1000 * (1 - share) / zeros if zeros else math.nan,
    )
    return _matrix(
        "Patches of this set",
        [f"{count:,.0f}" for count in tumour],
        [f"{count:,.0f}" for count in none],
        grey=zone is not None,
    ) + _matrix(
        f"Of 1,000 patches, {percent(share)} with tumour",
        [f"{of_tumour * count:,.1f}" for count in tumour],
        [f"{of_none * count:,.1f}" for count in none],
        grey=zone is not None,
    )


def _matrix(title: str, tumour: Sequence[str], none: Sequence[str], *, grey: bool) -> str:
    zone = ("<th>to a person</th>", f"<td>{tumour[1]}</td>", f"<td>{none[1]}</td>")
    head, zone_tumour, zone_none = zone if grey else ("", "", "")
    return (
        f'<table class="nl-matrix"><caption>{title}</caption><thead><tr><td></td>'
        f"<th>flagged</th>{head}<th>{'cleared' if grey else 'not flagged'}</th></tr></thead>"
        f'<tbody><tr><th>tumour</th><td class="nl-hit">{tumour[0]}</td>{zone_tumour}'
        f'<td class="nl-miss">{tumour[2]}<small>missed</small></td></tr>'
        f'<tr><th>no tumour</th><td class="nl-alarm">{none[0]}<small>false alarms</small></td>'
        f'{zone_none}<td class="nl-clear">{none[2]}</td></tr></tbody></table>'
    )


def grey_zone(deferral: Deferral, threshold: float) -> str:
    """Return what a grey zone leaves to a person, and the errors outside it."""
    return (
        '<div class="nl-say nl-zone"><p>Grey zone from '
        f"{deferral.lower:.4f} up to {threshold:.4f}: <b>{deferral.deferred:,.0f}</b> patches are "
        f"left to a person, {deferral.tumour:,.0f} of them with tumour <small>"
        f"({percent(deferral.share.value)} of all, {_believed(deferral.share)})</small></p>"
        f"<p>Cleared below it: {deferral.cleared:,.0f}, of which "
        f"<b>{deferral.missed.hits:,.0f}</b> hold tumour <small>(missed "
        f"{percent(deferral.missed.value)} of all tumour patches, "
        f"{_believed(deferral.missed)})</small></p>"
        f"<p>Wrong outside the zone: {percent(deferral.errors_outside.value)} <small>("
        f"{_believed(deferral.errors_outside)})</small></p></div>"
    )


def metrics(snapshot: Snapshot) -> str:
    """Return every metric with both intervals and the design effect."""
    prevalence = percent(snapshot.assumptions.prevalence)
    rows = [_row(name, why, snapshot.metrics[metric]) for metric, name, why in _SHARES]
    rows[2:2] = [
        _row(f"PPV at {prevalence}", "flagged patches that hold tumour, there", snapshot.ppv),
        _row(f"NPV at {prevalence}", "unflagged patches without tumour, there", snapshot.npv),
    ]
    rows += [_row(name, why, snapshot.metrics[key], share=False) for key, name, why in _PLAIN]
    return (
        '<table class="nl-metrics"><thead><tr><th>At this threshold</th><th>estimate</th>'
        '<th title="Whole slides are what is random: believe this one">95 % over slides</th>'
        '<th title="As if patches were independent: too narrow">95 % by patches</th>'
        '<th title="How many times larger the variance is because patches share slides">'
        f"design effect</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _row(name: str, why: str, estimate: Measured, *, share: bool = True) -> str:
    value = percent(estimate.value) if share else _number(estimate.value)
    counted = (
        ""
        if math.isnan(estimate.trials)
        else f"<small>{estimate.hits:,.0f} of {estimate.trials:,.0f}</small>"
    )
    effect = "–" if math.isnan(estimate.design_effect) else f"{estimate.design_effect:.1f}"
    mark = f'<abbr title="{escape(" ".join(estimate.notes))}">†</abbr>' if estimate.notes else ""
    return (
        f'<tr><th title="{escape(why)}">{name}{mark}</th>'
        f"<td>{value}{counted}</td><td>{span(estimate.by_slides, share=share)}</td>"
        f"<td>{span(estimate.by_patches, share=share)}</td><td>{effect}</td></tr>"
    )


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.3f}"


def caveats(snapshot: Snapshot, study: ThresholdStudy) -> str:
    """Return what must not be trusted, one line each; empty if there is nothing."""
    fragile = (*snapshot.metrics["sensitivity"].notes, *snapshot.metrics["specificity"].notes)
    said = dict.fromkeys((*study.scores.notes, *snapshot.notes, *fragile))
    lines = "".join(f"<li>{escape(note)}</li>" for note in said)
    return f'<ul class="nl-caveats">{lines}</ul>' if lines else ""


def slides(rows: Sequence[SlideRow], *, at_most: int) -> str:
    """Return the slides with most errors first."""
    if not rows:
        return (
            '<div class="nl-empty">Slides are unknown here. A column <b>slide</b> in the table '
            "of scores would show which slides the errors come from.</div>"
        )
    lines = "".join(
        f"<tr><th>{escape(row.slide)}{'†' if row.small else ''}</th><td>{row.n:,.0f}</td>"
        f"<td>{row.positives:,.0f}</td><td>{row.missed:,.0f}</td><td>{row.false_alarms:,.0f}</td>"
        f"<td>{_bar(row.error_rate)}{percent(row.error_rate)}</td>"
        f"<td>{percent(row.sensitivity)}</td><td>{percent(row.specificity)}</td>"
        f"<td>{_number(row.auroc)}</td></tr>"
        for row in rows[:at_most]
    )
    return (
        '<table class="nl-metrics nl-slides"><thead><tr><th>Slide</th><th>patches</th>'
        "<th>with tumour</th><th>missed</th><th>false alarms</th><th>wrong</th>"
        "<th>sensitivity</th><th>specificity</th>"
        '<th title="within the slide; no threshold changes it">AUROC</th></tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )


def _bar(share: float) -> str:
    return f'<i style="--part:{0 if math.isnan(share) else share:.4f}"></i>'
