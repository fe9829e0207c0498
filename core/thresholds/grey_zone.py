"""Two thresholds with a grey zone between them that is left to the pathologist."""

from dataclasses import dataclass

from core.errors import EvidenceError
from core.statistics.evidence import Evidence
from core.statistics.intervals import LEVEL, Interval, wilson_interval
from core.statistics.metrics import Confusion
from core.statistics.operating import OperatingTable
from core.statistics.temperature import TemperatureFit
from core.thresholds.choosing import choose
from core.thresholds.rules import By, SensitivityAtLeast, SpecificityAtLeast


@dataclass(frozen=True)
class GreyZone:
    """Cleared below `lower`, deferred from `lower` up to `upper`, flagged from `upper` on.

    Attributes:
        lower: an observed score; score < lower is cleared.
        upper: an observed score >= lower; score >= upper is flagged.
        description: one sentence that lets a reader repeat the choice.
        at_lower: the 2 x 2 table at `lower`; its fn are the missed tumour patches.
        at_upper: the 2 x 2 table at `upper`; its fp are the false alarms.
        deferred: patches in the grey zone; 0 where one threshold meets both targets.
        deferred_tumour: tumour patches among them.
        deferred_share: of all patches, 0..1.
        miss_rate: missed share of the tumour patches, 0..1.
        false_alarm_rate: falsely flagged share of the tumour-free patches, 0..1.
        error_share_outside: missed and falsely flagged among the patches not deferred, 0..1; NaN
            where all are deferred.
        error_interval_outside: Wilson's for the same share; NaN bounds where all are deferred.
        notes: what must not be trusted.
    """

    lower: float
    upper: float
    description: str
    at_lower: Confusion
    at_upper: Confusion
    deferred: float
    deferred_tumour: float
    deferred_share: float
    miss_rate: float
    false_alarm_rate: float
    error_share_outside: float
    error_interval_outside: Interval
    notes: tuple[str, ...]


def grey_zone(
    evidence: Evidence,
    *,
    miss_rate: float,
    false_alarm_rate: float,
    by: By = "estimate",
    level: float = LEVEL,
    table: OperatingTable | None = None,
    temperature: TemperatureFit | None = None,
    allow_overlap: bool = False,
) -> GreyZone:
    """The narrowest grey zone that keeps both target rates on some evidence.

    `lower` is the highest score with a sensitivity of at least 1 - miss_rate, `upper` the lowest
    with a specificity of at least 1 - false_alarm_rate. Where the two cross, one threshold meets
    both targets, and both are set to the higher score, `lower`: no patch is deferred.

    Args:
        evidence: both classes; slides where `by` is "slides".
        miss_rate: largest share of tumour patches that may be cleared, 0..1.
        false_alarm_rate: largest share of tumour-free patches that may be flagged, 0..1.
        by: whether estimates or bounds must meet the targets.
        level: two-sided confidence of those bounds.
        table: the evidence's own table, where it is already built.
        temperature: see `choose`.
        allow_overlap: see `choose`.

    Raises:
        EvidenceError: a target cannot be met; the message says what can.
    """
    for name, rate in (("miss rate", miss_rate), ("false-alarm rate", false_alarm_rate)):
        if not 0 <= rate <= 1:
            raise EvidenceError(
                f"Found a {name} of {rate:g}; expected a share between 0 and 1, such as 0.02."
            )
    table = OperatingTable.of(evidence) if table is None else table
    # Rounded, because 1 - 0.1 is a hair off what a reader would write.
    low = SensitivityAtLeast(round(1 - miss_rate, 12), by, level)
    high = SpecificityAtLeast(round(1 - false_alarm_rate, 12), by, level)
    lower, upper = (
        choose(rule, evidence, table, temperature=temperature, allow_overlap=allow_overlap)
        for rule in (low, high)
    )
    top = max(upper.threshold, lower.threshold)
    at_lower, at_upper = lower.achieved, table.confusion(top)
    deferred = at_lower.flagged - at_upper.flagged
    errors, outside = at_lower.fn + at_upper.fp, at_lower.n - deferred
    return GreyZone(
        lower=lower.threshold,
        upper=top,
        description=f"Clear below: {low.description} Flag from: {high.description}",
        at_lower=at_lower,
        at_upper=at_upper,
        deferred=deferred,
        deferred_tumour=at_lower.tp - at_upper.tp,
        deferred_share=deferred / at_lower.n,
        miss_rate=1 - at_lower.sensitivity,
        false_alarm_rate=1 - at_upper.specificity,
        error_share_outside=errors / outside if outside else float("nan"),
        error_interval_outside=wilson_interval(errors, outside, level),
        notes=lower.notes,
    )
