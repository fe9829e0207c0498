"""Two thresholds with a grey zone between them that is left to the pathologist."""

from core.errors import EvidenceError
from core.statistics.evidence import Evidence
from core.statistics.operating import OperatingTable
from core.thresholds.choosing import Choice, choose
from core.thresholds.rules import By, SensitivityAtLeast, SpecificityAtLeast


def grey_zone(
    evidence: Evidence,
    *,
    miss_rate: float,
    false_alarm_rate: float,
    by: By = "estimate",
    table: OperatingTable | None = None,
) -> Choice:
    """The narrowest grey zone that keeps both target rates on some evidence.

    Patches are cleared below `lower`, left to a person from there up to `threshold`, and flagged
    from `threshold` on. `lower` is the highest score with a sensitivity of at least 1 - miss_rate,
    `threshold` the lowest with a specificity of at least 1 - false_alarm_rate. Where the two cross,
    the higher score meets both targets: it is the threshold, and there is no grey zone.

    Args:
        evidence: both classes; slides where `by` is "slides".
        miss_rate: largest share of tumour patches that may be cleared, 0..1.
        false_alarm_rate: largest share of tumour-free patches that may be flagged, 0..1.
        by: whether estimates or bounds must meet the targets.
        table: the evidence's own table, where it is already built.

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
    low = SensitivityAtLeast(round(1 - miss_rate, 12), by)
    high = SpecificityAtLeast(round(1 - false_alarm_rate, 12), by)
    lower, upper = (choose(rule, evidence, table).threshold for rule in (low, high))
    threshold = max(upper, lower)
    return Choice(
        threshold=threshold,
        rule="Grey zone",
        description=f"Clear below: {low.description} Flag from: {high.description}",
        achieved=table.confusion(threshold),
        notes=evidence.notes(),
        lower=lower if lower < threshold else None,
    )
