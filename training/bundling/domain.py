"""What a bundle's training patches look like to its network, for telling what is unlike them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.bundle import build_network, read_bundle, write_card
from core.bundle.card import Architecture, TrainingDomain
from core.bundle.domain import fit_domain, write_domain
from core.engine import TorchEngine
from core.errors import RunError
from core.patches import ImageU8, Patch, SelectedSource
from training.bundling.scoring import in_passes, labelled_source
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
    train = _statistics(engine, options, TRAIN_NAME, at_most=options.patches)
    others = _statistics(engine, options, VAL_NAME)
    digest = write_domain(options.model, fit_domain(train, others, share=options.share))
    facts = TrainingDomain(
        layers=tuple(layers),
        patches=len(train),
        judged_on=f"{len(others):,} validation patches of other slides",
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
    found = [str(one["module"]) for one in listed if one["reduction"] in _REDUCTIONS]
    if not found:
        raise RunError(
            f"timm lists no layers of {architecture.name}. Name some with --layers, e.g. "
            "--layers blocks.1 --layers blocks.2."
        )
    return tuple(found)


def _statistics(
    engine: TorchEngine, options: DomainOptions, split: str, *, at_most: int | None = None
) -> NDArray[np.float32]:
    with labelled_source(options.data, split) as source:
        rows: Sequence[int] = range(len(source))
        if at_most is not None and at_most < len(source):
            random = np.random.default_rng(options.seed)
            rows = sorted(random.choice(len(source), at_most, replace=False).tolist())
        chosen = SelectedSource(source, rows).stream()
        images = [item.image_rgb_u8 for item in chosen if isinstance(item, Patch)]

    def statistics(batch: ImageU8) -> NDArray[np.float32]:
        found = engine.submit(batch).statistics()
        if found is None:
            raise RunError("The network gave no statistics of its layers.")
        return found

    return in_passes(np.stack(images), statistics, _PASS)
