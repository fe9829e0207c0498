"""One value for every number that is estimated: the number, its interval, and how that was made."""

import math
from dataclasses import dataclass, replace
from typing import Literal

LEVEL = 0.95
"""The two-sided confidence of every interval."""

Unit = Literal["slides", "patches"]
"""What an interval takes as random: whole slides, or patches as if independent (too narrow)."""

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its 95 % interval, if it has one.

    Attributes:
        value: the estimate; NaN where it cannot be computed.
        low: lower bound in the unit of the value; NaN without an interval.
        high: upper bound; NaN without an interval.
        method: how the interval was made, in words fit for a caption; "" without one.
        by: what the interval takes as random; None where that is not known.
        standard_error: of the value; NaN where the interval was made without one.
        design_effect: variance over slides / variance of as many independent patches; NaN where
            unknown. 1 means that slides do not matter.
        hits: patches counted, of a share of patches; else NaN.
        trials: out of how many.
        notes: what must not be trusted.
        naive: the same number with patches taken as independent, beside an interval over slides.
    """

    value: float
    low: float = _NAN
    high: float = _NAN
    method: str = ""
    by: Unit | None = None
    standard_error: float = _NAN
    design_effect: float = _NAN
    hits: float = _NAN
    trials: float = _NAN
    notes: tuple[str, ...] = ()
    naive: "Measured | None" = None

    @property
    def has_interval(self) -> bool:
        """Whether there are bounds."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    @property
    def by_slides(self) -> "Measured | None":
        """This number, if its interval is over slides."""
        return self if self.by == "slides" and self.has_interval else None

    @property
    def by_patches(self) -> "Measured | None":
        """The number with its interval by patches; None where there is none."""
        if self.by == "patches" and self.has_interval:
            return self
        return self.naive

    def published(self) -> dict[str, float | str]:
        """The number as it stands in a file: value, low, high, method."""
        return {"value": self.value, "low": self.low, "high": self.high, "method": self.method}

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low

    def covers(self, value: float) -> bool:
        """Whether the value lies inside, bounds included."""
        return self.low <= value <= self.high

    def over(self, naive: "Measured") -> "Measured":
        """The same number with its naive interval beside it, or instead where slides cannot tell.

        The naive one, by patches, keeps its value, hits and trials, because it counted them.
        """
        if not self.has_interval:
            return replace(naive, design_effect=self.design_effect, notes=self.notes)
        return replace(
            self,
            value=naive.value,
            hits=naive.hits,
            trials=naive.trials,
            naive=naive if naive.has_interval else None,
        )
