import math

import pytest
import torch

from training.recipes.recipe import Schedule
from training.recipes.schedule import learning_rate, plateaus

SCHEDULE = Schedule(epochs=1, learning_rate=1.0, warmup_share=0.2, final_share=0.1)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.5),  # warm-up of 2 steps: 1/2, 2/2
        (1, 1.0),
        (2, 1.0),  # the cosine starts at its top
        (4, 0.1 + 0.9 * 0.75),  # a third of the way of 6 steps: (1 + cos 60°) / 2
        (5, 0.1 + 0.9 * 0.5),
        (8, 0.1),  # and ends at its foot
    ],
)
def test_the_learning_rate_follows_warm_up_and_cosine(step: int, expected: float) -> None:
    assert learning_rate(SCHEDULE, step, 9) == pytest.approx(expected)


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    plain = Schedule(epochs=1, learning_rate=0.3, warmup_share=0.0)
    assert learning_rate(plain, 0, 10) == pytest.approx(0.3)


def test_a_run_of_one_step_has_a_rate() -> None:
    assert learning_rate(SCHEDULE, 0, 1) > 0


def test_a_constant_rate_stays_after_the_warm_up() -> None:
    constant = Schedule(epochs=1, learning_rate=0.3, warmup_share=0.2, shape="constant")
    rates = [learning_rate(constant, step, 10) for step in range(10)]
    assert rates == pytest.approx([0.15] + [0.3] * 9)


def test_one_cycle_is_pytorchs() -> None:
    steps = 40
    ours = Schedule(
        epochs=1, learning_rate=0.3, shape="one-cycle", warmup_share=0.3, final_share=1 / 25e4
    )
    optimiser = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=0.3, total_steps=steps, pct_start=0.3, cycle_momentum=False
    )
    for step in range(steps):
        assert learning_rate(ours, step, steps) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if step + 1 < steps:
            theirs.step()


def test_plateaus_are_counted_as_pytorch_reduces() -> None:
    aucs = [0.5, 0.6, 0.6, 0.55, 0.61, 0.6, 0.6, 0.6, 0.61, 0.62, 0.1, 0.1]
    optimiser = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, mode="max", factor=0.1, patience=1, threshold=0.0, eps=0.0
    )
    for epoch in range(len(aucs)):
        theirs.step(aucs[epoch])
        reduced = round(-math.log10(optimiser.param_groups[0]["lr"]))
        assert plateaus(aucs[: epoch + 1], 2) == reduced
    assert plateaus(aucs, 2) == 4


def test_a_plateau_multiplies_the_rate() -> None:
    schedule = Schedule(
        epochs=1, learning_rate=1.0, shape="plateau", warmup_share=0.0, plateau_factor=0.2
    )
    assert learning_rate(schedule, 5, 10, reductions=2) == pytest.approx(0.04)
