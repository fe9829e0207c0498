"""What a step minimises."""

import torch
from torch import Tensor
from torch.nn import functional


def tumour_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float,
    positive_weight: float,
    focal_gamma: float = 0.0,
) -> Tensor:
    """Return the mean binary cross-entropy, in nats.

    Of a network with two outputs this is the cross-entropy of their softmax, because its tumour
    logit is their difference.

    Args:
        logits: (N,) tumour logits.
        labels: (N,) 0 or 1, or between where patches are blended.
        label_smoothing: Targets become label x (1 - this) + this / 2.
        positive_weight: Factor of the positives' part.
        focal_gamma: Each patch counts (1 - p)^gamma, p the probability given to its target.
    """
    targets = labels * (1 - label_smoothing) + label_smoothing / 2
    # A tensor filled on its device: copying a number there would wait for all steps before.
    weight = torch.full((), positive_weight, dtype=logits.dtype, device=logits.device)
    if not focal_gamma:
        return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight)
    losses = functional.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=weight, reduction="none"
    )
    probabilities = torch.sigmoid(logits)
    given = probabilities * targets + (1 - probabilities) * (1 - targets)
    return (losses * (1 - given) ** focal_gamma).mean()


def distillation_loss(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy with a teacher, in nats, times the temperature squared.

    Args:
        logits: (N,) tumour logits of the student.
        teacher: (N,) the teacher's probabilities at that temperature.
        temperature: The student's logits are divided by it; its square keeps the gradient's size.
    """
    softened = functional.binary_cross_entropy_with_logits(logits / temperature, teacher)
    return softened * temperature**2
