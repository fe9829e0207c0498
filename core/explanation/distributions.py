"""How the measures of many explanations spread, by class and by outcome, with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.explanation.rows import MEASURES, ExplanationRow, Measure
from core.scoring import Status
from core.statistics import LEVEL, Measured, slide_rate

FloatArray = NDArray[np.float64]
QUARTILES: Final = (0.25, 0.5, 0.75)


class Basis(StrEnum):
    """What puts a patch into a group."""

    LABEL = "reference label"
    CALL = "the model's call"
    OUTCOME = "call against reference label"


_GROUPS: Final[dict[Basis, dict[str, tuple[int | None, int | None]]]] = {
    Basis.CALL: {"Called tumour": (None, 1), "Not called tumour": (None, 0)},
    Basis.LABEL: {"Tumour in the centre": (1, None), "No tumour in the centre": (0, None)},
    Basis.OUTCOME: {
        "True positive": (1, 1),
        "False positive": (0, 1),
        "False negative": (1, 0),
        "True negative": (0, 0),
    },
}
"""Label and call of the patches of each group; None: whichever."""


@dataclass(frozen=True, eq=False)
class Spread:
    """One measure in one group.

    Attributes:
        measure: Which measure.
        values: (N,) of the patches that have it, in input order.
        slides: (N,) theirs; None where some patch has none.
    """

    measure: Measure
    values: FloatArray
    slides: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def slide_count(self) -> int | None:
        """How many slides; None where some patch has none."""
        return None if self.slides is None else len(set(self.slides))

    @cached_property
    def estimates(self) -> dict[str, Measured]:
        """The rate of a rate, else the quartiles; empty without patches."""
        if len(self) == 0:
            return {}
        if self.measure.rate:
            return {"rate": self._rate(self.values > 0.5)}
        names = ("lower quartile", "median", "upper quartile")
        return {name: self._quantile(part) for name, part in zip(names, QUARTILES, strict=True)}

    def _rate(self, hits: NDArray[np.bool_], method: str = "Wilson-t") -> Measured:
        if self.slides is not None:
            codes = np.unique(np.array(self.slides), return_inverse=True)[1]
            rate = slide_rate(np.bincount(codes, weights=hits), np.bincount(codes))
            return replace(rate, method=f"slide-cluster, {method}") if rate.has_interval else rate
        rate = slide_rate(hits, np.ones(len(hits)))
        method = f"{method}, patches as if independent: too narrow"
        return replace(rate, method=method, by="patches")

    def _quantile(self, part: float) -> Measured:
        """Return a quantile with Woodruff's interval (1952).

        The part of patches at or below the quantile is a rate with an interval over slides; the
        quantiles at the ends of that interval are the bounds.
        """
        value = float(np.quantile(self.values, part))
        rate = self._rate(self.values <= value, "Woodruff")
        if not rate.has_interval:
            return Measured(value)
        ends = np.clip(part - rate.value + np.array([rate.low, rate.high]), 0, 1)
        low, high = map(float, np.quantile(self.values, ends))
        return Measured(value, low, high, rate.method, rate.by)


@dataclass(frozen=True, eq=False)
class Group:
    """Patches of one class or one outcome.

    Attributes:
        name: What a reader calls it.
        basis: What puts a patch into it.
        patches: How many.
        spreads: One per measure that any patch of any group has.
    """

    name: str
    basis: Basis
    patches: int
    spreads: tuple[Spread, ...]

    def __getitem__(self, key: str) -> Spread:
        return next(spread for spread in self.spreads if spread.measure.key == key)


@dataclass(frozen=True, slots=True)
class _Record:
    label: int | None
    call: int | None
    slide: str | None
    values: tuple[float, ...]


@dataclass(eq=False)
class Collected:
    """What the report needs of rows that go by; a few hundred bytes a patch, no maps.

    Attributes:
        left_out: Inputs without an explanation.
    """

    left_out: int = 0
    _records: list[_Record] = field(default_factory=list)

    def add(self, row: ExplanationRow) -> None:
        """Take a row's measures."""
        if row.explanation is None or row.score.status is not Status.SCORED:
            self.left_out += 1
            return
        values = tuple(_value(measure, row) for measure in MEASURES)
        score = row.score
        self._records.append(_Record(score.label, score.predicted_label, score.slide, values))

    def __len__(self) -> int:
        return len(self._records)

    @property
    def has_labels(self) -> bool:
        """Whether any patch has a reference label."""
        return any(record.label is not None for record in self._records)

    @property
    def unlabelled(self) -> int:
        """How many patches have no reference label."""
        return sum(record.label is None for record in self._records)

    def groups(self) -> list[Group]:
        """Return the two classes, and where labels are known the four outcomes.

        The class is the reference label's where any is known; patches without one are in no group
        then. Else it is the call. A patch in the grey zone has a label but no call, so it is in
        its class and in no outcome.
        """
        if not self.has_labels:
            return self._of(Basis.CALL)
        return self._of(Basis.LABEL) + self._of(Basis.OUTCOME)

    def _of(self, basis: Basis) -> list[Group]:
        table = np.array([one.values for one in self._records]).reshape(-1, len(MEASURES))
        made = np.isfinite(table).any(axis=0)
        groups = []
        for name, (label, call) in _GROUPS[basis].items():
            rows = [
                number
                for number, one in enumerate(self._records)
                if label in (None, one.label) and call in (None, one.call)
            ]
            slides = [self._records[number].slide for number in rows]
            spreads = tuple(
                _spread(measure, table[rows, column], slides)
                for column, measure in enumerate(MEASURES)
                if made[column]
            )
            groups.append(Group(name, basis, len(rows), spreads))
        return groups


def _value(measure: Measure, row: ExplanationRow) -> float:
    value = measure.of(row)
    if value is None:
        return np.nan
    return float(value > 0) if measure.rate else float(value)


def _spread(measure: Measure, values: FloatArray, slides: Sequence[str | None]) -> Spread:
    known = np.isfinite(values)
    held = [slide for slide, has in zip(slides, known, strict=True) if has]
    named = tuple(slide for slide in held if slide is not None)
    return Spread(measure, values[known], named if len(named) == len(held) else None)


DISTRIBUTION_COLUMNS: Final = (
    "basis", "group", "group_patches", "measure", "patches", "slides", "statistic", "value", "low",
    "high", "level", "method", "by_area",
)  # fmt: skip


def distribution_table(groups: Iterable[Group]) -> pd.DataFrame:
    """Return one row per group, measure and statistic, with `DISTRIBUTION_COLUMNS`."""
    rows = [
        (
            *(str(group.basis), group.name, group.patches, spread.measure.key),
            *(len(spread), spread.slide_count, name, one.value),
            *((one.low, one.high, LEVEL) if one.has_interval else (None, None, None)),
            *(one.method, spread.measure.by_area),
        )
        for group in groups
        for spread in group.spreads
        for name, one in spread.estimates.items()
    ]
    return pd.DataFrame(rows, columns=list(DISTRIBUTION_COLUMNS)).astype({"slides": "Int64"})
