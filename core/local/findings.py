"""What was found on a laboratory's own patches: one value for the page, the record and the PDF."""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from core.bundle import Card
from core.bundle.card import Sha256, Share
from core.scoring import ScoreRow, unlike_training
from core.scoring.against_labels import AREA_BY_PATCHES
from core.statistics import Measured, SlideCounts, further_patches, further_slides
from core.statistics.evidence import FEW_SLIDES, SMALL_CLASS_N
from core.statistics.measured import Unit
from core.statistics.metrics import ratio_parts
from core.thresholds import Assumptions, ScoreSet, Snapshot, ThresholdStudy
from core.thresholds.scores import seen_before
from core.wording import agreeing

WANTED_WIDTH: Final = 0.10
"""Of a 95 % interval, from which a rate counts as known: 10 percentage points from end to end."""
Rate = Literal["sensitivity", "specificity"]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A frozen part of a record; a number without an interval keeps its NaN as text."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Standing(StrEnum):
    """How a rate found here stands to the one that the card claims."""

    AS_CLAIMED = "as claimed"
    LOWER = "lower than claimed"
    HIGHER = "higher than claimed"
    TOO_WIDE = "not contradicted, but the interval is wide"
    NOT_CLAIMED = "no claim to compare with"
    UNKNOWN = "unknown: no interval"


class Claim(Part):
    """A number of the card beside the same number here.

    Attributes:
        name: "auroc", "sensitivity" or "specificity".
        claimed: By the card; None where it says nothing.
        here: On the local patches.
    """

    name: str
    claimed: Measured | None
    here: Measured

    @property
    def reading(self) -> Standing:
        """What the interval found here says of the claim."""
        if self.claimed is None:
            return Standing.NOT_CLAIMED
        if not self.here.has_interval:
            return Standing.UNKNOWN
        if self.here.high < self.claimed.value:
            return Standing.LOWER
        if self.here.low > self.claimed.value:
            return Standing.HIGHER
        return Standing.TOO_WIDE if self.here.width > WANTED_WIDTH else Standing.AS_CLAIMED


class Needed(Part):
    """Whether a rate is known well enough, and how much more would make it so.

    Attributes:
        name: Of the rate.
        rate: At the shipped threshold.
        by: Whether slides or patches count.
        have: How many there are that inform about the rate.
        more: Further ones like these until the interval is `WANTED_WIDTH` wide; 0 if it is; None
            where that cannot be planned.
    """

    name: Rate
    rate: Measured
    by: Unit
    have: Count
    more: Count | None


class LocalCalibration(Part):
    """How well the scores are probabilities on the local patches, at their mix.

    Attributes:
        mean_score: Mean of the scores, 0..1.
        tumour_share: Of the patches, 0..1.
        reference_share: Tumour share of the validation patches that the card tells of.
        ece: Expected calibration error, 0..1.
        brier: Mean squared error, 0..1.
        slope: Of logistic recalibration; None where no line fits.
        intercept: Of the same line.
        intercept_at_slope_1: Calibration in the large.
        obstacle: Why there is no line; "" where there is one.
        bins: Mean score, tumour share and patches of each bin that is not empty.
    """

    mean_score: Share
    tumour_share: Share
    reference_share: Share | None
    ece: Share
    brier: Share
    slope: Measured | None = None
    intercept: float | None = None
    intercept_at_slope_1: float | None = None
    obstacle: str = ""
    bins: tuple[tuple[Share, Share, Count], ...]


class LocalPoint(Part):
    """An operating point on the local patches.

    Attributes:
        threshold: Called tumour from here.
        lower_threshold: Start of a grey zone, or None.
        rule: How it was chosen.
        sensitivity: On the local patches.
        specificity: Likewise.
    """

    threshold: Share
    lower_threshold: Share | None
    rule: str
    sensitivity: Measured
    specificity: Measured

    @classmethod
    def of(cls, snapshot: Snapshot, rule: str) -> "LocalPoint":
        """Return it as a reader decides for it."""
        return cls(
            threshold=snapshot.confusion.threshold,
            lower_threshold=None if snapshot.deferral is None else snapshot.deferral.lower,
            rule=rule,
            sensitivity=snapshot.metrics["sensitivity"],
            specificity=snapshot.metrics["specificity"],
        )


class Findings(Part):
    """What was found on the labelled patches of one batch.

    Attributes:
        batch: Its name.
        batch_id: Its id in the data folder.
        model_id: The model.
        weights_sha256: Of it.
        evidence_sha256: Hash of labels, scores and slides.
        inputs: Inputs of the batch.
        unlabelled: Scored patches without a label.
        unscored: Inputs without a score.
        patches: Scored patches with a label; all numbers are of these.
        positives: With tumour.
        slides: How many; None where they are not known.
        shipped: The shipped operating point here.
        claims: AUROC, sensitivity and specificity beside what the card claims.
        needed: For sensitivity and for specificity.
        calibration: Of the scores.
        unlike: Patches unlike the training data; None where the model cannot tell.
        expected_unlike: Share of them among patches cut like the training data.
        unlike_is_rare: Whether chance would give so many less often than once in a hundred.
        cautions: What must not be read into the numbers, in sentences.
    """

    batch: str
    batch_id: str
    model_id: str
    weights_sha256: Sha256
    evidence_sha256: Sha256
    inputs: Count
    unlabelled: Count
    unscored: Count
    patches: Count
    positives: Count
    slides: Count | None
    shipped: LocalPoint
    claims: tuple[Claim, ...]
    needed: tuple[Needed, ...]
    calibration: LocalCalibration
    unlike: Count | None
    expected_unlike: Share | None
    unlike_is_rare: bool
    cautions: tuple[str, ...]

    @property
    def suffices(self) -> bool:
        """Whether sensitivity and specificity are known to within `WANTED_WIDTH`."""
        return all(one.more == 0 for one in self.needed)


def findings_of(
    study: ThresholdStudy,
    rows: Sequence[ScoreRow],
    card: Card,
    validation: ScoreSet,
    *,
    batch: str,
    batch_id: str = "",
) -> Findings:
    """Return what the labelled patches of a batch say of the model that ships `validation`."""
    evidence, point = study.scores.evidence, card.operating_point
    snapshot = study.at(point.threshold, Assumptions(), point.lower_threshold)
    kept = [row for row in rows if row.label is not None and row.prob_tumour is not None]
    scored = sum(row.prob_tumour is not None for row in rows)
    unlike = None if card.domain is None else unlike_training(kept, card.domain.share)
    claimed = card.validation.metrics
    return Findings(
        batch=batch,
        batch_id=batch_id,
        model_id=card.model_id,
        weights_sha256=card.weights_sha256,
        evidence_sha256=evidence.digest,
        inputs=len(rows),
        unlabelled=scored - len(kept),
        unscored=len(rows) - scored,
        patches=len(evidence),
        positives=evidence.n_positive,
        slides=len(study.scores.slides) or None,
        shipped=LocalPoint.of(snapshot, point.rule),
        claims=(
            Claim(name="auroc", claimed=claimed.get("auroc"), here=study.auroc),
            Claim(
                name="sensitivity",
                claimed=claimed.get("sensitivity", point.sensitivity),
                here=snapshot.metrics["sensitivity"],
            ),
            Claim(
                name="specificity",
                claimed=claimed.get("specificity", point.specificity),
                here=snapshot.metrics["specificity"],
            ),
        ),
        needed=tuple(_needed(study, snapshot)),
        calibration=_calibration(study, card),
        unlike=None if unlike is None or not unlike.compared else unlike.unlike,
        expected_unlike=None if unlike is None else unlike.expected,
        unlike_is_rare=unlike is not None and unlike.more_than_chance,
        cautions=tuple(_cautions(study, kept, card, validation)),
    )


def _needed(study: ThresholdStudy, snapshot: Snapshot) -> Iterator[Needed]:
    """Yield what sensitivity and specificity need, over slides where these are known."""
    evidence = study.scores.evidence
    slides = evidence.slides is not None and SlideCounts.of(evidence, snapshot.threshold)
    for name in get_args(Rate):
        rate = snapshot.metrics[name]
        if slides:
            hits, trials = ratio_parts(name, slides.tp, slides.fp, slides.fn, slides.tn)
            more = further_slides(hits, trials, WANTED_WIDTH)
            have = int(np.count_nonzero(trials))
            yield Needed(name=name, rate=rate, by="slides", have=have, more=more)
        else:
            more = further_patches(rate.hits, rate.trials, WANTED_WIDTH)
            yield Needed(name=name, rate=rate, by="patches", have=int(rate.trials), more=more)


def _calibration(study: ThresholdStudy, card: Card) -> LocalCalibration:
    line, calibration, data = study.calibration_line, study.calibration, card.validation.data
    fitted = None if isinstance(line, str) else line
    return LocalCalibration(
        mean_score=float(np.mean(study.scores.evidence.scores, dtype=np.float64)),
        tumour_share=study.prevalence,
        reference_share=data.positives / data.patches if data.patches else None,
        ece=calibration.ece,
        brier=calibration.brier,
        slope=fitted and fitted.slope,
        intercept=fitted and fitted.intercept,
        intercept_at_slope_1=fitted and fitted.intercept_at_slope_1,
        obstacle=line if isinstance(line, str) else "",
        bins=tuple((one.mean_score, one.tumour_share.value, one.n) for one in calibration.bins),
    )


def _cautions(
    study: ThresholdStudy, kept: Sequence[ScoreRow], card: Card, validation: ScoreSet
) -> Iterator[str]:
    """Yield what limits the numbers: few patches, those that the model knows, copies, notes."""
    evidence, slides = study.scores.evidence, study.scores.slides
    for count, kind in ((evidence.n_positive, "with"), (evidence.n_negative, "without")):
        if count < SMALL_CLASS_N:
            yield agreeing(
                f"Only {count} [patch|patches] {kind} tumour: one patch moves the rate by over "
                "10 percentage points.",
                count,
            )
    if slides and len(slides) < FEW_SLIDES:
        yield agreeing(
            f"Only {len(slides)} [slide|slides]: intervals over so few slides are imprecise.",
            len(slides),
        )
    if slides and study.auroc.by == "patches":
        yield AREA_BY_PATCHES
    yield from seen_before(study.scores.ids.tolist(), slides, validation, card)
    yield from _copies(kept)
    yield from study.scores.notes


def _copies(kept: Sequence[ScoreRow]) -> Iterator[str]:
    labels: dict[str, set[int | None]] = {}
    for row in kept:
        labels.setdefault(row.sha256, set()).add(row.label)
    labels.pop("", None)
    counts = Counter(row.sha256 for row in kept if row.sha256)
    if copies := sum(count - 1 for count in counts.values()):
        yield agreeing(
            f"{copies:,} [patch is an exact copy of another|patches are exact copies of others]; "
            "each counts.",
            copies,
        )
    if both := sum(len(patch_labels) > 1 for patch_labels in labels.values()):
        yield agreeing(
            f"{both:,} [patch appears|patches appear] twice with different labels; at least one "
            "label is wrong.",
            both,
        )
