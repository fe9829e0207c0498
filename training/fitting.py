"""A run from its options to its folder: opens the data, starts or resumes, and finishes."""

import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime

import torch
from torch import nn

from core.bundle import InputTransform, build_network
from core.errors import RunError
from core.patches import open_source
from training.bundling.scoring import trained_slides
from training.data.feed import Feed
from training.data.pack import open_pack
from training.data.split import (
    PatchTable,
    Split,
    limit_training,
    split_fold,
    split_patches,
)
from training.data.teacher import read_teacher
from training.learning.loop import Run, fit
from training.learning.randomness import seed_start
from training.learning.state import TrainingState, restore_checkpoint
from training.learning.stepping import Pauses
from training.learning.team import Team, open_team, synchronised
from training.options import FitOptions
from training.runs.config import RunConfig, require_same_run, values_digest
from training.runs.curves import write_curves
from training.runs.device import describe_surroundings, pass_precision, prepare_device
from training.runs.events import open_event_log
from training.runs.folder import RunFolder, read_config, write_config, write_json
from training.runs.initial import CHANCE, IMAGENET, InitialWeights, initial_network


def run_fit(options: FitOptions, *, should_stop: Callable[[], bool]) -> RunFolder:
    """Train, or go on training, and return the folder with the finished run.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: The run cannot start, go on, or went astray.
    """
    with open_team(options.device) as team:
        return _fit(options, team, should_stop)


def _fit(options: FitOptions, team: Team, should_stop: Callable[[], bool]) -> RunFolder:
    folder = RunFolder(options.out)
    device = prepare_device(options.device, options.threads, deterministic=options.deterministic)
    recorded = read_config(folder)
    if recorded is None and options.out.is_dir() and any(options.out.iterdir()):
        raise RunError(f"{options.out} is not empty and holds no run. Name a new folder.")
    seed_start(options.seed)
    network, initial = _start(options, recorded.config if recorded else None)
    team.wait()  # until here nobody has written, so all have found the same
    with team.first_alone(), open_source(options.data) as source:
        options.out.mkdir(parents=True, exist_ok=True)
        pack = open_pack(source, options.cache or folder.pack)
        for note in source.notes:
            say(f"Note: {note}")
    split = _noting_pretraining(_split(options, pack.table), pack.table, initial)
    teacher = (
        read_teacher(options.teacher_scores, pack.table, split.train)
        if options.teacher_scores
        else None
    )
    config = RunConfig.of(
        recipe=options.recipe,
        seed=options.seed,
        pack=pack,
        split=split,
        initial=initial,
        teacher_sha256=teacher.sha256 if teacher else "",
    )
    if recorded is not None:
        require_same_run(recorded.config, config)
    precision = pass_precision(device, options.recipe.precision)
    sitting = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "processes": team.size,
        **asdict(describe_surroundings(device, precision)),
    }
    say_what_is_run(config, f"{sitting['device']}, {precision}, {sitting['threads']} threads")
    if folder.outcome.is_file():
        say(f"This run has finished already; {folder.outcome} says how.")
        return folder
    values = recorded.values if recorded else config.values()
    digest = values_digest(values)
    own = RunFolder(team.folder(folder.root))
    team.require_equal_shares(options.recipe.batch_size, len(split.train))
    write_config(own, values, [*(recorded.sittings if recorded else []), sitting])
    state = TrainingState.start(
        synchronised(network, team, device),
        weight_decay=options.recipe.schedule.weight_decay,
        device=device,
        layer_decay=options.recipe.schedule.layer_decay,
    )
    if folder.checkpoint.is_file():
        restore_checkpoint(folder.checkpoint, state, config_digest=digest)
        say(f"Going on at epoch {state.epoch + 1}, step {state.step}.")
    run = Run(
        config=config,
        digest=digest,
        table=pack.table,
        split=split,
        feed=Feed(pack, device),
        transform=InputTransform(options.recipe.preprocessing).to(device),
        device=device,
        precision=precision,
        folder=own,
        team=team,
        teacher_logits=torch.from_numpy(teacher.logits).to(device) if teacher else None,
        pauses=Pauses(options.checkpoint_minutes, options.checkpoint_steps, should_stop),
    )
    with open_event_log(own, state.history, wanted=options.tensorboard) as log:
        fit(replace(run, on_epoch=log), state)
    _finish(own, config, state)
    return folder


def _split(options: FitOptions, table: PatchTable) -> Split:
    seed, at_random = options.seed, options.random_split
    if options.fold is not None:
        split = split_fold(table, options.fold, seed=seed, at_random=at_random)
    else:
        split = split_patches(table, seed=seed, val_share=options.val_share, at_random=at_random)
    if options.train_patches is None:
        return split
    return limit_training(table, split, options.train_patches, seed=seed)


def _noting_pretraining(split: Split, table: PatchTable, initial: InitialWeights) -> Split:
    """Return a split whose warnings say which validation slides the initial weights have seen."""
    slides = set(table.slides[split.val].tolist()) - {""}
    seen = trained_slides(slides, initial.slides_sha256)
    if not seen:
        return split
    warning = (
        f"{len(seen)} of {len(slides)} validation slides are among those that the initial weights "
        "were pre-trained on, without labels; the scores may be too good."
    )
    return replace(split, warnings=(*split.warnings, warning))


def _start(options: FitOptions, recorded: RunConfig | None) -> tuple[nn.Module, InitialWeights]:
    init = options.init or options.recipe.init
    if init == IMAGENET and recorded is not None:
        # The checkpoint brings the weights; going on must not need the network.
        return build_network(options.recipe.network), recorded.initial
    return initial_network(options.recipe.network, init)


def _finish(folder: RunFolder, config: RunConfig, state: TrainingState) -> None:
    best = state.best
    if best is None:
        raise RunError("The run ended without an epoch. Set schedule.epochs to 1 or more.")
    write_curves(folder.curves, state.history, folder.scores)
    planned = config.recipe.schedule.epochs
    write_json(
        folder.outcome,
        {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "epochs": len(state.history),
            "stopped_early": len(state.history) < planned,
            "best_epoch": best.epoch,
            "validation_auc": best.ema_auc,
            "training_seconds": sum(record.seconds for record in state.history),
        },
    )
    say(
        f"Finished after {len(state.history)} of {planned} epochs; best validation AUC "
        f"{best.ema_auc:.4f} in epoch {best.epoch + 1} (the epoch was chosen by it, so it is "
        f"slightly too good). Next: python -m training export {folder.root} --to DIR"
    )


def say_what_is_run(config: RunConfig, device: str) -> None:
    """Tell the reader what is trained on what."""
    for name, part in (("train", config.train), ("validate", config.val)):
        say(
            f"{name}: {part.patches:,} patches, {part.positives / part.patches:.1%} with tumour, "
            f"{len(part.slides)} known slides, {part.without_slide:,} patches of unknown slide"
        )
    say(f"split: {config.split}; recipe: {config.recipe.name}; start: {config.initial.description}")
    say(f"device: {device}")
    if config.unreadable:
        say(f"Left out: {config.unreadable:,} patches that could not be read (see unreadable.csv).")
    for warning in config.split_warnings:
        say(f"Note: {warning}")
    if config.recipe.schedule.freezes and config.initial.description == CHANCE:
        say(
            "Warning: the recipe freezes layers, and they start at random and stay so. The result "
            "says nothing about the recipe; name trained weights with --init."
        )


def say(line: str) -> None:
    """Write a line for the person who waits."""
    sys.stderr.write(line + "\n")
