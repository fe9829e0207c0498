"""Rules as short texts that fit into a URL, such as `sensitivity:0.95:slides` or `youden`."""

from dataclasses import dataclass
from typing import Final

from core.errors import EvidenceError
from core.thresholds.decision import Assumptions
from core.thresholds.rules import (
    BestF1,
    By,
    FixedThreshold,
    FlagTopShare,
    LeastExpectedCost,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
    YoudenIndex,
)

_BYS: Final[tuple[By, ...]] = ("estimate", "wilson", "slides")


@dataclass(frozen=True)
class GreyZoneTargets:
    """Two thresholds: from a target miss rate and a target false-alarm rate, 0..1 each."""

    miss_rate: float
    false_alarm_rate: float
    by: By = "estimate"


Wanted = Rule | GreyZoneTargets
"""What a rule button asks for."""


def rule_of(text: str, assumptions: Assumptions) -> Wanted:
    """Return the rule that a short text names.

    Raises:
        EvidenceError: It names none, or a number in it cannot be used.
    """
    name, *given = text.split(":")
    rule: Wanted | None = None
    try:
        match name, given:
            case "fixed", [threshold]:
                rule = FixedThreshold(float(threshold))
            case "youden", []:
                rule = YoudenIndex()
            case "f1", []:
                rule = BestF1()
            case "sensitivity", [target, *by] if len(by) < 2:
                rule = SensitivityAtLeast(float(target), _by(*by))
            case "specificity", [target, *by] if len(by) < 2:
                rule = SpecificityAtLeast(float(target), _by(*by))
            case "cost", []:
                rule = LeastExpectedCost(assumptions)
            case "top", [share]:
                rule = FlagTopShare(float(share))
            case "grey", [miss, alarm, by]:
                rule = GreyZoneTargets(float(miss), float(alarm), _by(by))
    except ValueError as error:
        raise EvidenceError(f"The rule {text[:40]!r} cannot be used: {error}") from None
    if rule is None:
        raise EvidenceError(
            f"There is no rule {text[:40]!r}; expected one such as 'youden' or "
            "'sensitivity:0.95:slides'. Choose one on the page."
        )
    return rule


def _by(text: str = "estimate") -> By:
    basis = next((by for by in _BYS if by == text), None)
    if basis is None:
        raise ValueError(f"found {text[:20]!r}, expected one of {', '.join(_BYS)}")
    return basis
