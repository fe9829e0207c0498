"""What another threshold would do to patches that were scored already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.bundle import distinct_models
from core.scoring.rows import ScoreRow

GREY: Final = -1
"""The call of a patch in a grey zone, where a person decides."""

Calls = NDArray[np.int8]


@dataclass(frozen=True)
class Change:
    """One patch whose call would change.

    Attributes:
        position: Of its row.
        probability: Of tumour.
        before: 1 tumour, 0 none, `GREY`.
        after: Likewise.
    """

    position: int
    probability: float
    before: int
    after: int


@dataclass(frozen=True, eq=False)
class BatchEffect:
    """A batch at two operating points.

    Attributes:
        patches: With a probability.
        before: Patches by call: tumour, no tumour, grey.
        after: Likewise.
        changed: How many calls differ.
        changes: The first of them, those nearest to the new threshold first.
        nearest: The patches nearest to the new threshold, whether their calls differ or not.
    """

    patches: int
    before: tuple[int, int, int]
    after: tuple[int, int, int]
    changed: int
    changes: tuple[Change, ...]
    nearest: tuple[Change, ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """The scored patches of a batch.

    Attributes:
        name: Of the batch.
        positions: (M,) which rows have a score.
        probabilities: (M,) of tumour, at one temperature.
        versions: Operating points that its rows name, usually one.
        models: Models that its rows name, usually one.
    """

    name: str
    positions: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    versions: tuple[str, ...]
    models: tuple[str, ...]

    @classmethod
    def of(cls, name: str, rows: Sequence[ScoreRow], temperature: float | None = None) -> "Batch":
        """Return the rows that have a score.

        Args:
            name: Of the batch.
            rows: Of a scoring job, in order.
            temperature: That probabilities are meant with; None takes them as they were written.
        """
        kept = [(place, row) for place, row in enumerate(rows) if row.prob_tumour is not None]
        if temperature is None:
            probabilities = np.array([row.prob_tumour for _, row in kept], np.float64)
        else:
            logits = np.array([row.logit for _, row in kept], np.float64)
            probabilities = expit(logits / temperature)
        return cls(
            name=name,
            positions=np.array([place for place, _ in kept], np.int64),
            probabilities=probabilities,
            versions=tuple(sorted({row.operating_point for _, row in kept})),
            models=tuple(distinct_models(row.model_id for _, row in kept)),
        )

    def calls(self, threshold: float, lower: float | None) -> Calls:
        """Return (M,) 1 tumour, 0 none, `GREY`; as `OperatingPoint.call` decides for one."""
        above = self.probabilities >= threshold
        cleared = self.probabilities < (threshold if lower is None else lower)
        return np.where(above, 1, np.where(cleared, 0, GREY)).astype(np.int8)

    def effect(
        self,
        threshold: float,
        lower: float | None,
        before: Calls,
        *,
        at_most: int = 24,
    ) -> BatchEffect:
        """Return what a threshold would change against other calls of the same patches.

        Args:
            threshold: Flag from here.
            lower: Start of a grey zone; None without one.
            before: (M,) what they are called now; see `calls`.
            at_most: How many patches to name, 1 or more.
        """
        after = self.calls(threshold, lower)
        changed = np.flatnonzero(before != after)
        return BatchEffect(
            patches=len(self.positions),
            before=by_call(before),
            after=by_call(after),
            changed=len(changed),
            changes=self._nearest(changed, threshold, before, after, at_most),
            nearest=self._nearest(
                np.arange(len(self.positions)), threshold, before, after, at_most
            ),
        )

    def counts(
        self, thresholds: Sequence[float], before: Calls
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return what many thresholds without a grey zone would do; see `effect` for one.

        Args:
            thresholds: K of them.
            before: (M,) what the patches are called now.

        Returns:
            (K,) patches called tumour, and (K,) calls that would differ.
        """
        tumour, same = np.zeros((2, len(thresholds)), np.int64)
        for call in (1, 0, GREY):
            scores = np.sort(self.probabilities[before == call])
            below = np.searchsorted(scores, thresholds)
            tumour += len(scores) - below
            if call != GREY:
                same += below if call == 0 else len(scores) - below
        return tumour, len(before) - same

    def _nearest(
        self, rows: NDArray[np.int64], threshold: float, before: Calls, after: Calls, at_most: int
    ) -> tuple[Change, ...]:
        """Those of some patches whose probability is nearest to a threshold, nearest first."""
        distance = np.abs(self.probabilities[rows] - threshold)
        if len(rows) > at_most:  # of 12,000 patches twelve are wanted: no need to sort them all
            near = np.flatnonzero(distance <= np.partition(distance, at_most - 1)[at_most - 1])
            rows, distance = rows[near], distance[near]
        return tuple(
            Change(
                int(self.positions[row]),
                float(self.probabilities[row]),
                int(before[row]),
                int(after[row]),
            )
            for row in rows[np.argsort(distance, kind="stable")[:at_most]]
        )


def by_call(calls: Calls) -> tuple[int, int, int]:
    """Return how many patches are called tumour, no tumour, and neither."""
    tumour, none = np.count_nonzero(calls == 1), np.count_nonzero(calls == 0)
    return int(tumour), int(none), len(calls) - int(tumour) - int(none)
