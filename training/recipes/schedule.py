"""The learning rate at every step, and the phase of a run, told from its validation AUCs alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from training.recipes.recipe import Frozen, Phase, Schedule

ONE_CYCLE_START: Final = 1 / 25
"""Where one cycle starts, as a share of the largest rate; PyTorch's and fastai's choice."""


def learning_rate(schedule: Schedule, step: int, total_steps: int, reductions: int = 0) -> float:
    """Return the learning rate of a step.

    Args:
        schedule: Its shape.
        step: 0..total_steps - 1 over the whole phase, not the epoch.
        total_steps: Of all its epochs, whether or not it stops early.
        reductions: Plateaus so far.
    """
    if schedule.shape == "one-cycle":
        return schedule.learning_rate * _one_cycle(schedule, step, total_steps)
    warmup_steps = round(schedule.warmup_share * total_steps)
    if step < warmup_steps:
        return schedule.learning_rate * (step + 1) / warmup_steps
    if schedule.shape == "constant":
        return schedule.learning_rate
    if schedule.shape == "plateau":
        return schedule.learning_rate * schedule.plateau_factor**reductions
    done = (step - warmup_steps) / max(1, total_steps - 1 - warmup_steps)
    return schedule.learning_rate * _half_cosine(1, schedule.final_share, done)


def plateaus(values: list[float], patience_epochs: int) -> int:
    """Return how often `patience_epochs` epochs in a row brought no better validation value."""
    best, waited, reductions = -math.inf, 0, 0
    for value in values:
        best, waited = (value, 0) if value > best else (best, waited + 1)
        if waited == patience_epochs:
            reductions, waited = reductions + 1, 0
    return reductions


def _one_cycle(schedule: Schedule, step: int, total_steps: int) -> float:
    top = schedule.warmup_share * total_steps - 1
    if step <= top:
        return _half_cosine(ONE_CYCLE_START, 1, step / top if top > 0 else 1.0)
    start = max(0.0, top)
    done = (step - start) / max(1.0, total_steps - 1 - start)
    return _half_cosine(1, schedule.final_share, done)


def _half_cosine(start: float, end: float, done: float) -> float:
    wave = (1 + math.cos(math.pi * min(1.0, done))) / 2
    return end + (start - end) * wave


@dataclass(frozen=True)
class Position:
    """Where the next epoch stands.

    Attributes:
        phase: Number of its phase, from 0.
        schedule: Of this phase alone.
        frozen: Leading layers that do not learn in it.
        epoch: Within the phase, from 0.
        reductions: Plateaus within the phase so far.
        input_size_px: While training in it; None is the recipe's.
    """

    phase: int
    schedule: Schedule
    frozen: Frozen
    epoch: int
    reductions: int
    input_size_px: int | None = None

    def learning_rate(self, step: int, steps_per_epoch: int) -> float:
        """Return the learning rate of a step of this epoch, from 0."""
        return learning_rate(
            self.schedule,
            self.epoch * steps_per_epoch + step,
            self.schedule.epochs * steps_per_epoch,
            self.reductions,
        )


def next_epoch(
    schedule: Schedule, aucs: Sequence[float], accuracies: Sequence[float] = ()
) -> Position | None:
    """Return where the epoch after some finished ones stands, None where the run is at its end.

    Args:
        schedule: Of the whole run.
        aucs: Validation AUC of every finished epoch.
        accuracies: Validation accuracy likewise, for plateaus of it.
    """
    left = list(aucs)
    watched = list(accuracies) if schedule.plateau_metric == "accuracy" else left
    for number, phase in enumerate(schedule.phases or (Phase("", schedule.epochs),)):
        patience = schedule.patience_epochs if schedule.keep == "best" else phase.epochs
        length = _length(phase.epochs, patience, left)
        if length is None:
            rate = phase.learning_rate or schedule.learning_rate
            own = replace(schedule, epochs=phase.epochs, learning_rate=rate, phases=())
            reductions = plateaus(watched, schedule.plateau_patience_epochs)
            return Position(number, own, phase.frozen, len(left), reductions, phase.input_size_px)
        left, watched = left[length:], watched[length:]
    return None


def _length(epochs: int, patience_epochs: int, aucs: Sequence[float]) -> int | None:
    """Return after how many of these epochs a phase ended, None where it goes on."""
    best = 0
    for epoch, auc in enumerate(aucs):
        if auc > aucs[best]:
            best = epoch
        if epoch + 1 == epochs or epoch - best >= patience_epochs:
            return epoch + 1
    return None
