"""An evaluation as one HTML page that needs no network: curves, tables, notes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.statistics import (
    OperatingTable,
    precision_recall_curve,
    reliability,
    roc_curve,
)
from training.judging.contest import Contest
from training.judging.performance import Measure, Performance
from training.judging.subject import Subject

_NAMES: Final = {
    "auroc": "AUROC",
    "auroc_by_patches": "AUROC, patches as if independent",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "ece": "Expected calibration error (10 bins)",
    "log_loss": "Log loss (nats)",
    "calibration_slope": "Calibration slope (1 is ideal)",
    "calibration_in_the_large": "Calibration in the large (0 is ideal)",
    "ppv": "PPV, at this set's share of tumour",
    "npv": "NPV, at this set's share of tumour",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "balanced_accuracy": "Balanced accuracy",
    "lr_plus": "Positive likelihood ratio",
    "lr_minus": "Negative likelihood ratio",
    "flagged_share": "Share flagged",
}
_COLOURS: Final = ("#1f5fa8", "#c25a00")
_GREY: Final = {"color": "#9a9a9a", "dash": "dot"}
_CURVE_POINTS: Final = 2000
_STYLE: Final = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff;
       max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; } .curves { min-width: 900px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd;
         vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.small { color: #555; font-size: .9rem; }
"""


def evaluation_page(
    subject: Subject,
    performance: Performance,
    against: Subject | None = None,
    contest: Contest | None = None,
) -> str:
    """Return the page; the drawing library is inside."""
    share = performance.positives / performance.patches
    slides = f"{performance.slides:,} slides" if performance.slides else "slides unknown"
    subjects = [subject] if against is None else [subject, against]
    parts = [
        f"<h1>{escape(subject.name)}</h1>",
        f"<p class=small>{performance.patches:,} patches, {slides}, {share:.1%} with tumour (not "
        f"a clinical prevalence); {escape(subject.scores.name)}. Intervals are 95 %. Research "
        "software, not a medical device.</p>",
        "<div class=wide><div class=curves>",
        curves_figure(subjects).to_html(full_html=False, include_plotlyjs=True),
        "</div></div>",
        "<h2>Ranking and calibration</h2>",
        _measures(performance.metrics),
    ]
    for point in performance.points:
        counts = ", ".join(f"{name.upper()} {count:,.0f}" for name, count in point.counts.items())
        parts += [
            f"<h2>Operating point “{escape(point.name)}”: {point.threshold:.4f}</h2>",
            f"<p class=small>{escape(point.origin)}. {counts}.</p>",
            _measures(point.metrics),
        ]
    if contest is not None and against is not None:
        parts += _comparison(subject, against, contest)
    parts.append(_notes("Notes", dict.fromkeys((*subject.scores.notes, *performance.notes))))
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>Evaluation of {escape(subject.name)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def curves_figure(subjects: Sequence[Subject]) -> go.Figure:
    """Return ROC, precision-recall and reliability of one or more subjects, side by side."""
    figure = make_subplots(
        rows=1,
        cols=3,
        subplot_titles=("ROC", "Precision and recall", "Reliability"),
        horizontal_spacing=0.08,
    )
    for subject, colour in zip(subjects, _COLOURS, strict=False):
        evidence = subject.scores.evidence
        table = OperatingTable.of(evidence)
        roc = roc_curve(table).thinned(_CURVE_POINTS)
        precision = precision_recall_curve(table).thinned(_CURVE_POINTS)
        bins = reliability(evidence).bins
        line = {"color": colour, "width": 2}
        common = {"name": subject.name, "legendgroup": subject.name}
        figure.add_trace(go.Scatter(x=roc.x, y=roc.y, mode="lines", line=line, **common), 1, 1)
        figure.add_trace(
            go.Scatter(
                x=precision.x, y=precision.y, mode="lines", line=line, showlegend=False, **common
            ),
            1,
            2,
        )
        spans = [one.over_slides.interval if one.over_slides else None for one in bins]
        shown = [span or one.interval for span, one in zip(spans, bins, strict=True)]
        figure.add_trace(
            go.Scatter(
                x=[one.mean_score for one in bins],
                y=[one.tumour_share for one in bins],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [s.high - o.tumour_share for s, o in zip(shown, bins, strict=True)],
                    "arrayminus": [
                        o.tumour_share - s.low for s, o in zip(shown, bins, strict=True)
                    ],
                    "thickness": 1,
                },
                mode="lines+markers",
                line=line,
                showlegend=False,
                **common,
            ),
            1,
            3,
        )
    for column in (1, 3):
        figure.add_trace(
            go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=_GREY, showlegend=False), 1, column
        )
    for column, (x, y) in enumerate(
        (
            ("1 − specificity", "sensitivity"),
            ("recall (sensitivity)", "precision"),
            ("mean score of the bin", "share with tumour"),
        ),
        start=1,
    ):
        figure.update_xaxes(title_text=x, range=[-0.01, 1.01], row=1, col=column)
        figure.update_yaxes(title_text=y, range=[-0.01, 1.01], row=1, col=column)
    return figure.update_layout(
        height=420,
        template="plotly_white",
        margin={"l": 50, "r": 10, "t": 40, "b": 50},
        legend={"orientation": "h", "y": -0.25},
        showlegend=len(subjects) > 1,
    )


def shown(measure: Measure, digits: int = 3) -> str:
    """Return "0.978 (0.907 to 0.995)", without bounds where there are none."""
    if not math.isfinite(measure.value):
        return "not defined" if math.isnan(measure.value) else "infinite"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.{digits}f}"
    return f"{measure.value:.{digits}f} ({measure.low:.{digits}f} to {measure.high:.{digits}f})"


def _measures(measures: Mapping[str, Measure]) -> str:
    rows = [(_named(name), shown(one), one.method) for name, one in measures.items()]
    return _table(("Metric", "Value", "Interval by"), rows)


def _comparison(subject: Subject, against: Subject, contest: Contest) -> list[str]:
    rows = [
        (
            _named(name),
            f"{one.first:.4f}",
            f"{one.second:.4f}",
            shown(one.difference, 4),
            "" if one.p_value is None else f"{one.p_value:.3f}",
        )
        for name, one in contest.metrics.items()
    ]
    ahead = (
        ""
        if contest.share_first_better is None
        else f" {escape(subject.name)} has the higher AUROC in {contest.share_first_better:.1%} of "
        "the slide resamples."
    )
    return [
        f"<h2>Against {escape(against.name)}</h2>",
        f"<p class=small>{contest.patches:,} patches that both scored, {contest.slides:,} slides; "
        "the same slides are resampled for both. Sensitivity and specificity are each at the "
        f"model's own threshold.{ahead}</p>",
        _table(("Metric", subject.name, against.name, "Difference", "p"), rows),
        _notes("Notes on the comparison", contest.notes),
    ]


def _named(name: str) -> str:
    return _NAMES.get(name, name.replace("_", " ").capitalize())


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>"
        + f"<td>{escape(first)}</td>"
        + "".join(f"<td class=number>{escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


def _notes(title: str, notes: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<h2>{escape(title)}</h2><ul class=small>{items}</ul>" if items else ""
