"""Progress for a person who waits: epoch, rate, time left, and a line after every epoch."""

import sys
from typing import Final, Self

from tqdm import tqdm

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
