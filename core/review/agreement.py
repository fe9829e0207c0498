"""Agreement of two raters: percent, Cohen's kappa and PABAK, each with its interval."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.review.disagreement import paired_verdicts
from core.review.record import CurrentVerdict, Record, current_verdicts
from core.review.vocabulary import Verdict
from core.statistics import Measured, wilson_interval
from core.statistics.intervals import QUANTILE

CALLS: Final = (Verdict.NO_TUMOUR, Verdict.TUMOUR)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two raters agree on the same patches.

    Patches that either could not judge are left out and counted. The intervals take patches as
    independent; patches of one slide are not, so the intervals are too narrow for a claim about
    other slides.

    Attributes:
        table: Counts (2, 2): first rater's call by second rater's, no tumour before tumour.
        not_judged: Pairs left out.
        percent: Share of agreeing pairs, with Wilson's interval; NaN of none.
        kappa: Cohen's, with the interval of its large-sample standard error; NaN where chance
            agreement is certain, as when both say one thing only.
        pabak: Kappa at even prevalence and without bias, 2 × share − 1.
    """

    table: tuple[tuple[int, int], tuple[int, int]]
    not_judged: int
    percent: Measured
    kappa: Measured
    pabak: Measured

    @property
    def pairs(self) -> int:
        """Pairs that count."""
        return sum(map(sum, self.table))


def agreement(pairs: Sequence[tuple[Verdict, Verdict]]) -> Agreement:
    """Return the agreement of pairs of verdicts on the same patches.

    Kappa's standard error is that of Fleiss, Cohen and Everitt (1969), the one for intervals. It
    is a large-sample one: below about 30 pairs read the percent agreement instead.
    """
    counts = Counter(pair for pair in pairs if Verdict.CANNOT_JUDGE not in pair)
    table = np.array([[counts[a, b] for b in CALLS] for a in CALLS], dtype=np.int64)
    total, agreed = int(table.sum()), int(np.trace(table))
    share = wilson_interval(agreed, total)
    kappa, error = _kappa(table)
    half = QUANTILE * error
    return Agreement(
        table=(
            (int(table[0, 0]), int(table[0, 1])),
            (int(table[1, 0]), int(table[1, 1])),
        ),
        not_judged=len(pairs) - total,
        percent=share,
        kappa=Measured(
            kappa,
            max(kappa - half, -1.0) if total else float("nan"),
            min(kappa + half, 1.0) if total else float("nan"),
            "large-sample standard error of kappa, patches as if independent",
            "patches",
        ),
        pabak=Measured(
            2 * share.value - 1,
            2 * share.low - 1,
            2 * share.high - 1,
            f"2 × share − 1; {share.method}",
            "patches",
        ),
    )


def _kappa(table: NDArray[np.int64]) -> tuple[float, float]:
    """Return Cohen's kappa of a square table of counts, and its standard error."""
    nan = float("nan")
    total = table.sum()
    if not total:
        return nan, nan
    shares = table / total
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, chance = float(np.trace(shares)), float(rows @ columns)
    if chance >= 1:
        return nan, nan
    kappa = (observed - chance) / (1 - chance)
    weight = rows[np.newaxis, :] + columns[:, np.newaxis]  # [i, j]: row share j + column share i
    diagonal = np.diag(shares) * (1 - np.diag(weight) * (1 - kappa)) ** 2
    off = shares * weight**2
    np.fill_diagonal(off, 0)
    variance = diagonal.sum() + (1 - kappa) ** 2 * off.sum() - (kappa - chance * (1 - kappa)) ** 2
    return kappa, sqrt(max(float(variance), 0.0) / total) / (1 - chance)


def between_readers(record: Record, first: tuple[str, str], second: tuple[str, str]) -> Agreement:
    """Return the agreement of the first verdicts of two readers, each named by case and reader."""
    return agreement(
        [
            (one.first.reading.verdict, other.first.reading.verdict)
            for one, other in paired_verdicts(record, first, second)
        ]
    )


def with_model(verdicts: Sequence[CurrentVerdict], *, blinded: bool = False) -> Agreement:
    """Return the agreement of verdicts with the model's call, hidden repeats left out.

    With `blinded`, the first verdicts count, given before the score was seen in the mode
    BLIND_FIRST. In the mode AI_FIRST agreement is inflated by having seen the score.
    """
    return agreement(
        [
            (
                (verdict.first if blinded else verdict.final).reading.verdict,
                CALLS[verdict.patch.predicted_label],
            )
            for verdict in verdicts
            if verdict.patch.predicted_label is not None and not verdict.is_repeat
        ]
    )


def within_reader(record: Record, case: str, reader: str) -> Agreement:
    """Return the agreement of a reader's first verdicts with those on the hidden repeats.

    First verdicts, because the score would pull both to the same side.
    """
    verdicts = current_verdicts(record, case, reader)
    originals = {verdict.patch.sha256: verdict for verdict in verdicts if not verdict.is_repeat}
    return agreement(
        [
            (originals[again.patch.sha256].first.reading.verdict, again.first.reading.verdict)
            for again in verdicts
            if again.is_repeat and again.patch.sha256 in originals
        ]
    )
