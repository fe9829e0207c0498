"""What to read in which order: filtered, ordered, with random controls and hidden repeats."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import log
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ReviewError
from core.review.events import CasePatch, Task
from core.review.vocabulary import Origin
from core.wording import agreeing, percent

if TYPE_CHECKING:  # the scoring room loads PyTorch, which a worklist does not need
    from core.scoring.rows import ScoreRow

_SMALL: Final = 1e-6


class CaseOrder(StrEnum):
    """What comes first.

    NEAREST_TO_THRESHOLD goes by the distance on log-odds, D4_SPREAD by the score's standard
    deviation over the eight orientations. RING_DECIDED goes by how clearly the surroundings
    decide, among patches called tumour. LABEL_ERROR goes by how little probability the model gives
    the label. The largest first; patches without the measure last.
    """

    AS_LISTED = "as listed"
    NEAREST_TO_THRESHOLD = "nearest to the threshold"
    D4_SPREAD = "spread over orientations"
    SCORE = "score"
    RING_DECIDED = "decided by the surroundings"
    LABEL_ERROR = "label-error candidates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A patch that could be read, with the measures that order it.

    Attributes:
        d4_sd_logit: See `ScoreRow`.
        ring_margin: By how many logits the surroundings decide a tumour call, below 0 where they
            do not; see `core.explanation.surroundings.Halves`.
    """

    patch: CasePatch
    d4_sd_logit: float | None = None
    ring_margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which candidates come into question; all conditions must hold.

    Attributes:
        predicted_label: Only this call of the model.
        least_prob: Probability at least this.
        most_prob: Probability at most this.
        slides: Only these slides; all if empty.
        label_contradicts_model: Only patches whose label and call differ.
    """

    predicted_label: int | None = None
    least_prob: float = 0.0
    most_prob: float = 1.0
    slides: frozenset[str] = frozenset()
    label_contradicts_model: bool = False

    def let_pass(self, patch: CasePatch) -> bool:
        """Whether a patch fulfils all conditions."""
        probability, call = patch.prob_tumour, patch.predicted_label
        if probability is None:
            within = self.least_prob <= 0 and self.most_prob >= 1
        else:
            within = self.least_prob <= probability <= self.most_prob
        contradicts = None not in (patch.label, call) and patch.label != call
        return (
            within
            and self.predicted_label in {None, call}
            and (not self.slides or patch.slide in self.slides)
            and (contradicts or not self.label_contradicts_model)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistPlan:
    """All there is to set about a worklist.

    Attributes:
        order: What comes first.
        filters: What comes into question.
        limit: How many patches, controls included; all if None.
        control_share: Share of these that are drawn at random from all other candidates,
            filtered out or not, and stand at random places.
        repeat_share: Hidden repeats on top, as a share of these.
        repeat_gap: At least so many tasks lie between a patch and its repeat, where possible.
        seed: Of the random choices.
    """

    order: CaseOrder = CaseOrder.NEAREST_TO_THRESHOLD
    filters: Filters = field(default_factory=Filters)
    limit: int | None = None
    control_share: float = 0.0
    repeat_share: float = 0.0
    repeat_gap: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in (("control", self.control_share), ("repeat", self.repeat_share)):
            if not 0 <= share <= 1:
                raise ReviewError(f"Found a {name} share of {share}; expected 0 to 1.")
        if self.limit is not None and self.limit < 1:
            raise ReviewError(f"Found a limit of {self.limit} patches; expected 1 or more.")

    def __str__(self) -> str:
        """Return the plan in words, as it goes on the record."""
        size = "all" if self.limit is None else f"{self.limit:,}"
        return (
            f"{self.order}; {size} {agreeing('[patch|patches]', self.limit or 2)}, "
            f"{percent(self.control_share, 0)} of them random controls; "
            f"{percent(self.repeat_share, 0)} hidden repeats on top; random seed {self.seed}"
        )


@dataclass(frozen=True, slots=True)
class Worklist:
    """Patches, each once, and the tasks that show them.

    Attributes:
        patches: As a case takes them.
        tasks: In reading order.
    """

    patches: tuple[CasePatch, ...]
    tasks: tuple[Task, ...]


def candidates_of(rows: Iterable["ScoreRow"]) -> list[Candidate]:
    """Return the candidates among scored rows: each distinct image once, none unreadable."""
    candidates: dict[str, Candidate] = {}
    for row in rows:
        if row.status == "failed" or row.sha256 in candidates:
            continue
        patch = CasePatch(
            sha256=row.sha256,
            id=row.id,
            prob_tumour=row.prob_tumour,
            predicted_label=row.predicted_label,
            label=row.label,
            slide=row.slide,
        )
        candidates[row.sha256] = Candidate(patch=patch, d4_sd_logit=row.d4_sd_logit)
    return list(candidates.values())


def build_worklist(
    candidates: Sequence[Candidate], plan: WorklistPlan, *, threshold: float
) -> Worklist:
    """Return the worklist that a plan makes of candidates; the same for the same seed.

    Raises:
        ReviewError: No candidate passes the filters, or none has what the order goes by.
    """
    rng = np.random.default_rng(plan.seed)
    eligible = [candidate for candidate in candidates if plan.filters.let_pass(candidate.patch)]
    if not eligible:
        raise ReviewError(f"None of {len(candidates)} patches matches the filters. Loosen them.")
    ranked = _ranked(eligible, plan.order, threshold)
    size = min(plan.limit or len(ranked), len(ranked))
    controls = round(plan.control_share * size)
    leading = ranked[: size - controls]
    chosen = {candidate.patch.sha256 for candidate in leading}
    others = [candidate for candidate in candidates if candidate.patch.sha256 not in chosen]
    drawn = rng.choice(len(others), size=min(controls, len(others)), replace=False)
    patches = [candidate.patch for candidate in leading] + [others[index].patch for index in drawn]
    queue = _mixed_in(
        [Task(patch=index) for index in range(len(leading))],
        [Task(patch=len(leading) + k, origin=Origin.CONTROL) for k in range(len(drawn))],
        rng,
    )
    repeats = round(plan.repeat_share * len(queue))
    return Worklist(tuple(patches), tuple(_with_repeats(queue, repeats, plan.repeat_gap, rng)))


def patches_and_repeats(readings: int, repeat_share: float) -> tuple[int, float]:
    """Return how many patches, and which share of repeats on top, make so many readings.

    A reader who asked for 20 and counts 20 is not told by the count whether a patch came twice.
    """
    patches = max(1, round(readings / (1 + repeat_share)))
    return patches, (readings - patches) / patches


def _ranked(candidates: Sequence[Candidate], order: CaseOrder, threshold: float) -> list[Candidate]:
    if order is CaseOrder.AS_LISTED:
        return list(candidates)
    urgency = _URGENCY[order]
    measured = [(urgency(candidate, threshold), candidate) for candidate in candidates]
    if all(value is None for value, _ in measured):
        raise ReviewError(
            f"No patch has the measure for the order '{order}'. Choose another order, or score "
            "with that measure."
        )
    known = [(-value, one.patch.sha256, one) for value, one in measured if value is not None]
    known.sort(key=lambda ranked: ranked[:2])
    return [one for *_, one in known] + [one for value, one in measured if value is None]


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _SMALL), 1 - _SMALL)
    return log(inside / (1 - inside))


def _nearness(candidate: Candidate, threshold: float) -> float | None:
    probability = candidate.patch.prob_tumour
    return None if probability is None else -abs(_log_odds(probability) - _log_odds(threshold))


def _label_doubt(candidate: Candidate, _: float) -> float | None:
    label, probability = candidate.patch.label, candidate.patch.prob_tumour
    if label is None or probability is None:
        return None
    return 1 - probability if label == 1 else probability


_URGENCY: Final[Mapping[CaseOrder, Callable[[Candidate, float], float | None]]] = {
    CaseOrder.NEAREST_TO_THRESHOLD: _nearness,
    CaseOrder.D4_SPREAD: lambda candidate, _: candidate.d4_sd_logit,
    CaseOrder.SCORE: lambda candidate, _: candidate.patch.prob_tumour,
    CaseOrder.RING_DECIDED: lambda candidate, _: candidate.ring_margin,
    CaseOrder.LABEL_ERROR: _label_doubt,
}


def _mixed_in(
    ordered: Sequence[Task], controls: Sequence[Task], rng: np.random.Generator
) -> list[Task]:
    """Return both, the ordered in their order, the controls at random places."""
    total = len(ordered) + len(controls)
    places = set(rng.choice(total, size=len(controls), replace=False).tolist())
    one, other = iter(ordered), iter(controls)
    return [next(other) if place in places else next(one) for place in range(total)]


def _with_repeats(
    queue: Sequence[Task], repeats: int, gap: int, rng: np.random.Generator
) -> list[Task]:
    """Return the queue with some tasks a second time, each `gap` or more tasks after the first."""
    placed: list[tuple[int, Task]] = []
    for index in sorted(rng.choice(len(queue), size=repeats, replace=False).tolist()):
        earliest = min(index + 1 + gap, len(queue))
        slot = int(rng.integers(earliest, len(queue) + 1))
        placed.append((slot, Task(patch=queue[index].patch, origin=Origin.REPEAT)))
    result = list(queue)
    # Each goes before the queue's task at its slot, or to the end; from behind, so that slots hold.
    for slot, again in sorted(placed, key=itemgetter(0))[::-1]:
        result.insert(slot, again)
    return result
