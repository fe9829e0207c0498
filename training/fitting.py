"""A run from its options to its folder: opens the data, starts or resumes, and finishes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import nn

from core.bundle import InputTransform, build_network, known_slides
from core.command_line import say
from core.errors import NodelensError, RunError
from core.files import alone_in, write_json
from core.wording import percent
from training.data.labelled import open_labelled, read_teacher
from training.data.pack import Feed, open_pack, require_labels
from training.data.split import (
    PatchTable,
    Split,
    limit_training,
    split_fold,
    split_none,
    split_patches,
)
from training.learning.loop import Run, fit
from training.learning.randomness import seed_start
from training.learning.state import TrainingState, restore_checkpoint
from training.learning.team import Team, open_team, synchronised
from training.learning.validation import predict_with
from training.options import FitOptions
from training.runs.config import RunConfig, require_same, values_digest
from training.runs.device import pass_precision, prepare_device, sitting
from training.runs.folder import (
    RunFolder,
    read_config,
    read_tensors,
    write_config,
    write_scores,
)
from training.runs.history import open_event_log
from training.runs.initial import (
    IMAGENET,
    PREFIX,
    InitialWeights,
    initial_network,
    require_known_network,
)


def run_fit(options: FitOptions, *, should_stop: Callable[[], bool]) -> RunFolder:
    """Train, or go on training, and return the folder with the finished run.

    A run that cannot start leaves no folder behind.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: The run cannot start, go on, or went astray.
    """
    folder = RunFolder(options.out)
    with leaving_nothing(folder.root, folder.config), open_team(options.device) as team:
        return _fit(options, team, should_stop)


@contextmanager
def leaving_nothing(root: Path, config: Path) -> Iterator[None]:
    """Remove a new folder where what was to start in it failed before its config was written."""
    new = not root.exists()
    try:
        yield
    except NodelensError:
        if new and not config.is_file():
            shutil.rmtree(root, ignore_errors=True)
        raise


def require_own_folder(folder: RunFolder) -> None:
    """Check that a folder is empty but for patches that a start before had decoded.

    Raises:
        RunError: It holds something else.
    """
    if folder.root.is_dir() and any(path != folder.pack for path in folder.root.iterdir()):
        raise RunError(f"{folder.root} is not empty and contains no run. Name a new folder.")


def _fit(options: FitOptions, team: Team, should_stop: Callable[[], bool]) -> RunFolder:
    folder = RunFolder(options.out)
    device = prepare_device(options.device, options.threads, deterministic=options.deterministic)
    recorded = read_config(folder)
    if recorded is None:
        require_own_folder(folder)
    require_known_network(options.recipe.network.name)
    with open_labelled(options.data) as source:
        for note in source.remarks:
            say(f"Note: {note}")
        # What can be told without decoding or fetching anything is told first.
        _split(options, require_labels(source))
        seed_start(options.seed)
        network, initial = _start(options, recorded.config if recorded else None)
        team.wait()  # until here nobody has written, so all have found the same
        with team.first_alone():
            options.out.mkdir(parents=True, exist_ok=True)
            pack = open_pack(source, options.cache or folder.pack)
    split = _noting_start(_split(options, pack.table), pack.table, initial)
    taught, teacher_sha256 = None, ""
    if options.teacher_scores is not None:
        taught, teacher_sha256 = read_teacher(options.teacher_scores, pack.table, split.train)
    config = RunConfig.of(
        recipe=options.recipe,
        seed=options.seed,
        pack=pack,
        split=split,
        initial=initial,
        teacher_sha256=teacher_sha256,
    )
    if recorded is not None:
        require_same(recorded.config.values(), config.values())
    precision = pass_precision(device, options.recipe.precision)
    now = sitting(device, precision, team.size)
    say_what_is_run(config, f"{now['device']}, {precision}, {now['threads']} threads")
    if folder.outcome.is_file():
        say(f"This run has already finished; see {folder.outcome}.")
        return folder
    values = recorded.values if recorded else config.values()
    digest = values_digest(values)
    own = RunFolder(team.folder(folder.root))
    team.require_equal_shares(options.recipe.batch_size, len(split.train))
    write_config(own, values, [*(recorded.sittings if recorded else []), now])
    network = synchronised(network, team, device)
    state = TrainingState(network, options.recipe, device, precision)
    if folder.checkpoint.is_file():
        restore_checkpoint(folder.checkpoint, state, config_digest=digest)
        say(f"Resuming at epoch {state.epoch + 1}, step {state.step}.")
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
        teacher_logits=None if taught is None else torch.from_numpy(taught).to(device),
        checkpoint_minutes=options.checkpoint_minutes,
        checkpoint_steps=options.checkpoint_steps,
        should_stop=should_stop,
    )
    with alone_in(own.root), open_event_log(own, state.history, enabled=options.tensorboard) as log:
        fit(replace(run, on_epoch=log), state)
    if len(split.teach):
        _write_teaching(run)
    _finish(own, config, state)
    return folder


def _split(options: FitOptions, table: PatchTable) -> Split:
    seed, at_random = options.seed, options.random_split
    if options.all_slides:
        return split_none(table)
    if options.fold is not None:
        split = split_fold(
            table,
            options.fold,
            seed=seed,
            at_random=at_random,
            teach_unknown=options.teach_unknown,
        )
    else:
        split = split_patches(table, seed=seed, val_share=options.val_share, at_random=at_random)
    if options.train_patches is None:
        return split
    return limit_training(table, split, options.train_patches, seed=seed)


def planned_split(options: FitOptions) -> tuple[PatchTable, Split]:
    """Return patches and split of a run, as far as they can be told without decoding anything.

    Raises:
        NodelensError: There is no split.
    """
    with open_labelled(options.data) as source:
        table = require_labels(source)
    return table, _split(options, table)


def _write_teaching(run: Run) -> None:
    """Write what the best weights say of the patches that only teach."""
    rows, weights = run.split.teach, read_tensors(run.folder.best)[0]
    logits = predict_with(run.config.recipe, weights, run.feed, rows, run.device)
    write_scores(run.folder.teaching, run.table, rows, logits)


def _noting_start(split: Split, table: PatchTable, initial: InitialWeights) -> Split:
    """Return a split whose warnings say what the initial weights have seen of its validation."""
    notes = []
    slides = set(table.slides[split.val].tolist()) - {""}
    if seen := known_slides(slides, initial.slides_sha256):
        notes.append(
            f"{len(seen)} of {len(slides)} validation slides were used to pre-train the initial "
            "weights, without labels; the scores may be too good."
        )
    if initial.has_seen_pcam:
        notes.append(
            "The initial weights were trained on PCam or CAMELYON, so they may have seen these "
            "slides; the scores may be too good."
        )
    return replace(split, warnings=(*split.warnings, *notes))


def _start(options: FitOptions, recorded: RunConfig | None) -> tuple[nn.Module, InitialWeights]:
    init = options.init or options.recipe.init
    if recorded is not None and (init == IMAGENET or init.startswith(PREFIX)):
        # The checkpoint brings the weights; going on must not need the network.
        return build_network(options.recipe.network), recorded.initial
    return initial_network(options.recipe.network, init, accept_licence=options.accept_licence)


def _finish(folder: RunFolder, config: RunConfig, state: TrainingState) -> None:
    best = state.best
    if best is None:
        raise RunError("The run ended before its first epoch. Set schedule.epochs to 1 or more.")
    planned = config.recipe.schedule.epochs
    write_json(
        folder.outcome,
        {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "epochs": len(state.history),
            "stopped_early": len(state.history) < planned,
            "best_epoch": best.epoch,
            "validation_auc": best.ema_auc if config.val.patches else None,
            "training_seconds": sum(record.seconds for record in state.history),
        },
    )
    if not config.val.patches:
        say(
            f"Finished after {planned} epochs; nothing validated. Next: python -m training export "
            f"{folder.root} --to DIR --calibrate-from CROSSVAL"
        )
        return
    reached = (
        f"validation AUC {best.ema_auc:.4f} at its end"
        if config.recipe.schedule.keep == "last"
        else f"best validation AUC {best.ema_auc:.4f} in epoch {best.epoch + 1} (the epoch was "
        "chosen by it, so it is slightly too good)"
    )
    say(
        f"Finished after {len(state.history)} of {planned} epochs; {reached}. "
        f"Metrics: {folder.metrics}. Next: python -m training evaluate {folder.root} --out DIR, or "
        f"python -m training export {folder.root} --to DIR"
    )


def say_what_is_run(config: RunConfig, device: str) -> None:
    """Tell the reader what is trained on what."""
    for name, part in (("train", config.train), ("validate", config.val)):
        if not part.patches:
            say(f"{name}: nothing; every patch trains, for all epochs")
            continue
        say(
            f"{name}: {part.patches:,} patches, {percent(part.positives / part.patches)} with "
            f"tumour, {len(part.slides)} known slides, {part.without_slide:,} patches of unknown "
            "slide"
        )
    say(f"split: {config.split}; recipe: {config.recipe.name}; start: {config.initial.description}")
    say(f"device: {device}")
    if config.unreadable:
        say(f"Left out: {config.unreadable:,} patches that could not be read (see unreadable.csv).")
    for warning in (*config.split_warnings, *config.recipe.notes):
        say(f"Note: {warning}")
    if config.recipe.schedule.freezes and config.initial.at_chance:
        say(
            "Warning: the recipe freezes layers that start from random weights. The result says "
            "nothing about the recipe; name trained weights with --init."
        )
