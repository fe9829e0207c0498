"""`evaluate`: one JSON and one HTML page on what a model, or a table of scores, is worth."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from pydantic_core import to_jsonable_python

from core import pages, statistics
from core.bundle import metric_name, same_model
from core.errors import EvidenceError, RunError
from core.files import replacing, write_json
from core.thresholds import choose, read_locked_point
from core.wording import percent
from training.bundling.calibration import RULE
from training.bundling.performance import Performance, measure_performance, rates_at
from training.judging.contest import Contest, contest
from training.judging.subject import Subject, open_subject
from training.options import EvaluateOptions

JSON_FILE: Final = "evaluation.json"
PAGE_FILE: Final = "evaluation.html"


@dataclass(frozen=True)
class JudgedThreshold:
    """A threshold and every metric at it.

    Attributes:
        threshold: Called tumour when the probability is at least this.
        origin: Who chose it, on what.
        counts: tp, fp, fn, tn.
        metrics: By name as in `core.statistics.METRIC_NAMES`.
    """

    name: str
    threshold: float
    origin: str
    counts: Mapping[str, float]
    metrics: Mapping[str, statistics.Measured]

    @classmethod
    def of(
        cls,
        table: statistics.OperatingTable,
        slides: statistics.SlideBootstrap | None,
        name: str,
        threshold: float,
        origin: str,
    ) -> Self:
        """Judge a threshold."""
        confusion = table.confusion(threshold)
        counts = {name: getattr(confusion, name) for name in ("tp", "fp", "fn", "tn")}
        metrics = {str(name): one for name, one in rates_at(table, slides, threshold).items()}
        return cls(name, threshold, origin, counts, metrics)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found of a subject, alone or against another."""

    subject: Subject
    performance: Performance
    thresholds: Sequence[JudgedThreshold]
    against: Subject | None = None
    contest: Contest | None = None

    @property
    def notes(self) -> list[str]:
        """What must not be trusted of the subject's numbers."""
        return [*dict.fromkeys((*self.subject.scores.notes, *self.performance.notes))]


def run_evaluate(options: EvaluateOptions) -> Evaluation:
    """Write the evaluation's JSON and page, and return it.

    Raises:
        NodelensError: There is nothing to judge, or it cannot be judged.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    subject = open_subject(options.what, options.scoring, options.out)
    evidence = subject.scores.evidence
    performance = measure_performance(evidence)
    table = statistics.OperatingTable.of(evidence)
    slides = statistics.SlideBootstrap.seeded(evidence)
    thresholds = [
        JudgedThreshold.of(table, slides, *named) for named in _thresholds(subject, options)
    ]
    other = comparison = None
    if options.against is not None:
        other = open_subject(options.against, options.scoring, options.out / "against")
        comparison = contest(subject, other)
    evaluation = Evaluation(subject, performance, thresholds, other, comparison)
    write_json(options.out / JSON_FILE, evaluation_values(evaluation))
    with replacing(options.out / PAGE_FILE) as file:
        file.write_text(evaluation_page(evaluation), "utf-8")
    return evaluation


def _thresholds(subject: Subject, options: EvaluateOptions) -> list[tuple[str, float, str]]:
    """Return the thresholds to judge, each with its name before and its origin behind it."""
    thresholds = []
    if subject.shipped is not None:
        point = subject.shipped
        thresholds.append(
            (
                point.version,  # "shipped" or "as exported": neither was locked
                point.threshold,
                f"{point.rule.rstrip('.')}; chosen on {point.chosen_on}",
            )
        )
    for path in options.operating_point:
        locked = read_locked_point(path)
        scored_by = subject.scores.model_id
        if scored_by and not same_model(locked.model_id, scored_by):
            raise RunError(
                f"{path.name} was locked for {locked.model_id}; these scores are from {scored_by}. "
                "Name a threshold that was locked for this model."
            )
        thresholds.append((locked.version, locked.operating_point.threshold, "locked"))
    thresholds += [(f"at {value:g}", value, "as asked") for value in options.threshold]
    if not thresholds:
        evidence = subject.scores.evidence
        try:
            chosen = choose(RULE, evidence, statistics.OperatingTable.of(evidence))
        except EvidenceError as error:
            sys.stderr.write(f"No threshold could be chosen: {error}\n")
        else:
            thresholds.append(
                (
                    "chosen here",
                    chosen.threshold,
                    f"{chosen.description.rstrip('.')}; chosen on these patches, so its rates are "
                    "too good",
                )
            )
        thresholds.append(("at 0.5", 0.5, "by convention, not chosen on data"))
    return thresholds


def evaluation_values(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain values for JSON; what is not finite becomes null."""
    performance, subject = evaluation.performance, evaluation.subject
    values: dict[str, Any] = {
        "schema_version": 1,
        "research_use_only": True,
        "what": subject.name,
        "data": subject.scores.name,
        "scores_sha256": subject.scores.sha256,
        "patches": performance.patches,
        "positives": performance.positives,
        "slides": performance.slides,
        "metrics": _measures(performance.metrics),
        "operating_points": [
            {
                "name": point.name,
                "threshold": point.threshold,
                "origin": point.origin,
                "counts": dict(point.counts),
                "metrics": _measures(point.metrics),
            }
            for point in evaluation.thresholds
        ],
        "notes": evaluation.notes,
    }
    if evaluation.contest is not None and evaluation.against is not None:
        comparison = evaluation.contest
        values["comparison"] = {
            "against": evaluation.against.name,
            "against_scores_sha256": evaluation.against.scores.sha256,
            "patches": comparison.patches,
            "slides": comparison.slides,
            "differences": {
                name: {
                    "first": one.value_a,
                    "second": one.value_b,
                    "difference": one.difference.published(),
                    "p_value": one.p_value,
                }
                for name, one in comparison.metrics.items()
            },
            "share_first_better": comparison.share_first_better,
            "notes": list(comparison.notes),
        }
    plain: dict[str, Any] = to_jsonable_python(values, inf_nan_mode="null")
    return plain


def _measures(measures: Mapping[str, statistics.Measured]) -> dict[str, Any]:
    return {name: one.published() for name, one in measures.items()}


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
    "flagged_share": "Share called tumour",
}
_TEMPLATE: Final = Path(__file__).with_name("evaluation.html.j2")
_COLOURS: Final = (pages.NO_TUMOUR, pages.TUMOUR)
_GREY: Final = {"color": "#9a9a9a", "dash": "dot"}
_CURVE_POINTS: Final = 2000


def evaluation_page(evaluation: Evaluation) -> str:
    """Return the page; the drawing library is inside."""
    subject, performance = evaluation.subject, evaluation.performance
    slides = f"{performance.slides:,} slides" if performance.slides else "slides unknown"
    share = performance.positives / performance.patches
    return pages.page(
        _TEMPLATE,
        title=f"Evaluation of {subject.name}",
        set=f"{performance.patches:,} patches, {slides}, {percent(share)} with tumour (not a "
        f"clinical prevalence); {subject.scores.name}.",
        curves=curves_figure([one for one in (subject, evaluation.against) if one is not None]),
        **vars(evaluation),
        notes=evaluation.notes,
        named=_named,
        shown=shown,
        percent=percent,
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
        table = statistics.OperatingTable.of(evidence)
        roc = statistics.roc_curve(table).thinned(_CURVE_POINTS)
        precision = statistics.precision_recall_curve(table).thinned(_CURVE_POINTS)
        bins = statistics.reliability(evidence).bins
        shares = [one.tumour_share for one in bins]
        rates, low, high = ([getattr(s, n) for s in shares] for n in ("value", "low", "high"))
        bars = pages.error_bars(rates, low, high, thickness=1)
        traces: list[dict[str, Any]] = [
            {"x": roc.x, "y": roc.y, "mode": "lines"},
            {"x": precision.x, "y": precision.y, "mode": "lines"},
            {"x": [one.mean_score for one in bins], "y": rates, "error_y": bars},
        ]
        for column, trace in enumerate(traces, start=1):
            figure.add_scatter(
                row=1,
                col=column,
                name=subject.name,
                legendgroup=subject.name,
                showlegend=column == 1,
                line={"color": colour, "width": 2},
                **{"mode": "lines+markers", **trace},
            )
    for column, (x, y) in enumerate(
        (
            ("1 − specificity", "sensitivity"),
            ("recall (sensitivity)", "precision"),
            ("mean score of the bin", "share with tumour"),
        ),
        start=1,
    ):
        if column != 2:
            diagonal = {"x": [0, 1], "y": [0, 1], "mode": "lines", "showlegend": False}
            figure.add_scatter(row=1, col=column, line=_GREY, **diagonal)
        figure.update_xaxes(title_text=x, range=[-0.01, 1.01], row=1, col=column)
        figure.update_yaxes(title_text=y, range=[-0.01, 1.01], row=1, col=column)
    return pages.dressed(figure, 420).update_layout(showlegend=len(subjects) > 1)


def shown(measure: statistics.Measured, digits: int = 3) -> str:
    """Return "0.978 (0.907 to 0.995)", without bounds where there are none."""
    if not math.isfinite(measure.value):
        return "not defined" if math.isnan(measure.value) else "infinite"
    if not measure.has_interval:
        return f"{measure.value:.{digits}f}"
    return f"{measure.value:.{digits}f} ({measure.low:.{digits}f} to {measure.high:.{digits}f})"


def _named(name: str) -> str:
    return _NAMES.get(name) or metric_name(name)
