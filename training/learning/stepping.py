"""The steps of an epoch: saved now and then, and stopped after any of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from training.data.split import IntArray
from training.learning.progress import EpochBar
from training.learning.state import TrainingState


class Stopped(Exception):  # noqa: N818 - no error: the reader asked for it
    """The run was asked to stop and has saved where it stands."""


@dataclass(frozen=True)
class Pauses:
    """When the steps of an epoch are interrupted.

    Attributes:
        minutes: Between checkpoints.
        steps: Likewise, in steps; None means by minutes only.
        should_stop: Asked after every step.
    """

    minutes: float = 2.0
    steps: int | None = None
    should_stop: Callable[[], bool] = lambda: False


def steps_in(patches: int, batch_size: int) -> int:
    """Return the steps of an epoch.

    Whole batches only: normalisation over a remnant of few patches would be noise.
    """
    return max(1, patches // batch_size)


def take_steps(
    state: TrainingState,
    order: IntArray,
    batch_size: int,
    step: Callable[[IntArray], None],
    *,
    pauses: Pauses,
    save: Callable[[], None],
    progress: EpochBar,
) -> None:
    """Take the steps that are left of an epoch.

    Args:
        state: Says how many are done.
        order: (N,) what the epoch goes through; the remnant of a batch is left out.
        batch_size: Patches a step.
        step: Told its part of the order.
        pauses: When to save, and whether to stop.
        save: Writes the checkpoint.
        progress: Told of every step.

    Raises:
        Stopped: `pauses.should_stop` said so; the checkpoint is written.
    """
    saved = time.monotonic()
    while state.step < steps_in(len(order), batch_size):
        rows = order[state.step * batch_size : (state.step + 1) * batch_size]
        step(rows)
        state.step += 1
        progress.advance(len(rows))
        stop = pauses.should_stop()
        if (
            stop
            or (pauses.steps is not None and state.step % pauses.steps == 0)
            or time.monotonic() - saved > pauses.minutes * 60
        ):
            save()
            saved = time.monotonic()
        if stop:
            raise Stopped
