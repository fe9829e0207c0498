"""The tumour logits of validation patches, and the numbers that steer a run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn

from core.bundle import InputTransform, build_network, load_weights, tumour_logit
from training.data.pack import Feed
from training.data.split import IntArray
from training.recipes.recipe import Recipe

_BATCH: Final = 64


@dataclass(frozen=True)
class Steering:
    """How validation went; for choosing an epoch, not for reporting (no intervals).

    All are NaN where every patch trains.

    Attributes:
        auc: Area under the ROC curve.
        ap: Average precision.
        loss: Mean binary cross-entropy of the plain labels, in nats.
        accuracy: At a probability of 0.5.
    """

    auc: float = math.nan
    ap: float = math.nan
    loss: float = math.nan
    accuracy: float = math.nan


def predict(
    network: nn.Module, transform: InputTransform, feed: Feed, rows: IntArray, batch_size: int
) -> NDArray[np.float32]:
    """Return the tumour logits (N,) of some rows in float32, leaving every module's mode alone."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    with torch.inference_mode():
        logits = [
            tumour_logit(network(transform(feed.images(rows[start : start + batch_size])))).float()
            for start in range(0, len(rows), batch_size)
        ]
        joined: NDArray[np.float32] = torch.cat(logits).cpu().numpy()
    for module, training in modes:  # frozen layers stay in evaluation mode while others train
        module.training = training
    return joined


def predict_with(
    recipe: Recipe,
    weights: Mapping[str, Tensor],
    feed: Feed,
    rows: IntArray,
    device: torch.device,
) -> NDArray[np.float32]:
    """Return the tumour logits (N,) that a recipe's network with some weights gives to rows.

    Raises:
        BundleError: The weights are not the network's.
    """
    network = build_network(recipe.network)
    load_weights(network, weights)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    transform = InputTransform(recipe.preprocessing).to(device)
    return predict(network, transform, feed, rows, _BATCH)


def steer(labels: NDArray[np.int8], logits: NDArray[np.float32]) -> Steering:
    """Return AUC, average precision and loss of logits (N,) that are finite."""
    wide = logits.astype(np.float64)
    losses = np.logaddexp(0, wide) - labels * wide
    return Steering(
        auc=float(roc_auc_score(labels, logits)),
        ap=float(average_precision_score(labels, logits)),
        loss=float(losses.mean()),
        accuracy=float(((logits >= 0) == labels).mean()),
    )
