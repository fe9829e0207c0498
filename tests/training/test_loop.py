import math

import pytest
import torch
from torch.nn import functional

from core.bundle import tumour_logit
from training.loop import tumour_loss


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
    found = tumour_loss(
        tumour_logit(outputs), labels.float(), label_smoothing=0.1, positive_weight=1
    )
    expected = functional.cross_entropy(outputs, labels, label_smoothing=0.1)
    torch.testing.assert_close(found, expected)
