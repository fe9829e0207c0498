"""One row per finished epoch: `metrics.csv`."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from core.files import replacing


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
    table = pd.DataFrame([asdict(record) for record in history], columns=columns)
    with replacing(path) as file:
        table.to_csv(file, index=False, lineterminator="\n")
