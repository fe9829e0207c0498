"""The steps of an epoch: shown to who waits, saved now and then, and stopped after any of them."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from tqdm import tqdm

from training.data.split import IntArray
from training.learning.state import TrainingState
from training.runs.history import EpochRecord

_FORMAT: Final = (
    "{desc} {percentage:3.0f}% |{bar:20}| {n_fmt}/{total_fmt} patches "
    "[{elapsed} gone, {remaining} left, {rate_fmt}{postfix}]"
)
_TERMINAL_INTERVAL_S: Final = 0.5
_LOG_INTERVAL_S: Final = 15.0


class EpochBar:
    """One bar over all epochs on stderr, fed with patches."""

    def __init__(self, *, epochs: int, patches_per_epoch: int, done: int) -> None:
        self._epochs = epochs
        interval_s = _TERMINAL_INTERVAL_S if sys.stderr.isatty() else _LOG_INTERVAL_S
        self._bar = tqdm(
            total=epochs * patches_per_epoch,
            initial=done,
            unit=" patches",
            bar_format=_FORMAT,
            mininterval=interval_s,
            maxinterval=max(10.0, interval_s),
            file=sys.stderr,
        )

    def start_epoch(self, epoch: int) -> None:
        """Show the number of the epoch that begins, from 0."""
        self._bar.set_description_str(f"epoch {epoch + 1}/{self._epochs}", refresh=False)

    def advance(self, patches: int) -> None:
        """Count trained patches."""
        self._bar.update(patches)

    def finish_epoch(self, record: EpochRecord, *, best: bool = False) -> None:
        """Print the epoch's line above the bar."""
        self._bar.write(
            f"epoch {record.epoch + 1}/{self._epochs}: {record.summary}"
            + (", best so far" if best else ""),
            file=sys.stderr,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


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
