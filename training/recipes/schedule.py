"""The learning rate at every step."""

import math
from typing import Final

from training.recipes.recipe import Schedule

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
