"""VICReg: two views of a patch shall agree, and different patches shall not look the same.

Chosen among the losses that need no labels because it compares no patch with other patches: it
does without the large batches that SimCLR takes its negatives from, and lymphocytes beside
lymphocytes are not pushed apart for being different patches. That the network does not answer the
same to everything is a term of its own, which can be read while it trains.

Source: Bardes, Ponce & LeCun, "VICReg: variance-invariance-covariance regularization for
self-supervised learning", ICLR 2022.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.bundle import Architecture, drop_classifier
from training.recipes.recipe import Augmentation
from training.runs.initial import InitialWeights, initial_network
from training.variation.augment import augment, draw_crops, draw_variation

WANTED_DEVIATION: Final = 1.0
_LEAST_VARIANCE: Final = 1e-4


@dataclass(frozen=True, eq=False)
class VicregTerms:
    """The three terms, unweighted, each a number on the device.

    Attributes:
        invariance: Mean squared distance of the two views, per dimension.
        variance: How far the standard deviations fall short of 1, on average.
        covariance: Sum of the squared covariances of different dimensions, per dimension.
    """

    invariance: Tensor
    variance: Tensor
    covariance: Tensor


def vicreg_terms(one: Tensor, other: Tensor) -> VicregTerms:
    """Return the terms for the projections of two views of the same patches.

    Args:
        one: (N, D) float32, N at least 2.
        other: (N, D), of the same patches in the same order.
    """
    return VicregTerms(
        invariance=functional.mse_loss(one, other),
        variance=(_shortfall(one) + _shortfall(other)) / 2,
        covariance=_redundancy(one) + _redundancy(other),
    )


def spread(features: Tensor) -> Tensor:
    """Return how widely features (N, D) point: 1 everywhere alike, 0 all in one direction.

    Source: Chen & He, "Exploring simple Siamese representation learning", CVPR 2021, figure 2.
    """
    directions = functional.normalize(features, dim=1)
    deviation: Tensor = directions.std(dim=0).mean()
    return deviation * math.sqrt(features.shape[1])


def _shortfall(projections: Tensor) -> Tensor:
    deviation = torch.sqrt(projections.var(dim=0) + _LEAST_VARIANCE)
    return functional.relu(WANTED_DEVIATION - deviation).mean()


def _redundancy(projections: Tensor) -> Tensor:
    count, width = projections.shape
    centred = projections - projections.mean(dim=0)
    covariance = centred.T @ centred / (count - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / width


class ProjectedBackbone(nn.Module):
    """Inputs (N, 3, S, S) to features (N, F) and their projections (N, width).

    Attributes:
        backbone: The network without its last layer.
        projector: Three linear layers, as in Bardes et al. 2022; thrown away afterwards.
    """

    def __init__(self, network: nn.Module, width: int) -> None:
        """Take over a network, whose last layer is dropped.

        Raises:
            BundleError: It does not end in a linear layer.
        """
        super().__init__()
        features = drop_classifier(network)
        self.backbone = network
        self.projector = nn.Sequential(
            *_layer(features, width), *_layer(width, width), nn.Linear(width, width, bias=False)
        )

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and projections."""
        features = self.backbone(inputs)
        return features, self.projector(features)


def _layer(before: int, width: int) -> tuple[nn.Module, ...]:
    return nn.Linear(before, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()


def initial_backbone(
    architecture: Architecture, init: str, width: int
) -> tuple[ProjectedBackbone, InitialWeights]:
    """Return the network to be pre-trained, and where its weights start; seed torch first.

    Raises:
        BundleError: timm cannot build the network, or it does not end in a linear layer.
        RunError: The weights cannot be had or do not fit.
    """
    plain = architecture.model_copy(update={"head": "linear"})  # any head is dropped anyway
    network, initial = initial_network(plain, init)
    return ProjectedBackbone(network, width), initial


VIEW: Final = Augmentation(
    stain_gain=0.3,
    stain_shift=0.05,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    channel=0.05,
)
"""Stronger than what training with labels takes: colour must not be what tells patches apart."""
LEAST_SIDE: Final = 0.6
"""Of a cropped view, as a share of the patch's side; cells must stay cells."""


def two_views(
    images_rgb_u8: Tensor, augmentation: Augmentation, least_side: float, generator: torch.Generator
) -> Tensor:
    """Return (2 N, H, H, 3) float32, 0..255: a view of each patch, then another of each.

    Args:
        images_rgb_u8: (N, H, H, 3) uint8.
        augmentation: Of orientation, stain and light; each view is cropped besides.
        least_side: Of the crop, as a share of the patch's side.
        generator: Of the CPU.
    """
    count = 2 * len(images_rgb_u8)
    variation = draw_variation(augmentation, count, generator)
    crops = replace(variation, warps=draw_crops(least_side, count, generator))
    return augment(images_rgb_u8.repeat(2, 1, 1, 1), crops, augmentation)
