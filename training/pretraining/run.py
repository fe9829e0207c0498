"""A pre-training from its options to its backbone: its epochs, killed and continued at any step."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import torch
from torch import Tensor

from core.bundle import InputTransform
from core.errors import RunError
from core.patches import open_source
from training.data.feed import Feed
from training.data.pack import Pack, open_pack
from training.data.split import IntArray
from training.data.unlabelled import Selection, select_patches
from training.fitting import leaving_nothing, require_own_folder, say
from training.learning.optimiser import build_adamw, set_learning_rate
from training.learning.progress import Progress
from training.learning.randomness import epoch_order, seed_start, step_generator
from training.learning.state import LoopState, restore_checkpoint
from training.learning.stepping import LoopRun, Pauses, steps_in, take_steps
from training.learning.team import require_one_process
from training.options import PretrainOptions
from training.pretraining.config import Pretraining, PretrainingConfig, pretraining_of
from training.pretraining.vicreg import (
    ProjectedBackbone,
    initial_backbone,
    spread,
    two_views,
    vicreg_terms,
)
from training.recipes.schedule import learning_rate
from training.runs.config import require_same, values_digest
from training.runs.device import pass_precision, prepare_device, sitting
from training.runs.events import open_event_log
from training.runs.folder import RunFolder, read_recorded, write_json, write_tensors
from training.runs.history import PretrainingRecord, write_metrics
from training.runs.initial import IMAGENET, NONE, InitialWeights

PretrainingState = LoopState[PretrainingRecord]


def run_pretraining(options: PretrainOptions, *, should_stop: Callable[[], bool]) -> RunFolder:
    """Pre-train, or go on, and return the folder with the backbone.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: It cannot start, go on, or went astray.
    """
    require_one_process("pretrain")
    folder = RunFolder(options.out)
    with leaving_nothing(folder.root, folder.pretraining):
        return _pretrain(options, folder, should_stop)


def _pretrain(
    options: PretrainOptions, folder: RunFolder, should_stop: Callable[[], bool]
) -> RunFolder:
    settings = pretraining_of(options.wishes)
    device = prepare_device(options.device, options.threads, deterministic=options.deterministic)
    recorded = read_recorded(folder.pretraining, PretrainingConfig.of_values)
    if recorded is None:
        require_own_folder(folder, "pre-training")
    with open_source(options.data) as source:
        seed_start(options.seed)
        network, initial = _start(options, settings, recorded.config if recorded else None)
        options.out.mkdir(parents=True, exist_ok=True)
        pack = open_pack(source, options.cache or folder.pack, unlabelled=True)
    selection = select_patches(pack.table, with_held_out=options.with_held_out)
    _require_a_batch(selection, settings)
    config = PretrainingConfig.of(
        settings=settings,
        recipe=options.recipe,
        seed=options.seed,
        pack=pack,
        selection=selection,
        initial=initial,
    )
    if recorded is not None:
        require_same(recorded.config.values(), config.values(), "pre-training")
    precision = pass_precision(device, options.recipe.precision)
    now = sitting(device, precision)
    _say_what_is_run(config, pack, selection)
    say(f"device: {now['device']}, {precision}, {now['threads']} threads")
    if folder.outcome.is_file():
        say(f"This pre-training has finished already: {folder.backbone}")
        return folder
    values = recorded.values if recorded else config.values()
    sittings = [*(recorded.sittings if recorded else []), now]
    write_json(folder.pretraining, {"config": values, "sittings": sittings})
    state = start_pretraining(network, settings, device)
    digest = values_digest(values)
    if folder.checkpoint.is_file():
        restore_checkpoint(folder.checkpoint, state, config_digest=digest)
        say(f"Going on at epoch {state.epoch + 1}, step {state.step}.")
    run = PretrainingRun(
        settings=settings,
        seed=options.seed,
        digest=digest,
        rows=selection.rows,
        feed=Feed(pack, device),
        transform=InputTransform(options.recipe.preprocessing).to(device),
        device=device,
        precision=precision,
        folder=folder,
        pauses=Pauses(options.checkpoint_minutes, options.checkpoint_steps, should_stop),
    )
    with open_event_log(folder, state.history, enabled=options.tensorboard) as log:
        pretrain(replace(run, on_epoch=log), state)
    _finish(folder, config, digest, network, state)
    return folder


def _start(
    options: PretrainOptions, settings: Pretraining, recorded: PretrainingConfig | None
) -> tuple[ProjectedBackbone, InitialWeights]:
    init = options.init or options.recipe.init
    width = settings.projector_width
    if init == IMAGENET and recorded is not None:
        # The checkpoint brings the weights; going on must not need the network.
        network, _ = initial_backbone(options.recipe.network, NONE, width)
        return network, recorded.initial
    return initial_backbone(options.recipe.network, init, width)


def _require_a_batch(selection: Selection, settings: Pretraining) -> None:
    if len(selection.rows) < settings.batch_size:
        raise RunError(
            f"Found {len(selection.rows):,} patches to pre-train on ({selection.origin}) and "
            f"batches of {settings.batch_size}; expected a batch at least. Add patches, or ask "
            "for a smaller --batch-size."
        )


def _finish(
    folder: RunFolder,
    config: PretrainingConfig,
    digest: str,
    network: ProjectedBackbone,
    state: PretrainingState,
) -> None:
    facts = {
        "config_sha256": digest,
        "description": config.description,
        "slides_sha256": [hashlib.sha256(slide.encode()).hexdigest() for slide in config.slides],
    }
    # The backbone alone in timm's naming, as `fit --init` takes it, with its provenance.
    write_tensors(folder.backbone, network.backbone.state_dict(), facts)
    last = state.history[-1]
    write_json(
        folder.outcome,
        {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "epochs": len(state.history),
            "loss": last.loss,
            "spread": last.spread,
            "training_seconds": sum(record.seconds for record in state.history),
        },
    )
    say(
        f"Finished after {len(state.history)} epochs. Next: python -m training fit --data DIR "
        f"--out RUN --recipe {config.recipe} --init {folder.backbone}"
    )


def _say_what_is_run(config: PretrainingConfig, pack: Pack, selection: Selection) -> None:
    say(
        f"pre-train: {config.patches:,} patches of {len(config.slides)} known slides "
        f"({selection.origin}); {selection.held_out:,} left out"
    )
    say(f"recipe: {config.recipe}; start: {config.initial.description}")
    if pack.unreadable:
        say(f"Left out: {pack.unreadable:,} patches that could not be read (see unreadable.csv).")
    for warning in selection.warnings:
        say(f"Note: {warning}")


_SUMS = ("loss", "invariance", "variance", "covariance", "spread")


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
