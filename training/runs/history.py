"""What a run wrote of each finished epoch: a row of `metrics.csv`, and TensorBoard's scalars."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import pandas as pd

from core.files import write_table
from training.runs.folder import RunFolder


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch cost and brought.

    Attributes:
        epoch: From 0.
        learning_rate: At its last step.
        train_loss: Mean over its steps, with smoothing, class weights and augmentation.
        raw_auc: Validation AUC of the weights as they are.
        raw_ap: Their average precision.
        raw_loss: Their cross-entropy on plain labels, in nats.
        ema_auc: Validation AUC of the averaged weights, which decides.
        ema_ap: Likewise.
        ema_loss: Likewise.
        seconds: Spent on training and validating it, in all sittings.
        ema_accuracy: At a probability of 0.5; NaN in runs from before it was noted, as all of
            these are where nothing validates.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    raw_auc: float
    raw_ap: float
    raw_loss: float
    ema_auc: float
    ema_ap: float
    ema_loss: float
    seconds: float
    ema_accuracy: float = math.nan

    @property
    def merit(self) -> float:
        """What the best epoch has most of: its AUC, or its number where nothing validates."""
        return self.ema_auc if math.isfinite(self.ema_auc) else float(self.epoch)

    @property
    def summary(self) -> str:
        """The epoch in a line."""
        if not math.isfinite(self.ema_auc):
            return f"train loss {self.train_loss:.4f}, {self.seconds:.0f} s"
        return (
            f"train loss {self.train_loss:.4f}, validation AUC {self.ema_auc:.4f} "
            f"(raw weights {self.raw_auc:.4f}), AP {self.ema_ap:.4f}, loss {self.ema_loss:.4f}, "
            f"{self.seconds:.0f} s"
        )


def write_metrics(path: Path, history: Sequence[EpochRecord]) -> None:
    """Write the history as CSV, whole or not at all."""
    columns = [field.name for field in fields(EpochRecord)]
    write_table(path, pd.DataFrame(map(asdict, history), columns=columns))


_TAGS: Final = {
    "train_loss": "loss/train, augmented",
    "raw_loss": "loss/validation, raw weights",
    "ema_loss": "loss/validation, averaged weights",
    "raw_auc": "AUC/validation, raw weights",
    "ema_auc": "AUC/validation, averaged weights",
    "raw_ap": "average precision/validation, raw weights",
    "ema_ap": "average precision/validation, averaged weights",
    "learning_rate": "learning rate",
    "seconds": "seconds per epoch",
}


@contextmanager
def open_event_log(
    folder: RunFolder, history: Sequence[EpochRecord], *, enabled: bool
) -> Iterator[Callable[[EpochRecord], None]]:
    """Give what logs an epoch.

    The log starts anew from the checkpoint's history every time: what a kill left behind, half a
    record or an epoch that is trained again, is gone, and nothing stands there twice.

    Args:
        folder: Of the run.
        history: The epochs that the checkpoint knows.
        enabled: False logs nothing and leaves the folder alone.
    """
    if not enabled:
        yield lambda _: None
        return
    # Imported here: TensorBoard takes a second to load, and many runs do without.
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

    for old in folder.events.glob("events.out.tfevents.*"):
        old.unlink()
    with SummaryWriter(str(folder.events)) as writer:

        def log(record: EpochRecord) -> None:
            for name, value in asdict(record).items():
                if name in _TAGS:
                    writer.add_scalar(_TAGS[name], value, record.epoch + 1)
            writer.flush()

        for record in history:
            log(record)
        yield log
