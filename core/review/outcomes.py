"""What seeing the AI changed, with labels and without, and which tags go with errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.review.errors import ReviewError
from core.review.progress import seconds_spent
from core.review.record import CurrentVerdict
from core.review.vocabulary import ReadingMode, ReasonTag, Verdict
from core.statistics import Measured, wilson_interval


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
class TagErrors:
    """Errors among the patches that carry a tag.

    Attributes:
        tag: The tag; None for all patches together.
        patches: Labelled patches with it, that the reader judged.
        reader_errors: Final verdicts against the label, with Wilson's interval of their share.
        model_errors: The model's calls against the label, of the patches that it called.
    """

    tag: ReasonTag | None
    patches: int
    reader_errors: Measured
    model_errors: Measured


def tag_errors(verdicts: Sequence[CurrentVerdict]) -> tuple[TagErrors, ...]:
    """Return the errors of reader and model for all patches, then for each tag in use.

    A tag is given by the reader, often because the patch is hard; a high rate says that the tag
    marks hard patches, not that what it names causes errors.
    """
    judged = [
        verdict
        for verdict in verdicts
        if not verdict.is_repeat
        and verdict.patch.label is not None
        and verdict.final.reading.verdict.label is not None
    ]
    rows = [_tag_row(None, judged)]
    for tag in ReasonTag:
        tagged = [verdict for verdict in judged if tag in verdict.final.reading.tags]
        if tagged:
            rows.append(_tag_row(tag, tagged))
    return tuple(rows)


def _tag_row(tag: ReasonTag | None, verdicts: Sequence[CurrentVerdict]) -> TagErrors:
    reader = sum(verdict.final.reading.verdict.label != verdict.patch.label for verdict in verdicts)
    calls = [verdict for verdict in verdicts if verdict.patch.predicted_label is not None]
    model = sum(verdict.patch.predicted_label != verdict.patch.label for verdict in calls)
    return TagErrors(
        tag=tag,
        patches=len(verdicts),
        reader_errors=wilson_interval(reader, len(verdicts)),
        model_errors=wilson_interval(model, len(calls)),
    )


@dataclass(frozen=True, slots=True)
class ReadingTime:
    """Seconds per patch.

    Attributes:
        patches: How many.
        median_s: Median.
        lower_quartile_s: 25th percentile.
        upper_quartile_s: 75th percentile.
    """

    patches: int
    median_s: float
    lower_quartile_s: float
    upper_quartile_s: float


def reading_time(verdicts: Sequence[CurrentVerdict]) -> ReadingTime:
    """Return the seconds per patch, both readings together where there are two."""
    if not verdicts:
        raise ReviewError("There are no verdicts to take the time of.")
    seconds = [seconds_spent(verdict) for verdict in verdicts]
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return ReadingTime(len(seconds), float(middle), float(low), float(high))
