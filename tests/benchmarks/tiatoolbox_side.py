"""TIAToolbox's PatchPredictor with our network and weights, where that toolbox is installed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from tiatoolbox.models.engine.patch_predictor import PatchPredictor
from tiatoolbox.models.models_abc import ModelABC
from torch import nn
from torchvision import transforms

from core.bundle import build_network, load_weights, tumour_logit
from core.patches import PATCH_SIZE_PX
from core.scoring import Classifier

_BATCH = 64


class _Model(ModelABC):  # type: ignore[misc] # the toolbox has no types
    """The network as the toolbox asks for it."""

    def __init__(self, network: nn.Module, transform: transforms.Compose) -> None:
        super().__init__()
        self.network = network
        self.preproc_func = transform

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return tumour_logit(self.network(images))[:, None]

    @staticmethod
    def infer_batch(
        model: nn.Module, batch_data: torch.Tensor, *, device: str
    ) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = model(batch_data.to(device)).numpy()
        return logits


def patch_predictor(
    files: Sequence[Path], classifier: Classifier
) -> Callable[[], NDArray[np.float64]]:
    """Return the toolbox's own loop over files, with the plain loop's batch and transforms."""
    card = classifier.bundle.card
    network = build_network(card.architecture)
    load_weights(network, classifier.bundle.weights)
    transform = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Resize(card.preprocessing.input_size_px, antialias=True),
            transforms.Normalize(card.preprocessing.mean, card.preprocessing.std),
        ]
    )
    model = _Model(network.eval(), transform)
    engine = PatchPredictor(model=model, batch_size=_BATCH, device="cpu", verbose=False)

    def score() -> NDArray[np.float64]:
        output = engine.run(
            [*files],
            patch_mode=True,
            patch_input_shape=(PATCH_SIZE_PX, PATCH_SIZE_PX),
            input_resolutions=[{"units": "baseline", "resolution": 1.0}],
            return_probabilities=True,
            output_type="dict",
        )
        logits = np.asarray(output["probabilities"], np.float64).reshape(-1)
        likely: NDArray[np.float64] = expit(logits / card.temperature)
        return likely

    return score
