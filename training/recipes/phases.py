"""Which phase a run is in, told from its validation AUCs alone, so that nothing can be lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from training.recipes.recipe import Frozen, Phase, Schedule
from training.recipes.schedule import learning_rate, plateaus


@dataclass(frozen=True)
class Position:
    """Where the next epoch stands.

    Attributes:
        phase: Number of its phase, from 0.
        name: Of the phase; "" where the schedule has none.
        schedule: Of this phase alone.
        frozen: Leading layers that do not learn in it.
        epoch: Within the phase, from 0.
        reductions: Plateaus within the phase so far.
        input_size_px: While training in it; None is the recipe's.
    """

    phase: int
    name: str
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
            return Position(
                number, phase.name, own, phase.frozen, len(left), reductions, phase.input_size_px
            )
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
