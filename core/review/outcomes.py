"""What a read case tells: agreement, what seeing the AI changed, the time, scores to tune on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.review.progress import next_position, seconds_spent
from core.review.record import CurrentVerdict, Record, current_verdicts
from core.review.vocabulary import ReadingMode, Verdict
from core.statistics import Evidence, Measured, wilson_interval
from core.statistics.intervals import QUANTILE
from core.tables import id_key
from core.thresholds import ScoreSet, Source, named_slides
from core.wording import agreeing

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

    table: tuple[tuple[int, ...], ...]
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
    half, nan = QUANTILE * error, float("nan")
    return Agreement(
        table=tuple(map(tuple, table.tolist())),
        not_judged=len(pairs) - total,
        percent=share,
        kappa=Measured(
            kappa,
            max(kappa - half, -1.0) if total else nan,
            min(kappa + half, 1.0) if total else nan,
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
    """Return the agreement of the first verdicts of two readers, each named by case and reader.

    The patches that both have read count, hidden repeats left out.
    """
    theirs, own = (
        {
            verdict.patch.sha256: verdict.first.reading.verdict
            for verdict in current_verdicts(record, *reading)
            if not verdict.is_repeat
        }
        for reading in (second, first)
    )
    return agreement([(one, theirs[sha256]) for sha256, one in own.items() if sha256 in theirs])


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


@dataclass(frozen=True, slots=True)
class AiChanges:
    """First verdicts against verdicts after the AI, whether or not there are labels.

    Attributes:
        table: Counts (3, 3): first verdict by final verdict, in the order of `Verdict`.
        to_model: Changed to what the model says.
        from_model: Changed from what the model says to something else.
    """

    table: tuple[tuple[int, ...], ...]
    to_model: int
    from_model: int

    @property
    def read(self) -> int:
        """How many were read before and after."""
        return sum(map(sum, self.table))

    @property
    def changed(self) -> int:
        """How many changed."""
        return self.read - sum(self.table[place][place] for place in range(len(Verdict)))

    @property
    def otherwise(self) -> int:
        """Changed neither to the model's call nor from it."""
        return self.changed - self.to_model - self.from_model


def ai_changes(verdicts: Sequence[CurrentVerdict]) -> AiChanges:
    """Return how the AI moved the verdicts; only readings in the mode BLIND_FIRST can tell."""
    kinds = list(Verdict)
    table = [[0] * len(kinds) for _ in kinds]
    to_model = from_model = 0
    for verdict in _before_and_after(verdicts):
        first, final = verdict.first.reading.verdict, verdict.final.reading.verdict
        table[kinds.index(first)][kinds.index(final)] += 1
        call = verdict.patch.predicted_label
        if first is not final and call is not None:
            to_model += final.label == call
            from_model += first.label == call
    return AiChanges(tuple(map(tuple, table)), to_model, from_model)


def _before_and_after(verdicts: Sequence[CurrentVerdict]) -> list[CurrentVerdict]:
    return [
        one
        for one in verdicts
        if one.case.mode is ReadingMode.BLIND_FIRST and one.state.after_ai and not one.is_repeat
    ]


@dataclass(frozen=True, slots=True)
class FlipMatrix:
    """First verdicts against verdicts after the AI, by whether the label agrees.

    Attributes:
        right_right: Right before and after.
        right_wrong: The AI led astray.
        wrong_right: The AI helped.
        wrong_wrong: Wrong before and after.
        not_judged: Left out, because one of the two could not judge.
        unlabelled: Left out for want of a label.
    """

    right_right: int = 0
    right_wrong: int = 0
    wrong_right: int = 0
    wrong_wrong: int = 0
    not_judged: int = 0
    unlabelled: int = 0

    @property
    def led_astray(self) -> Measured:
        """Share of right → wrong among the first right; patches as if independent."""
        return wilson_interval(self.right_wrong, self.right_wrong + self.right_right)

    @property
    def helped(self) -> Measured:
        """Share of wrong → right among the first wrong; patches as if independent."""
        return wilson_interval(self.wrong_right, self.wrong_right + self.wrong_wrong)


def flip_matrix(verdicts: Sequence[CurrentVerdict]) -> FlipMatrix:
    """Return how the AI moved the verdicts; only readings in the mode BLIND_FIRST can tell."""
    cells: Counter[str] = Counter()
    for verdict in _before_and_after(verdicts):
        label = verdict.patch.label
        calls = [one.reading.verdict.label for one in (verdict.first, verdict.final)]
        if label is None:
            cells["unlabelled"] += 1
        elif None in calls:
            cells["not_judged"] += 1
        else:
            cells["_".join("right" if call == label else "wrong" for call in calls)] += 1
    return FlipMatrix(**cells)


@dataclass(frozen=True, slots=True)
class ReadingTime:
    """Seconds per patch: median and quartiles over `patches`."""

    patches: int
    median_s: float
    lower_quartile_s: float
    upper_quartile_s: float


def reading_time(verdicts: Sequence[CurrentVerdict]) -> ReadingTime:
    """Return the seconds per patch of one or more, both readings together where there are two."""
    seconds = [seconds_spent(verdict) for verdict in verdicts]
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return ReadingTime(len(seconds), float(middle), float(low), float(high))


_SEEN: Final = (
    "The readers saw the score before they judged, so their verdicts lean towards the model and "
    "make its rates look better than they are."
)
_BLIND: Final = "For each patch, the verdict given before the score was shown counts."


def is_finished(record: Record, case: str) -> bool:
    """Whether somebody has read the whole case."""
    return any(next_position(record, case, reader) is None for reader in record.readers(case))


def case_scores(record: Record, case: str) -> ScoreSet:
    """Return the scores of a case's patches, with what its readers called them for labels.

    Patches that no reader could judge, that readers called differently, or that have no score are
    left out and counted. Hidden repeats do not count.

    Raises:
        SourceError: No patch is left.
    """
    opened = record.case(case)
    labels: dict[str, set[int]] = {}
    verdicts = [one for one in current_verdicts(record, case) if not one.is_repeat]
    for verdict in verdicts:
        label = _label(verdict)
        if label is not None:
            labels.setdefault(verdict.patch.sha256, set()).add(label)
    read = {verdict.patch.sha256 for verdict in verdicts}
    agreed = {sha256: calls.pop() for sha256, calls in labels.items() if len(calls) == 1}
    kept = [
        (patch, agreed[patch.sha256], patch.prob_tumour)
        for patch in opened.patches
        if patch.sha256 in agreed and patch.prob_tumour is not None
    ]
    if not kept:
        raise SourceError(
            f"No patch of the review {opened.name} has both a score and a verdict that its readers "
            "agree on. Read the case first."
        )
    slides, slide_notes = named_slides(
        np.array([patch.slide or "" for patch, _, _ in kept], np.str_)
    )
    evidence = Evidence.of([label for _, label, _ in kept], [score for _, _, score in kept], slides)
    left_out = (
        (len(read - labels.keys()), "could not be judged"),
        (len(labels) - len(agreed), "called differently by different readers"),
        (sum(p.sha256 in agreed for p in opened.patches) - len(kept), "no score"),
    )
    seen = opened.mode in {ReadingMode.AI_FIRST, ReadingMode.ADJUDICATION}
    blind_first = opened.mode is ReadingMode.BLIND_FIRST
    doubts = (
        *((_SEEN,) if seen else ()),
        f"The patches were chosen for reading ({opened.order}); these rates apply only to patches "
        "chosen this way.",
        *(
            agreeing(f"{count:,} [patch|patches] not counted: {why}.", count)
            for count, why in left_out
            if count
        ),
    )
    return ScoreSet(
        source=Source.REVIEW,
        name=f"review {opened.name}",
        ids=np.array([id_key(patch.id) for patch, _, _ in kept]),
        evidence=evidence,
        sha256=evidence.digest,
        model_id=opened.model_id,
        doubts=doubts,
        notes=(*doubts, *((_BLIND,) if blind_first else ()), *slide_notes),
    )


def _label(verdict: CurrentVerdict) -> int | None:
    """What a reader called the patch without the score's help, where the mode has that."""
    blind = verdict.case.mode is ReadingMode.BLIND_FIRST
    return (verdict.first if blind else verdict.final).reading.verdict.label
