"""The epochs of a pre-training."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import RunError
from training.data.split import IntArray
from training.learning.optimiser import build_adamw, set_learning_rate
from training.learning.progress import Progress
from training.learning.randomness import epoch_order, step_generator
from training.learning.state import LoopState
from training.learning.stepping import LoopRun, steps_in, take_steps
from training.pretraining.backbone import ProjectedBackbone
from training.pretraining.config import Pretraining
from training.pretraining.vicreg import spread, vicreg_terms
from training.recipes.schedule import learning_rate
from training.runs.history import PretrainingRecord, write_metrics
from training.variation.views import two_views

_SUMS = ("loss", "invariance", "variance", "covariance", "spread")

PretrainingState = LoopState[PretrainingRecord]


@dataclass(frozen=True, eq=False, kw_only=True)
class PretrainingRun(LoopRun[PretrainingRecord]):
    """What stays the same through a pre-training.

    Attributes:
        settings: How the network learns.
        seed: Of order and views.
        rows: (N,) of the feed, that are pre-trained on.
    """

    settings: Pretraining
    seed: int
    rows: IntArray

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return steps_in(len(self.rows), self.settings.batch_size)

    def learning_rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step of an epoch, both from 0."""
        done = epoch * self.steps_per_epoch + step
        total = self.settings.epochs * self.steps_per_epoch
        return learning_rate(self.settings.schedule, done, total)


def start_pretraining(
    network: ProjectedBackbone, settings: Pretraining, device: torch.device
) -> PretrainingState:
    """Return the state before the first step; moves the network to the device."""
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    return LoopState(
        network=network,
        optimiser=build_adamw(network, settings.weight_decay),
        loss_sum=torch.zeros(len(_SUMS), dtype=torch.float64, device=device),
        record=PretrainingRecord,
    )


def pretrain(run: PretrainingRun, state: PretrainingState) -> None:
    """Train until the last epoch.

    Raises:
        Stopped: `run.pauses.should_stop` said so; the checkpoint is written.
        RunError: The loss is no longer finite.
    """
    epochs, batch = run.settings.epochs, run.settings.batch_size
    per_epoch = run.steps_per_epoch * batch
    done = state.epoch * per_epoch + state.step * batch
    with Progress(epochs=epochs, patches_per_epoch=per_epoch, done=done) as progress:
        while state.epoch < epochs:
            progress.start_epoch(state.epoch)
            started = time.monotonic() - state.seconds
            _train_epoch(run, state, progress, started)
            record = _record(run, state, time.monotonic() - started)
            progress.finish_epoch(record)
            state.history.append(record)
            state.next_epoch()
            write_metrics(run.folder.metrics, state.history, PretrainingRecord)
            run.checkpoint(state, 0.0)
            run.on_epoch(record)


def _train_epoch(
    run: PretrainingRun, state: PretrainingState, progress: Progress, started: float
) -> None:
    take_steps(
        state,
        run.rows[epoch_order(run.seed, state.epoch, len(run.rows))],
        run.settings.batch_size,
        lambda rows: pretrain_step(run, state, rows),
        pauses=run.pauses,
        save=lambda: run.checkpoint(state, time.monotonic() - started),
        progress=progress,
    )


def pretrain_step(run: PretrainingRun, state: PretrainingState, rows: IntArray) -> None:
    """Take one step of an epoch on some rows of the feed."""
    settings = run.settings
    generator = step_generator(run.seed, state.epoch, state.step)
    with torch.no_grad():
        views = two_views(
            run.feed.images(rows), settings.augmentation, settings.least_side, generator
        )
        inputs = run.transform(views)
    set_learning_rate(state.optimiser, run.learning_rate(state.epoch, state.step))
    with torch.autocast(run.device.type, dtype=torch.bfloat16, enabled=run.precision == "bfloat16"):
        features, projections = state.network(inputs)
    terms = vicreg_terms(*projections.float().chunk(2))
    loss = (
        settings.invariance * terms.invariance
        + settings.variance * terms.variance
        + settings.covariance * terms.covariance
    )
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimiser.step()
    with torch.no_grad():
        parts = (loss, terms.invariance, terms.variance, terms.covariance, spread(features.float()))
        # Stays on the device: reading it would wait for the step.
        state.loss_sum += torch.stack(parts)


def _record(run: PretrainingRun, state: PretrainingState, seconds: float) -> PretrainingRecord:
    means: Tensor = state.loss_sum / run.steps_per_epoch
    record = PretrainingRecord(
        epoch=state.epoch,
        learning_rate=run.learning_rate(state.epoch, run.steps_per_epoch - 1),
        seconds=seconds,
        **dict(zip(_SUMS, means.tolist(), strict=True)),
    )
    if not math.isfinite(record.loss):
        raise RunError(
            f"Pre-training went astray in epoch {state.epoch + 1}: the loss is {record.loss:g}. "
            "Start again with a smaller --learning-rate, or float32."
        )
    return record
