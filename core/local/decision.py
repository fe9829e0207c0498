"""What a person decided about the model here: recorded once, never changed, found again."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from core.bundle import Card
from core.errors import RunError, first_fault, why
from core.files import append_record, read_records, sha256_of, write_once
from core.local.findings import Findings, LocalPoint, Part
from core.scoring import ScoreRow, batch_scores
from core.thresholds import (
    Assumptions,
    FixedThreshold,
    OperatingPointStore,
    Rule,
    Snapshot,
    ThresholdStudy,
    comparable,
    decision_of,
    obstacle_to_lock,
)

_SAME: Final = 1e-12


def local_study(name: str, rows: Sequence[ScoreRow], card: Card) -> ThresholdStudy:
    """Return the study of a batch's labelled patches.

    Raises:
        EvidenceError: No label, or labels of one class only.
        RunError: Another model made the scores, or this one at another temperature.
        SourceError: The rows mix models or temperatures.
    """
    scores = replace(batch_scores(name, rows), name=f"local patches, {name}")
    study = ThresholdStudy.of(scores)
    if obstacle := obstacle_to_lock(study, card):
        raise RunError(obstacle)
    if not comparable(study, card, card.temperature):
        raise RunError(
            f"These scores were made at temperature {scores.temperature:g}; the card's thresholds "
            f"and claims are for {card.temperature:g}. Put the shipped operating point in use on "
            "the Threshold page and score the batch again."
        )
    return study


def point_at(
    study: ThresholdStudy, rule: Rule, card: Card, *, prevalence: float
) -> tuple[str, Snapshot]:
    """Return in words how a rule chooses on the local patches, and everything at its threshold.

    Args:
        study: Of the local patches.
        rule: A fixed threshold that equals the shipped one keeps that, with its grey zone.
        card: Of the model.
        prevalence: Share of tumour patches where the model will be used, between 0 and 1.

    Raises:
        EvidenceError: Nothing satisfies the rule, or the prevalence is no share.
    """
    assumptions = Assumptions(prevalence=prevalence)
    shipped = card.operating_point
    if isinstance(rule, FixedThreshold) and abs(rule.threshold - shipped.threshold) < _SAME:
        description = (
            f"The shipped threshold is kept. {shipped.rule} It was chosen on {shipped.chosen_on}"
        )
        return description, study.at(shipped.threshold, assumptions, shipped.lower_threshold)
    choice = study.choose(rule)
    return (
        f"{choice.rule}: {choice.description} Chosen on these local patches.",
        study.at(choice.threshold, assumptions, choice.lower),
    )


MOST_REASON_CHARS: Final = 500
_HASHES_FILE: Final = "decisions.jsonl"
_FILE: Final = re.compile(r"decision-([1-9][0-9]{0,5})\.json")


class LocalDecision(Part):
    """A decision with all that it rests on.

    Attributes:
        schema_version: Of this file.
        number: 1, 2, 3, … for each model.
        findings: What was found.
        use: Whether the model is to be used here.
        point: The operating point that was locked for it; None where it is not to be used.
        version: Of the lock, "" without one.
        prevalence: Assumed share of tumour patches in use; None where it is not to be used.
        in_use: Whether new scores use the lock from then on.
        reason: In the words of whoever decided.
        decided_by: Who.
        decided_at: When, with time zone.
    """

    schema_version: Literal[1] = 1
    number: int = Field(ge=1)
    findings: Findings
    use: bool
    point: LocalPoint | None = None
    version: str = ""
    prevalence: float | None = Field(default=None, gt=0, lt=1)
    in_use: bool = False
    reason: str = Field(default="", max_length=MOST_REASON_CHARS)
    decided_by: str = Field(min_length=1, max_length=200)
    decided_at: datetime


class DecisionStore:
    """The decisions about every model, below one folder of the app's data."""

    def __init__(self, folder: Path) -> None:
        """Keep them below `folder`, which is made at need."""
        self.folder = folder

    def _of(self, weights_sha256: str) -> Path:
        return self.folder / weights_sha256[:16]

    def decisions(self, weights_sha256: str) -> list[LocalDecision]:
        """Return the decisions about a model that are as they were recorded, oldest first."""
        return [one for one in self._read(weights_sha256) if isinstance(one, LocalDecision)]

    def faults(self, weights_sha256: str) -> list[str]:
        """Say which recorded decisions were damaged or changed."""
        return [one for one in self._read(weights_sha256) if isinstance(one, str)]

    def _read(self, weights_sha256: str) -> Iterator[LocalDecision | str]:
        folder = self._of(weights_sha256)
        known: dict[str, set[str]] = {}
        for entry in read_records(folder / _HASHES_FILE):
            known.setdefault(entry.get("file", ""), set()).add(entry.get("sha256", ""))
        for number in self._numbers(folder):
            file = folder / f"decision-{number}.json"
            try:
                if file.name in known and sha256_of(file) not in known[file.name]:
                    yield f"{file.name} was changed after it was recorded and is not shown."
                    continue
                yield LocalDecision.model_validate_json(file.read_bytes())
            except ValidationError as error:
                yield f"{file.name} is not a recorded decision ({first_fault(error)})."
            except OSError as error:
                yield f"{file.name} cannot be read ({why(error)})."

    @staticmethod
    def _numbers(folder: Path) -> list[int]:
        names = [_FILE.fullmatch(file.name) for file in folder.iterdir()] if folder.is_dir() else []
        return sorted(int(name[1]) for name in names if name)

    def record(self, decision: LocalDecision) -> LocalDecision:
        """Write a decision under the next free number and return it so.

        Raises:
            RunError: The data folder cannot be written.
        """
        folder = self._of(decision.findings.weights_sha256)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while True:
                numbers = self._numbers(folder)
                kept = decision.model_copy(update={"number": numbers[-1] + 1 if numbers else 1})
                file = folder / f"decision-{kept.number}.json"
                if write_once(file, kept.model_dump_json(indent=2) + "\n"):
                    entry = {"file": file.name, "sha256": sha256_of(file)}
                    append_record(folder / _HASHES_FILE, entry)
                    return kept
        except OSError as error:
            raise RunError(
                f"The decision could not be recorded ({why(error)}). Tell the "
                "operator: the disk may be full or the data folder read-only."
            ) from None


def use_here(
    study: ThresholdStudy,
    findings: Findings,
    card: Card,
    rule: Rule,
    *,
    prevalence: float,
    by: str,
    reason: str = "",
    in_use: bool,
    points: OperatingPointStore,
    decisions: DecisionStore,
) -> LocalDecision:
    """Lock an operating point on the local patches, and record that the model is used here.

    Args:
        study: Of the local patches.
        findings: On them.
        card: Of the model.
        rule: Chooses the threshold.
        prevalence: Assumed share of tumour patches in use, between 0 and 1.
        by: Who decides; the caller has checked that they may.
        reason: In their words.
        in_use: Whether new scores use the lock from now on; else what was in use stays.
        points: Takes the lock.
        decisions: Takes the record.

    Raises:
        NodelensError: Nothing satisfies the rule, or nothing can be written.
    """
    description, snapshot = point_at(study, rule, card, prevalence=prevalence)
    locked_before = points.in_force(card.weights_sha256)
    before = "shipped" if locked_before is None else locked_before.version
    # None of these rules reads a cost, so the lock states none.
    stated = {"cost_missed": None, "cost_false_alarm": None}
    decision = decision_of(study, snapshot, card, rule=description).model_copy(update=stated)
    locked = points.lock(decision, by=by)
    points.put_in_force(card.weights_sha256, locked.version if in_use else before, by=by)
    return decisions.record(
        LocalDecision(
            number=1,
            findings=findings,
            use=True,
            point=LocalPoint.of(snapshot, description),
            version=locked.version,
            prevalence=prevalence,
            in_use=in_use,
            reason=reason.strip(),
            decided_by=by,
            decided_at=locked.locked_at,
        )
    )


def do_not_use(
    findings: Findings, *, by: str, reason: str = "", decisions: DecisionStore
) -> LocalDecision:
    """Record that the model is not to be used here; the operating point in use stays.

    Raises:
        RunError: Nothing can be written.
    """
    now = datetime.now(UTC)
    decision = LocalDecision(
        number=1,
        findings=findings,
        use=False,
        reason=reason.strip(),
        decided_by=by,
        decided_at=now,
    )
    return decisions.record(decision)
