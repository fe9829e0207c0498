"""Toy objects for tests: a tiny network in a real bundle, and patches of noise."""

import dataclasses
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image

from core.bundle import (
    Architecture,
    Card,
    DataSummary,
    GoldenPatches,
    OperatingPoint,
    Preprocessing,
    StartingWeights,
    Validation,
    build_network,
    write_card,
    write_golden,
    write_validation,
    write_weights,
)
from core.engine import Details, Engine, Finished, Pending, TorchEngine
from core.patches import ImageU8
from core.scoring import ScoreRow, Status
from core.statistics import Measured

TOY_ARCHITECTURE = Architecture(name="test_efficientnet")
TOY_PREPROCESSING = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class ToyEngine(Engine):
    """An engine that is a rule; subclasses say which."""

    name, device = "toy", "cpu"

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        raise NotImplementedError

    def submit(self, images_rgb_u8: ImageU8) -> Pending:
        logits = self.forward(images_rgb_u8)
        return lambda: Finished(logits)

    def details(self, images_rgb_u8: ImageU8) -> Details:
        return Details(self.logits(images_rgb_u8), None, None)

    def pytorch(self) -> TorchEngine:
        raise NotImplementedError


def stained_patches(count: int) -> list[ImageU8]:
    """Drawn as H&E is: dark pixels bluer than pale ones."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(count):
        dark = rng.random((96, 96, 1)) < 0.4
        image = np.where(dark, (90, 60, 150), (230, 170, 200)) + rng.integers(-9, 9, (96, 96, 3))
        images.append(image.astype(np.uint8))
    return images


def noise_patches(count: int, seed: int = 0) -> ImageU8:
    """Return (count, 96, 96, 3) patches of coloured noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def write_patches(folder: Path, count: int, seed: int = 0, suffix: str = ".png") -> list[Path]:
    """Write noise patches as files and return their paths in name order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"patch-{number:03d}{suffix}" for number in range(count)]
    for path, image in zip(paths, noise_patches(count, seed), strict=True):
        Image.fromarray(image).save(path)
    return paths


def write_toy_bundle(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete bundle around timm's smallest test network with random weights."""
    torch.manual_seed(seed)
    network = build_network(TOY_ARCHITECTURE)
    state = network.state_dict()
    engine = TorchEngine(TOY_ARCHITECTURE, TOY_PREPROCESSING, state, device="cpu")
    golden = noise_patches(4, seed=99)
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 60)
    scores = np.clip(0.35 * labels + rng.random(60) * 0.65, 0, 1)
    slides = [f"s{number % 6}" for number in range(60)]
    scores_sha256 = write_validation(
        folder,
        ids=[f"toy-{number:03d}" for number in range(60)],
        slides=slides,
        labels=labels.tolist(),
        scores=scores.tolist(),
    )
    data = DataSummary(name="toy noise", patches=60, positives=int(labels.sum()), slides=6)
    card = Card(
        name="toy",
        architecture=TOY_ARCHITECTURE,
        preprocessing=TOY_PREPROCESSING,
        class_order=("no tumour in the centre", "tumour in the centre"),
        temperature=1.5,
        temperature_fitted_on="nothing, a toy",
        operating_point=OperatingPoint(
            version="shipped", threshold=0.4, rule="a toy", chosen_on="nothing"
        ),
        training=data,
        validation=Validation(
            data=data,
            metrics={"auroc": Measured(0.8, 0.7, 0.9, "a toy")},
            scores_sha256=scores_sha256,
        ),
        recipe={},
        initial_weights=StartingWeights(description="random"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
        versions={"timm": timm.__version__},
        weights_sha256=write_weights(folder, state),
        golden=GoldenPatches(
            files=write_golden(folder, golden, engine.logits(golden)), tolerance_logit=1e-3
        ),
        licence="Apache-2.0",
        limits=("A toy.",),
    )
    write_card(folder, card)
    return folder


def toy_row(**changes: object) -> ScoreRow:
    """Return the row of a scored patch, with some of its fields changed."""
    row = ScoreRow(
        id="a",
        path="a.tif",
        status=Status.SCORED,
        prob_tumour=0.5,
        logit=0.0,
        predicted_label=1,
        threshold=0.5,
        lower_threshold=None,
        operating_point="v1",
        model_id="toy",
        sha256="",
        reason="",
        note="",
        d4_sd_logit=None,
        label=None,
        slide=None,
        split=None,
    )
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]
