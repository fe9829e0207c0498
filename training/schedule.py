"""The learning rate at every step."""

import math

from training.recipe import Schedule


def learning_rate(schedule: Schedule, step: int, total_steps: int) -> float:
    """Return the learning rate of a step: linear warm-up, then the schedule's shape.

    Args:
        schedule: Its shape.
        step: 0..total_steps - 1 over the whole run, not the epoch.
        total_steps: Of all epochs, whether or not the run stops early.
    """
    warmup_steps = round(schedule.warmup_share * total_steps)
    if step < warmup_steps:
        return schedule.learning_rate * (step + 1) / warmup_steps
    if schedule.shape == "constant":
        return schedule.learning_rate
    done = (step - warmup_steps) / max(1, total_steps - 1 - warmup_steps)
    wave = (1 + math.cos(math.pi * min(1.0, done))) / 2
    return schedule.learning_rate * (schedule.final_share + (1 - schedule.final_share) * wave)
