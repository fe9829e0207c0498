"""What a step minimises."""

import torch
from torch import Tensor
from torch.nn import functional


def tumour_losses(
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float,
    positive_weight: float,
    focal_gamma: float = 0.0,
) -> Tensor:
    """Return the binary cross-entropy of each patch (N,), in nats.

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
    losses = functional.binary_cross_entropy_with_logits(
        logits, targets, pos_weight=weight, reduction="none"
    )
    if not focal_gamma:
        return losses
    probabilities = torch.sigmoid(logits)
    likelihood = probabilities * targets + (1 - probabilities) * (1 - targets)
    return losses * (1 - likelihood) ** focal_gamma


def follow_teacher(
    losses: Tensor, logits: Tensor, teacher: Tensor, *, share: float, temperature: float
) -> Tensor:
    """Return the losses of each patch (N,), a share of them from its teacher where it has one.

    Args:
        losses: (N,) by the labels.
        logits: (N,) tumour logits of the student.
        teacher: (N,) the teacher's probabilities at that temperature, NaN where it has none.
        share: Of the teacher, 0..1.
        temperature: The student's logits are divided by it; its square keeps the gradient's size.
    """
    taught = torch.isfinite(teacher)
    # Both sides of `where` have gradients, so neither may hold a NaN.
    softened = functional.binary_cross_entropy_with_logits(
        logits / temperature, torch.where(taught, teacher, 0.5), reduction="none"
    )
    followed = (1 - share) * losses + share * temperature**2 * softened
    return torch.where(taught, followed, losses)
