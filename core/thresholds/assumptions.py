"""What a reader assumes of the place where a threshold would be used."""

from dataclasses import dataclass

from core.errors import EvidenceError


@dataclass(frozen=True)
class Assumptions:
    """Prevalence and costs; nobody can read them off a validation set.

    Attributes:
        prevalence: Share of tumour patches where the model would be used, between 0 and 1.
        miss_cost: Of one missed tumour patch, above 0, in any unit.
        false_alarm_cost: Of one false alarm, above 0, in the same unit.
    """

    prevalence: float = 0.05
    miss_cost: float = 10.0
    false_alarm_cost: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.prevalence < 1:
            raise EvidenceError(
                f"Found a prevalence of {self.prevalence:g}; expected a share between 0 and 1, "
                "such as 0.05."
            )
        if not (self.miss_cost > 0 and self.false_alarm_cost > 0):
            raise EvidenceError(
                f"Found costs of {self.miss_cost:g} (miss) and {self.false_alarm_cost:g} (false "
                "alarm); expected both above 0. State what each is worth to you."
            )

    @property
    def fair_probability(self) -> float:
        """The probability of tumour from which flagging pays at these costs, 0..1."""
        return self.false_alarm_cost / (self.false_alarm_cost + self.miss_cost)
