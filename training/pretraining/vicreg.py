"""VICReg: two views of a patch shall agree, and different patches shall not look the same.

Chosen among the losses that need no labels because it compares no patch with other patches: it
does without the large batches that SimCLR takes its negatives from, and lymphocytes beside
lymphocytes are not pushed apart for being different patches. That the network does not answer the
same to everything is a term of its own, which can be read while it trains.

Source: Bardes, Ponce & LeCun, "VICReg: variance-invariance-covariance regularization for
self-supervised learning", ICLR 2022.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

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
