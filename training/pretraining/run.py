"""A pre-training from its options to its backbone."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from core.bundle import InputTransform
from core.errors import RunError
from core.patches import open_source
from training.data.feed import Feed
from training.data.pack import Pack, open_pack
from training.data.unlabelled import Selection, select_patches
from training.fitting import leaving_nothing, require_own_folder, say
from training.learning.randomness import seed_start
from training.learning.state import restore_checkpoint
from training.learning.stepping import Pauses
from training.learning.team import require_one_process
from training.options import PretrainOptions
from training.pretraining.backbone import ProjectedBackbone, initial_backbone
from training.pretraining.config import Pretraining, PretrainingConfig, pretraining_of
from training.pretraining.loop import PretrainingRun, PretrainingState, pretrain, start_pretraining
from training.runs.config import require_same, values_digest
from training.runs.device import pass_precision, prepare_device, sitting
from training.runs.events import open_event_log
from training.runs.folder import RunFolder, read_recorded, write_json, write_tensors
from training.runs.initial import IMAGENET, NONE, InitialWeights


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
