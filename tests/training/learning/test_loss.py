import math

import pytest
import torch
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from core.bundle import tumour_logit
from training.learning.loss import follow_teacher, tumour_losses


def tumour_loss(logits: torch.Tensor, labels: torch.Tensor, **settings: float) -> torch.Tensor:
    return tumour_losses(logits, labels, **settings).mean()


def test_the_loss_of_an_undecided_patch_is_log_2() -> None:
    loss = tumour_loss(
        torch.zeros(4), torch.tensor([0.0, 1, 1, 0]), label_smoothing=0.1, positive_weight=1
    )
    assert float(loss) == pytest.approx(math.log(2))


def test_the_positive_weight_multiplies_the_positives_part() -> None:
    logits, labels = torch.tensor([1.5, -0.5]), torch.tensor([1.0, 0.0])
    loss = tumour_loss(logits, labels, label_smoothing=0, positive_weight=3)
    expected = (3 * math.log1p(math.exp(-1.5)) + math.log1p(math.exp(-0.5))) / 2
    assert float(loss) == pytest.approx(expected)


def test_smoothing_moves_the_best_logit_off_infinity() -> None:
    def loss(logit: float) -> float:
        return float(
            tumour_loss(
                torch.tensor([logit]), torch.ones(1), label_smoothing=0.2, positive_weight=1
            )
        )

    best = math.log(0.9 / 0.1)
    assert loss(best) < min(loss(best - 0.5), loss(best + 0.5))


def test_with_two_outputs_the_loss_is_the_cross_entropy_of_the_softmax() -> None:
    torch.manual_seed(0)
    outputs, labels = torch.randn(16, 2), torch.arange(16) % 2
    loss = tumour_loss(
        tumour_logit(outputs), labels.float(), label_smoothing=0.1, positive_weight=1
    )
    expected = functional.cross_entropy(outputs, labels, label_smoothing=0.1)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_focal_loss_is_torchvisions(smoothing: float) -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(16) * 3, (torch.arange(16) % 2).float()
    loss = tumour_loss(
        logits, labels, label_smoothing=smoothing, positive_weight=1, focal_gamma=2.0
    )
    targets = labels * (1 - smoothing) + smoothing / 2
    expected = sigmoid_focal_loss(logits, targets, alpha=-1, gamma=2, reduction="mean")
    torch.testing.assert_close(loss, expected)


def test_the_distillation_loss_has_the_divergence_of_the_softened_classes_as_its_gradient() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(8, requires_grad=True), torch.randn(8)
    softened = torch.sigmoid(teacher / 3)
    losses = follow_teacher(torch.zeros(8), student, softened, share=1.0, temperature=3.0)
    losses.mean().backward()  # type: ignore[no-untyped-call]
    gradient = student.grad
    both = student.detach().clone().requires_grad_()
    classes = torch.stack([torch.zeros(8), both], dim=1) / 3
    other = torch.stack([torch.zeros(8), teacher], dim=1) / 3
    divergence = functional.kl_div(classes.log_softmax(1), other.softmax(1), reduction="batchmean")
    (divergence * 9).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(gradient, both.grad)


def test_a_patch_without_a_teacher_follows_its_label_alone() -> None:
    labels, logits = torch.tensor([0.0, 1.0]), torch.tensor([0.3, -0.2], requires_grad=True)
    own = tumour_losses(logits, labels, label_smoothing=0, positive_weight=1)
    taught = torch.tensor([float("nan"), 0.9])
    losses = follow_teacher(own, logits, taught, share=0.7, temperature=2.0)
    assert losses[0] == own[0]
    softened = functional.binary_cross_entropy_with_logits(logits[1] / 2, taught[1])
    torch.testing.assert_close(losses[1], 0.3 * own[1] + 0.7 * 4 * softened)
    losses.mean().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
