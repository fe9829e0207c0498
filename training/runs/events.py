"""TensorBoard's event files of a run: one scalar of each kind for every finished epoch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

from training.runs.folder import RunFolder
from training.runs.history import EpochRecord

_TAGS: Final = {
    "train_loss": "loss/train, augmented",
    "raw_loss": "loss/validation, raw weights",
    "ema_loss": "loss/validation, averaged weights",
    "raw_auc": "AUC/validation, raw weights",
    "ema_auc": "AUC/validation, averaged weights",
    "raw_ap": "average precision/validation, raw weights",
    "ema_ap": "average precision/validation, averaged weights",
    "learning_rate": "learning rate",
    "seconds": "seconds an epoch",
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
