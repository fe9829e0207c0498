"""`evaluate`: one JSON and one page on what a model, or a table of scores, is worth."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.bundle import same_model
from core.errors import EvidenceError, RunError
from core.files import replacing
from core.statistics import Measured, OperatingTable
from core.thresholds import choose, read_locked_point
from training.bundling.calibration import RULE
from training.bundling.performance import Performance, Threshold, measure_performance
from training.judging.contest import Contest, contest
from training.judging.page import evaluation_page
from training.judging.subject import Subject, open_subject
from training.options import EvaluateOptions
from training.runs.folder import write_json

JSON_FILE: Final = "evaluation.json"
PAGE_FILE: Final = "evaluation.html"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        subject: What was judged.
        performance: Its metrics.
        against: The other one, if any.
        contest: The comparison with it.
    """

    subject: Subject
    performance: Performance
    against: Subject | None = None
    contest: Contest | None = None


def run_evaluate(options: EvaluateOptions) -> Evaluation:
    """Write the evaluation's JSON and page, and return it.

    Raises:
        NodelensError: There is nothing to judge, or it cannot be judged.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    subject = open_subject(options.what, options.scoring, options.out)
    performance = measure_performance(subject.scores.evidence, _thresholds(subject, options))
    other = comparison = None
    if options.against is not None:
        other = open_subject(options.against, options.scoring, options.out / "against")
        comparison = contest(subject, other)
    evaluation = Evaluation(subject, performance, other, comparison)
    write_json(options.out / JSON_FILE, evaluation_values(evaluation))
    with replacing(options.out / PAGE_FILE) as file:
        file.write_text(evaluation_page(subject, performance, other, comparison), "utf-8")
    return evaluation


def _thresholds(subject: Subject, options: EvaluateOptions) -> list[Threshold]:
    thresholds = []
    if subject.shipped is not None:
        point = subject.shipped
        thresholds.append(
            Threshold(
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
                f"{path.name} was locked for {locked.model_id}; these scores are of "
                f"{scored_by}. Name a threshold that was locked for this model."
            )
        thresholds.append(Threshold(locked.version, locked.operating_point.threshold, "locked"))
    thresholds += [Threshold(f"at {value:g}", value, "as asked") for value in options.threshold]
    if not thresholds:
        evidence = subject.scores.evidence
        try:
            chosen = choose(RULE, evidence, OperatingTable.of(evidence))
        except EvidenceError as error:
            sys.stderr.write(f"No threshold could be chosen: {error}\n")
        else:
            thresholds.append(
                Threshold(
                    "chosen here",
                    chosen.threshold,
                    f"{chosen.description.rstrip('.')}; chosen on these very patches, so its "
                    "rates are too good",
                )
            )
        thresholds.append(Threshold("at 0.5", 0.5, "by convention, chosen by nobody"))
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
            for point in performance.points
        ],
        "notes": [*dict.fromkeys((*subject.scores.notes, *performance.notes))],
    }
    if evaluation.contest is not None and evaluation.against is not None:
        comparison = evaluation.contest
        values["comparison"] = {
            "against": evaluation.against.name,
            "against_scores_sha256": evaluation.against.scores.sha256,
            "patches": comparison.patches,
            "slides": comparison.slides,
            "differences": {
                name: vars(one) | {"difference": one.difference.published()}
                for name, one in comparison.metrics.items()
            },
            "share_first_better": comparison.share_first_better,
            "notes": list(comparison.notes),
        }
    plain: dict[str, Any] = _finite(values)
    return plain


def _measures(measures: Mapping[str, Measured]) -> dict[str, Any]:
    return {name: one.published() for name, one in measures.items()}


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
