"""From activations and gradients to maps, whole batches at once, absolute values kept.

Each function agrees with pytorch-grad-cam before that library clips a map at zero and stretches
it to its own range.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from core.explanation.cam import Method

_EPSILON: Final = 1e-6


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return maps (N, h, w): channels weighted by their mean gradient (Selvaraju et al. 2017).

    Args:
        activations: (N, C, h, w).
        gradients: (N, C, h, w) of the target's logit.
    """
    weights = gradients.mean(dim=(2, 3))
    return torch.einsum("nc,nchw->nhw", weights, activations)


def grad_cam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return maps (N, h, w) weighted by equation 19 of Chattopadhyay et al. 2018."""
    squared = gradients**2
    total = activations.sum(dim=(2, 3), keepdim=True)
    alpha = squared / (2 * squared + total * squared * gradients + _EPSILON)
    alpha = torch.where(gradients != 0, alpha, 0)
    weights = (gradients.clamp(min=0) * alpha).sum(dim=(2, 3))
    return torch.einsum("nc,nchw->nhw", weights, activations)


def hires_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return maps (N, h, w) of gradient times activation, cell by cell (Draelos & Carin 2020)."""
    return (activations * gradients).sum(dim=1)


def layer_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return maps (N, h, w) of positive gradients times activations (Jiang et al. 2021)."""
    return (activations * gradients.clamp(min=0)).sum(dim=1)


def eigen_cam(activations: Tensor) -> Tensor:
    """Return maps (N, h, w): cells on the first principal axis (Muhammad & Yeasin 2020).

    A principal axis has no direction; here the map rises with the mean activation. It knows
    nothing of the target, so it shows where the network is busy, not what it decided.
    """
    count, channels, rows, columns = activations.shape
    cells = activations.flatten(2).transpose(1, 2).double()  # (N, h * w, C)
    cells = cells - cells.mean(dim=1, keepdim=True)
    if rows * columns <= channels:
        # The smaller Gram matrix gives the same projection: X v1 = s1 u1.
        values, vectors = torch.linalg.eigh(cells @ cells.transpose(1, 2))
        projected = vectors[..., -1] * values[..., -1:].clamp(min=0).sqrt()
    else:
        _, vectors = torch.linalg.eigh(cells.transpose(1, 2) @ cells)
        projected = (cells @ vectors[..., -1:]).squeeze(-1)
    direction = (projected * cells.mean(dim=2)).sum(dim=1, keepdim=True)
    projected = torch.where(direction < 0, -projected, projected)
    return projected.reshape(count, rows, columns).to(activations.dtype)


GRADIENT_METHODS: Final[Mapping[Method, Callable[[Tensor, Tensor], Tensor]]] = MappingProxyType(
    {
        Method.GRAD_CAM: grad_cam,
        Method.GRAD_CAM_PLUS_PLUS: grad_cam_plus_plus,
        Method.HIRES_CAM: hires_cam,
        Method.LAYER_CAM: layer_cam,
    }
)
