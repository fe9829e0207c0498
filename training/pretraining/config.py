"""What a pre-training is: settings, network, data and start; the same config resumes."""

import hashlib
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from core.bundle import Architecture, Preprocessing
from core.errors import RunError
from training.data.pack import Pack
from training.data.unlabelled import Selection
from training.pretraining.vicreg import LEAST_SIDE, VIEW
from training.recipes.recipe import (
    CHECKED,
    Augmentation,
    Positive,
    Precisions,
    Recipe,
    Schedule,
    Share,
)
from training.runs.initial import InitialWeights


@dataclass(frozen=True, config=CHECKED)
class Pretraining:
    """How a network learns without labels; the weights of the terms are those of the paper.

    Attributes:
        epochs: Passes over the patches.
        batch_size: Patches a step; the network sees two views of each.
        learning_rate: Of AdamW, at the end of the warm-up; half a cosine down to 0.
        weight_decay: Of weight matrices and kernels.
        warmup_share: Share of all steps.
        projector_width: Of its three layers.
        invariance: Weight of the term.
        variance: Likewise.
        covariance: Likewise.
        least_side: Of a cropped view, as a share of the patch's side.
        augmentation: Of each view.
    """

    epochs: Annotated[int, Field(ge=1)] = 30
    batch_size: Annotated[int, Field(ge=8)] = 128
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    warmup_share: Share = 0.1
    projector_width: Annotated[int, Field(ge=8)] = 512
    invariance: Positive = 25.0
    variance: Positive = 25.0
    covariance: Positive = 1.0
    least_side: Annotated[float, Field(gt=0, le=1)] = LEAST_SIDE
    augmentation: Augmentation = VIEW

    @property
    def schedule(self) -> Schedule:
        """The learning rate over all steps."""
        return Schedule(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            warmup_share=self.warmup_share,
            final_share=0.0,
        )


_SETTINGS: Final = TypeAdapter(Pretraining)


def pretraining_of(values: dict[str, Any]) -> Pretraining:
    """Return settings from plain values; what is not given has its default.

    Raises:
        RunError: A value is out of range.
    """
    try:
        return _SETTINGS.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise RunError(f"Found {option} {first['input']}: {first['msg']}. Correct it.") from None


@dataclass(frozen=True, config=CHECKED)
class PretrainingConfig:
    """Everything that decides what a pre-training computes.

    Attributes:
        settings: How.
        recipe: Name of the recipe that the next three are from.
        network: What is pre-trained.
        preprocessing: From a patch to its input.
        precision: Of the passes.
        seed: 0 or greater.
        data: Name of the data.
        pixels_sha256: Hash of all packed pixels.
        patches: How many are pre-trained on.
        ids_sha256: Hash of their ids in order.
        slides: Those that are known, sorted.
        selection: Which patches they are.
        initial: Where the weights start.
    """

    settings: Pretraining
    recipe: str
    network: Architecture
    preprocessing: Preprocessing
    precision: Precisions
    seed: int
    data: str
    pixels_sha256: str
    patches: int
    ids_sha256: str
    slides: tuple[str, ...]
    selection: str
    initial: InitialWeights

    @classmethod
    def of(
        cls,
        *,
        settings: Pretraining,
        recipe: Recipe,
        seed: int,
        pack: Pack,
        selection: Selection,
        initial: InitialWeights,
    ) -> Self:
        """Return the config of a pre-training on a pack."""
        ids, slides = pack.table.ids[selection.rows], pack.table.slides[selection.rows]
        return cls(
            settings=settings,
            recipe=recipe.name,
            network=recipe.network,
            preprocessing=recipe.preprocessing,
            precision=recipe.precision,
            seed=seed,
            data=pack.source,
            pixels_sha256=pack.pixels_sha256,
            patches=len(ids),
            ids_sha256=hashlib.sha256("\n".join(ids.tolist()).encode()).hexdigest(),
            slides=tuple(np.unique(slides[slides != ""]).tolist()),
            selection=selection.origin,
            initial=initial,
        )

    def values(self) -> dict[str, Any]:
        """Return the config as plain values for JSON."""
        values: dict[str, Any] = _CONFIG.dump_python(self, mode="json")
        return values

    @classmethod
    def of_values(cls, values: dict[str, Any]) -> "PretrainingConfig":
        """Return the config that `values` gave; ValidationError if they are none."""
        return _CONFIG.validate_python(values)

    @property
    def description(self) -> str:
        """Where the backbone's weights are from, for the card of a model that starts with them."""
        return (
            f"pre-trained without labels (VICReg, {self.settings.epochs} epochs) on "
            f"{self.patches:,} patches of {self.data}, from {self.initial.description}"
        )


_CONFIG: Final = TypeAdapter(PretrainingConfig)
