"""Classifiers around small random networks of several kinds."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch

from core.bundle import Architecture, Preprocessing, build_network
from core.engine import TorchEngine
from core.patches import ImageU8, Patch, PatchEntry
from core.scoring import Classifier
from tests.toys import TOY_PREPROCESSING

OpenRandom = Callable[..., Classifier]


def patch_of(number: int, image_rgb_u8: ImageU8, label: int | None = None) -> Patch:
    """Return an image as an input of a source."""
    return Patch(number, PatchEntry(f"p{number}", f"p{number}.png", label), image_rgb_u8, "")


@pytest.fixture(scope="session")
def open_random(toy_classifier: Classifier) -> OpenRandom:
    """Open a timm network with random weights; the same arguments give the same object.

    Below 96 px it looks at a crop, above at the patch enlarged.
    """

    @cache
    def open_(
        name: str,
        outputs: int = 1,
        side_px: int | None = None,
        arguments: tuple[tuple[str, str | int | bool], ...] = (),
        pooling: str = "network",
    ) -> Classifier:
        torch.manual_seed(3)
        architecture = Architecture.model_validate(
            {
                "name": name,
                "outputs": outputs,
                "arguments": dict(arguments),
                "pooling": pooling,
            }
        )
        weights = build_network(architecture).state_dict()
        preprocessing = Preprocessing(
            mean=TOY_PREPROCESSING.mean,
            std=TOY_PREPROCESSING.std,
            crop_px=side_px if side_px and side_px < 96 else None,
            input_size_px=side_px or 96,
        )
        engine = TorchEngine(architecture, preprocessing, weights, device="cpu")
        return replace(toy_classifier, engine=engine)

    return open_
