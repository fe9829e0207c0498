"""Classifiers around small random networks of several kinds."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch

from core.bundle import Architecture, Preprocessing, build_network
from core.engine import TorchEngine
from core.scoring import Classifier
from tests.toys import TOY_PREPROCESSING

OpenRandom = Callable[..., Classifier]


@pytest.fixture(scope="session")
def open_random(toy_classifier: Classifier) -> OpenRandom:
    """Open a timm network with random weights; the same arguments give the same object."""

    @cache
    def open_(
        name: str,
        outputs: int = 1,
        crop_px: int | None = None,
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
            crop_px=crop_px,
            input_size_px=crop_px or 96,
        )
        engine = TorchEngine(architecture, preprocessing, weights, device="cpu")
        return replace(toy_classifier, engine=engine)

    return open_
