"""An evaluation as one HTML page that needs no network: curves, tables, notes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core import pages
from core.bundle import metric_name
from core.statistics import (
    Measured,
    OperatingTable,
    precision_recall_curve,
    reliability,
    roc_curve,
)
from training.bundling.performance import Performance
from training.judging.contest import Contest
from training.judging.subject import Subject

_NAMES: Final = {
    "ece": "Expected calibration error (10 bins)",
    "log_loss": "Log loss (nats)",
    "calibration_slope": "Calibration slope (1 is ideal)",
    "calibration_in_the_large": "Calibration in the large (0 is ideal)",
    "ppv": "PPV, at this set's share of tumour",
    "npv": "NPV, at this set's share of tumour",
    "mcc": "Matthews correlation",
    "lr_plus": "Positive likelihood ratio",
    "lr_minus": "Negative likelihood ratio",
    "flagged_share": "Share flagged",
}
_TEMPLATE: Final = Path(__file__).with_name("evaluation.html.j2")
_COLOURS: Final = (pages.NO_TUMOUR, pages.TUMOUR)
_GREY: Final = {"color": "#9a9a9a", "dash": "dot"}
_CURVE_POINTS: Final = 2000


def evaluation_page(
    subject: Subject,
    performance: Performance,
    against: Subject | None = None,
    contest: Contest | None = None,
) -> str:
    """Return the page; the drawing library is inside."""
    slides = f"{performance.slides:,} slides" if performance.slides else "slides unknown"
    share = performance.positives / performance.patches
    return pages.page(
        _TEMPLATE,
        title=f"Evaluation of {subject.name}",
        set=f"{performance.patches:,} patches, {slides}, {share:.1%} with tumour (not a clinical "
        f"prevalence); {subject.scores.name}.",
        curves=curves_figure([subject] if against is None else [subject, against]),
        performance=performance,
        notes=list(dict.fromkeys((*subject.scores.notes, *performance.notes))),
        subject=subject,
        against=against,
        contest=contest if against is not None else None,
        named=_named,
        shown=shown,
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
        shares = [one.tumour_share for one in bins]
        figure.add_trace(
            go.Scatter(
                x=[one.mean_score for one in bins],
                y=[share.value for share in shares],
                error_y=pages.error_bars(
                    [share.value for share in shares],
                    [share.low for share in shares],
                    [share.high for share in shares],
                    thickness=1,
                ),
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
    return pages.dressed(figure, 420).update_layout(showlegend=len(subjects) > 1)


def shown(measure: Measured, digits: int = 3) -> str:
    """Return "0.978 (0.907 to 0.995)", without bounds where there are none."""
    if not math.isfinite(measure.value):
        return "not defined" if math.isnan(measure.value) else "infinite"
    if not measure.has_interval:
        return f"{measure.value:.{digits}f}"
    return f"{measure.value:.{digits}f} ({measure.low:.{digits}f} to {measure.high:.{digits}f})"


def _named(name: str) -> str:
    return _NAMES.get(name) or metric_name(name)
