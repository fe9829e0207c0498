"""The training loop: epochs of steps, validation, early stopping."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.bundle import InputTransform, tumour_logit
from core.command_line import Bars
from core.errors import RunError
from training.data.pack import Feed, to_device
from training.data.split import IntArray, PatchTable, Split
from training.learning.front import Front, cut_front
from training.learning.loss import follow_teacher, tumour_losses
from training.learning.optimiser import freeze, set_learning_rate
from training.learning.randomness import balanced_order, epoch_order, step_generator
from training.learning.state import TrainingState, average_decay, save_checkpoint
from training.learning.team import Team
from training.learning.validation import Steering, predict, steer
from training.recipes.recipe import Precision
from training.recipes.schedule import Position, next_epoch
from training.runs.config import RunConfig
from training.runs.device import DTYPES
from training.runs.folder import RunFolder, write_scores, write_tensors
from training.runs.history import EpochRecord, write_metrics
from training.variation.augment import augment, draw_variation
from training.variation.transplant import draw_mixture, draw_transplants


class Stopped(Exception):  # noqa: N818 - no error: the reader asked for it
    """The run was asked to stop and has saved where it stands."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """What stays the same through the training of a classifier.

    Attributes:
        digest: What its files are signed with.
        table: What is known of the patches.
        split: Which of them train and validate.
        feed: The patches as batches.
        transform: From pixels to the network's input, on the device.
        precision: Of the passes.
        teacher_logits: By row of the table, float32 on the device, where a teacher is followed.
        team: The processes that share every batch.
        resized: The transform at other sizes, for phases that train at them.
        checkpoint_minutes: Between checkpoints.
        checkpoint_steps: Likewise, in steps; None means by minutes only.
        should_stop: Asked after every step.
        on_epoch: Told of every finished epoch.
    """

    config: RunConfig
    digest: str
    table: PatchTable
    split: Split
    feed: Feed
    transform: InputTransform
    device: torch.device
    precision: Precision
    folder: RunFolder
    teacher_logits: Tensor | None = None
    team: Team = field(default_factory=Team)
    resized: dict[int, InputTransform] = field(default_factory=dict)
    checkpoint_minutes: float = 2.0
    checkpoint_steps: int | None = None
    should_stop: Callable[[], bool] = lambda: False
    on_epoch: Callable[[EpochRecord], None] = lambda _: None

    def checkpoint(self, state: TrainingState, seconds: float) -> None:
        """Write where the run stands, so many seconds into the epoch under way."""
        path = self.folder.checkpoint
        save_checkpoint(path, state, config_digest=self.digest, seconds=seconds)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch: whole batches, as normalisation over a few patches would be noise."""
        return max(1, len(self.split.train) // self.config.recipe.batch_size)

    @property
    def patches_per_epoch(self) -> int:
        """Patches that an epoch trains on."""
        return min(len(self.split.train), self.steps_per_epoch * self.config.recipe.batch_size)


def fit(run: Run, state: TrainingState) -> None:
    """Train until the schedule ends or validation stops improving.

    Raises:
        Stopped: `run.should_stop` said so; the checkpoint is written.
        RunError: The loss or the scores are no longer finite.
    """
    schedule = run.config.recipe.schedule
    with Bars() as bars:

        def show() -> None:
            epochs = state.epoch + state.step / run.steps_per_epoch
            whole = schedule.epochs * run.patches_per_epoch
            bars.show("Training", round(epochs * run.patches_per_epoch), whole, "patch")

        show()
        phase, front = -1, None
        while (position := next_epoch(schedule, state.aucs, state.accuracies)) is not None:
            started = time.monotonic() - state.seconds
            freeze(state.network, position.frozen)
            if position.phase != phase:
                phase, front = position.phase, _front(run, state, position)
            _train_epoch(run, state, position, front, show)
            record = _validate_epoch(run, state, position, started)
            best = ", best so far" * (len(run.split.val) > 0 and state.best is record)
            bars.say(f"epoch {record.epoch + 1}/{schedule.epochs}: {record.summary}{best}")
            state.next_epoch()
            write_metrics(run.folder.metrics, state.history)
            run.checkpoint(state, 0.0)
            run.on_epoch(record)


def _front(run: Run, state: TrainingState, position: Position) -> Front | None:
    recipe, alone = run.config.recipe, run.device.type == "cpu" and run.team.size == 1
    # MixUp blends transformed patches; a front transforms them itself.
    if not position.frozen or not alone or recipe.mixup_alpha:
        return None
    transform = _transform(run, position.input_size_px)
    batch_size = min(recipe.batch_size, len(run.split.train))
    return cut_front(state.network, transform, batch_size, recipe.precision.cpu_front)


def _train_epoch(
    run: Run,
    state: TrainingState,
    position: Position,
    front: Front | None,
    show: Callable[[], None],
) -> None:
    """Take the steps that are left of an epoch; `show` is called after each of them.

    Raises:
        Stopped: `run.should_stop` said so; the checkpoint is written.
    """
    train, recipe, seed = run.split.train, run.config.recipe, run.config.seed
    order, batch = epoch_order(seed, state.epoch, len(train)), recipe.batch_size
    if recipe.weighted_sampling:
        order = balanced_order(seed, state.epoch, run.table.labels[train])
    saved = time.monotonic()
    started = saved - state.seconds
    while state.step < run.steps_per_epoch:
        rows = train[order[state.step * batch : (state.step + 1) * batch]]
        train_step(run, state, position, rows, front)
        state.step += 1
        show()
        stop = run.team.any(wish=run.should_stop(), device=run.device)
        if (
            stop
            or (run.checkpoint_steps is not None and state.step % run.checkpoint_steps == 0)
            or time.monotonic() - saved > run.checkpoint_minutes * 60
        ):
            run.checkpoint(state, time.monotonic() - started)
            saved = time.monotonic()
        if stop:
            raise Stopped


def train_step(
    run: Run,
    state: TrainingState,
    position: Position,
    rows: IntArray,
    front: Front | None = None,
) -> None:
    """Take one step of an epoch on some rows of the table."""
    recipe, schedule = run.config.recipe, run.config.recipe.schedule
    step = state.epoch * run.steps_per_epoch + state.step
    generator = step_generator(run.config.seed, state.epoch, state.step)
    with torch.no_grad():
        images, labels, teacher = run.feed.images(rows), run.feed.labels(rows), _teacher(run, rows)
        if recipe.transplant_share:
            transplants = draw_transplants(
                recipe.transplant_share, len(rows), generator, run.device
            )
            images = transplants.of(images)
            # The teacher has not seen these patches; their labels are certain.
            if teacher is not None:
                teacher = teacher.index_copy(0, transplants.rows, labels[transplants.rows])
        variation = draw_variation(recipe.augmentation, len(rows), generator)
        varied = augment(images, variation, recipe.augmentation)
        inputs = varied if front else _transform(run, position.input_size_px)(varied)
        if recipe.mixup_alpha:
            mixture = draw_mixture(recipe.mixup_alpha, len(rows), generator, run.device)
            inputs, labels = mixture.of(inputs), mixture.of(labels)
            teacher = None if teacher is None else mixture.of(teacher)
    set_learning_rate(state.optimiser, position.learning_rate(state.step, run.steps_per_epoch))
    with torch.autocast(
        run.device.type, dtype=DTYPES[run.precision], enabled=run.precision != "float32"
    ):
        outputs = front.outputs(inputs) if front else state.network(run.team.share(inputs))
    logits, train = tumour_logit(outputs).float(), run.config.train
    losses = tumour_losses(
        logits,
        run.team.share(labels),
        label_smoothing=recipe.label_smoothing,
        positive_weight=(
            (train.patches - train.positives) / train.positives if recipe.balance_classes else 1.0
        ),
        focal_gamma=recipe.focal_gamma,
    )
    if teacher is not None:
        losses = follow_teacher(
            losses,
            logits,
            run.team.share(teacher),
            share=recipe.distillation.weight,
            temperature=recipe.distillation.temperature,
        )
    loss = losses.mean()
    state.optimiser.zero_grad(set_to_none=True)
    # In all precisions but float16 the scaler does nothing.
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    run.team.average_gradients(state.network)
    if schedule.gradient_clip is not None:
        state.scaler.unscale_(state.optimiser)
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), schedule.gradient_clip)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    state.average.update(average_decay(recipe, step, schedule.epochs * run.steps_per_epoch))
    # Stays on the device: reading it would wait for the step.
    state.loss_sum += run.team.mean(loss.detach())


def _transform(run: Run, input_size_px: int | None) -> InputTransform:
    """Return the way from pixels to the network's input at a phase's own size."""
    if input_size_px is None:
        return run.transform
    if input_size_px not in run.resized:
        smaller = run.config.recipe.preprocessing.model_copy(
            update={"input_size_px": input_size_px}
        )
        run.resized[input_size_px] = InputTransform(smaller).to(run.device)
    return run.resized[input_size_px]


def _teacher(run: Run, rows: IntArray) -> Tensor | None:
    """Return the teacher's probabilities (N,) at the temperature of the distillation."""
    if run.teacher_logits is None:
        return None
    logits = run.teacher_logits[to_device(torch.from_numpy(rows), run.device)]
    return torch.sigmoid(logits / run.config.recipe.distillation.temperature)


def _validate_epoch(
    run: Run, state: TrainingState, position: Position, started: float
) -> EpochRecord:
    train_loss = float(state.loss_sum) / run.steps_per_epoch
    logits, raw = _validate(run, state.network, train_loss, state.epoch)
    ema, kept = raw, state.kept()
    if run.config.recipe.averages and len(run.split.val):
        logits, ema = _validate(run, kept, train_loss, state.epoch)
    record = EpochRecord(
        epoch=state.epoch,
        learning_rate=position.learning_rate(run.steps_per_epoch - 1, run.steps_per_epoch),
        train_loss=train_loss,
        raw_auc=raw.auc,
        raw_ap=raw.ap,
        raw_loss=raw.loss,
        ema_auc=ema.auc,
        ema_ap=ema.ap,
        ema_loss=ema.loss,
        ema_accuracy=ema.accuracy,
        seconds=time.monotonic() - started,
    )
    state.history.append(record)
    if state.best is record:
        facts = {"config_sha256": run.digest, "epoch": record.epoch, "auc": record.ema_auc}
        write_tensors(run.folder.best, kept.state_dict(), facts)
        if len(run.split.val):
            write_scores(run.folder.scores, run.table, run.split.val, logits)
    return record


def _validate(
    run: Run, network: torch.nn.Module, train_loss: float, epoch: int
) -> tuple[NDArray[np.float32], Steering]:
    rows = run.split.val
    if not len(rows) and math.isfinite(train_loss):
        return np.empty(0, np.float32), Steering()
    batch = max(256, run.config.recipe.batch_size) if run.device.type == "cuda" else 64
    logits = run.team.joined(
        rows, lambda part: predict(network, run.transform, run.feed, part, batch)
    )
    if not (math.isfinite(train_loss) and np.isfinite(logits).all()):
        raise RunError(
            f"Training diverged in epoch {epoch + 1}: the loss is {train_loss:g} and "
            f"{int((~np.isfinite(logits)).sum())} validation scores are not numbers. Start again "
            "with a smaller learning rate, or float32."
        )
    return logits, steer(run.table.labels[rows], logits)
