"""The steps of an epoch: saved now and then, and stopped after any of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch

from core.bundle import InputTransform
from training.data.feed import Feed
from training.data.split import IntArray
from training.learning.progress import Progress
from training.learning.state import LoopState, save_checkpoint
from training.recipes.recipe import Precision
from training.runs.folder import RunFolder


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


R = TypeVar("R")


@dataclass(frozen=True, eq=False, kw_only=True)
class LoopRun(Generic[R]):
    """What stays the same through a run of epochs, with labels or without.

    Attributes:
        digest: What its files are signed with.
        feed: The patches as batches.
        transform: From pixels to the network's input, on the device.
        device: Where it computes.
        precision: Of the passes.
        folder: Where it writes.
        pauses: When an epoch is interrupted.
        on_epoch: Told of every finished epoch.
    """

    digest: str
    feed: Feed
    transform: InputTransform
    device: torch.device
    precision: Precision
    folder: RunFolder
    pauses: Pauses = field(default_factory=Pauses)
    on_epoch: Callable[[R], None] = lambda _: None

    def checkpoint(self, state: LoopState[R], seconds: float) -> None:
        """Write where the run stands, so many seconds into the epoch under way."""
        path = self.folder.checkpoint
        save_checkpoint(path, state, config_digest=self.digest, seconds=seconds)


def steps_in(patches: int, batch_size: int) -> int:
    """Return the steps of an epoch.

    Whole batches only: normalisation over a remnant of few patches would be noise.
    """
    return max(1, patches // batch_size)


def take_steps(
    state: LoopState[Any],
    order: IntArray,
    batch_size: int,
    step: Callable[[IntArray], None],
    *,
    pauses: Pauses,
    save: Callable[[], None],
    progress: Progress,
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
