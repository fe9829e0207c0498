"""What a bundle's training patches look like to its network, for telling what is unlike them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.bundle import build_network, read_bundle, read_validation, write_card
from core.bundle.card import Architecture, TrainingDomain
from core.bundle.domain import fit_domain, left_out_in_turn, write_domain
from core.engine import TorchEngine, in_passes
from core.errors import RunError
from core.patches import ImageU8, Patch, PatchSource, SelectedSource
from training.bundling.scoring import ALL, labelled_source
from training.data.split import TRAIN_NAME, VAL_NAME
from training.options import DomainOptions

_PASS = 64
_REDUCTIONS = (4, 8, 16)
"""Of the input's side: early enough to see texture and stain, late enough to see structure."""


def run_domain(options: DomainOptions) -> TrainingDomain:
    """Measure training and validation patches, write the reference and the card's part on it.

    Raises:
        RunError: The network lists no such layers.
        NodelensError: There is no usable model, or a part of the data is missing.
    """
    bundle = read_bundle(options.model)
    card = bundle.card
    layers = options.layers or early_layers(card.architecture)
    engine = TorchEngine(
        card.architecture, card.preprocessing, bundle.weights, layers=layers, device="cpu"
    )
    scores = read_validation(options.model)
    if scores.folds is not None:
        folds = dict(zip(scores.ids.tolist(), scores.folds.tolist(), strict=True))
        train, left_out = _all_statistics(engine, options, folds)
        domain = fit_domain(train, left_out_in_turn(train, left_out), share=options.share)
        judged_on = (
            f"{int((left_out > 0).sum()):,} patches of known slides, each compared with patches of "
            "other slides"
        )
    else:
        train = _statistics(engine, options, TRAIN_NAME, at_most=options.patches)
        others = _statistics(engine, options, VAL_NAME)
        domain = fit_domain(train, [(train, others)], share=options.share)
        judged_on = f"{len(others):,} validation patches of other slides"
    digest = write_domain(options.model, domain)
    facts = TrainingDomain(
        layers=tuple(layers),
        patches=len(train),
        judged_on=judged_on,
        share=options.share,
        sha256=digest,
    )
    write_card(options.model, card.model_copy(update={"domain": facts}))
    return facts


def early_layers(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of the layers at a quarter, an eighth and a sixteenth of the input's side.

    Raises:
        RunError: timm lists none for this network.
    """
    listed = getattr(build_network(architecture), "feature_info", None) or []
    layers = [str(one["module"]) for one in listed if one["reduction"] in _REDUCTIONS]
    if not layers:
        raise RunError(
            f"timm lists no layers of {architecture.name}. Name some with --layers, e.g. --layers "
            "blocks.1 --layers blocks.2."
        )
    return tuple(layers)


def _statistics(
    engine: TorchEngine, options: DomainOptions, split: str, *, at_most: int | None = None
) -> NDArray[np.float32]:
    with labelled_source(options.data, split) as source:
        return _of_rows(engine, source, _drawn(range(len(source)), at_most, options.seed))


def _all_statistics(
    engine: TorchEngine, options: DomainOptions, folds: Mapping[str, int]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return statistics of all patches in folds and of some others, and their folds, 0 if none."""
    with labelled_source(options.data, ALL) as source:
        own = [folds.get(entry.id, 0) for entry in source.entries]
        known = [row for row, fold in enumerate(own) if fold]
        others = [row for row, fold in enumerate(own) if not fold]
        rows = sorted([*known, *_drawn(others, options.patches, options.seed)])
        return _of_rows(engine, source, rows), np.array([own[row] for row in rows])


def _drawn(rows: Sequence[int], at_most: int | None, seed: int) -> Sequence[int]:
    if at_most is None or at_most >= len(rows):
        return rows
    drawn = np.random.default_rng(seed).choice(len(rows), at_most, replace=False)
    return sorted(rows[number] for number in drawn.tolist())


def _of_rows(engine: TorchEngine, source: PatchSource, rows: Sequence[int]) -> NDArray[np.float32]:
    chosen = SelectedSource(source, rows).stream()
    images = [item.image_rgb_u8 for item in chosen if isinstance(item, Patch)]

    def statistics(batch: ImageU8) -> NDArray[np.float32]:
        layer_statistics = engine.submit(batch)().statistics
        if layer_statistics is None:
            raise RunError("The network has no statistics of its layers.")
        return layer_statistics

    return in_passes(np.stack(images), statistics, _PASS)
