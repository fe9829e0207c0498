"""What a read case tells: what seeing the AI changed, the time it took, and scores to tune on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.errors import ReviewError, SourceError
from core.review.progress import next_position, seconds_spent
from core.review.record import CurrentVerdict, Record, current_verdicts
from core.review.vocabulary import ReadingMode, Verdict
from core.statistics import Evidence, Measured, wilson_interval
from core.tables import id_key
from core.thresholds import ScoreSet, Source, named_slides
from core.wording import agreeing


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
        verdict
        for verdict in verdicts
        if verdict.case.mode is ReadingMode.BLIND_FIRST
        and verdict.state.after_ai is not None
        and not verdict.is_repeat
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

    right_right: int
    right_wrong: int
    wrong_right: int
    wrong_wrong: int
    not_judged: int
    unlabelled: int

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
    cells = {(before, after): 0 for before in (True, False) for after in (True, False)}
    not_judged = unlabelled = 0
    for verdict in _before_and_after(verdicts):
        label = verdict.patch.label
        first, final = verdict.first.reading.verdict.label, verdict.final.reading.verdict.label
        if label is None:
            unlabelled += 1
        elif first is None or final is None:
            not_judged += 1
        else:
            cells[first == label, final == label] += 1
    return FlipMatrix(
        right_right=cells[True, True],
        right_wrong=cells[True, False],
        wrong_right=cells[False, True],
        wrong_wrong=cells[False, False],
        not_judged=not_judged,
        unlabelled=unlabelled,
    )


@dataclass(frozen=True, slots=True)
class ReadingTime:
    """Seconds per patch: median and quartiles over `patches`."""

    patches: int
    median_s: float
    lower_quartile_s: float
    upper_quartile_s: float


def reading_time(verdicts: Sequence[CurrentVerdict]) -> ReadingTime:
    """Return the seconds per patch, both readings together where there are two."""
    if not verdicts:
        raise ReviewError("There are no verdicts to time.")
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
