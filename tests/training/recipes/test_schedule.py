import math
from dataclasses import replace

import pytest
import torch

from training.recipes.recipe import Phase, Schedule, load_recipe
from training.recipes.schedule import Position, learning_rate, next_epoch, plateaus

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


PLAIN = Schedule(epochs=6, learning_rate=1e-3, patience_epochs=2)
PHASED = Schedule(
    epochs=5,
    learning_rate=1e-4,
    shape="plateau",
    plateau_factor=0.5,
    plateau_patience_epochs=1,
    warmup_share=0.0,
    patience_epochs=2,
    phases=(
        Phase("head", epochs=2, frozen="backbone", learning_rate=1e-2),
        Phase("all", epochs=3),
    ),
)


def after(schedule: Schedule, *aucs: float) -> Position:
    position = next_epoch(schedule, aucs)
    assert position is not None
    return position


def test_a_schedule_without_phases_is_one() -> None:
    position = after(PLAIN, 0.5)
    assert (position.epoch, position.frozen, position.schedule) == (1, 0, PLAIN)


@pytest.mark.parametrize("aucs", [(0.5,) * 3, (0.5, 0.6, 0.6, 0.6), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)])
def test_a_run_ends_without_gain_or_without_epochs_left(aucs: tuple[float, ...]) -> None:
    assert next_epoch(PLAIN, aucs) is None
    assert next_epoch(PLAIN, aucs[:-1]) is not None


def test_each_phase_has_its_own_layers_rate_and_count() -> None:
    head, everything = after(PHASED, 0.5), after(PHASED, 0.5, 0.6)
    assert (head.phase, head.frozen, head.epoch) == (0, "backbone", 1)
    assert (everything.phase, everything.frozen, everything.epoch) == (1, 0, 0)
    assert head.learning_rate(0, 10) == pytest.approx(1e-2)
    assert everything.learning_rate(0, 10) == pytest.approx(1e-4)
    assert next_epoch(PHASED, (0.5, 0.6, 0.7, 0.8, 0.9)) is None


def test_a_plateau_counts_within_its_phase() -> None:
    assert after(PHASED, 0.6, 0.5).reductions == 0
    assert after(PHASED, 0.6, 0.5, 0.4, 0.3).reductions == 1
    assert after(PHASED, 0.6, 0.5, 0.4, 0.3).learning_rate(0, 10) == pytest.approx(5e-5)


def test_a_phase_that_stops_early_makes_room_for_the_next() -> None:
    long = Schedule(
        epochs=20,
        learning_rate=1e-3,
        patience_epochs=2,
        phases=(Phase("head", 10, "backbone"), Phase("all", 10)),
    )
    assert after(long, 0.5, 0.4, 0.4).phase == 1
    # Worse than the first phase's best, yet better and better: it goes on.
    assert after(long, 0.5, 0.4, 0.4, 0.1, 0.2, 0.3).epoch == 3
    assert next_epoch(long, (0.5, 0.4, 0.4, 0.2, 0.1, 0.1)) is None


def test_a_cosine_spans_its_phase() -> None:
    cosine = Schedule(
        epochs=4,
        learning_rate=1.0,
        warmup_share=0.0,
        final_share=0.0,
        phases=(Phase("one", 2), Phase("two", 2)),
    )
    assert after(cosine, 0.5).learning_rate(9, 10) == pytest.approx(0.0)
    assert after(cosine, 0.5, 0.6).learning_rate(0, 10) == pytest.approx(1.0)


def test_plateaus_may_be_of_the_accuracy_while_patience_is_of_the_auc() -> None:
    schedule = Schedule(
        epochs=9,
        learning_rate=1.0,
        shape="plateau",
        plateau_metric="accuracy",
        plateau_factor=0.5,
        plateau_patience_epochs=2,
        warmup_share=0.0,
        patience_epochs=9,
    )
    better = [0.6, 0.7, 0.8, 0.9]
    stuck = [0.5, 0.5, 0.5, 0.5]
    by_accuracy = next_epoch(schedule, better, stuck)
    by_auc = next_epoch(replace(schedule, plateau_metric="auc"), better, stuck)
    assert by_accuracy is not None
    assert by_auc is not None
    assert by_accuracy.learning_rate(0, 10) == 0.5
    assert by_auc.learning_rate(0, 10) == 1.0


def test_a_phase_may_train_at_a_size_of_its_own() -> None:
    recipe = load_recipe("ours_lite0_progressive")
    sizes = []
    for finished in range(recipe.schedule.epochs):
        rising = [0.5 + 0.01 * epoch for epoch in range(finished)]
        position = next_epoch(recipe.schedule, rising)
        assert position is not None
        sizes.append(position.input_size_px)
    assert sizes == [96] * 8 + [144] * 3 + [None] * 3
    assert recipe.preprocessing.input_size_px == 192


def test_a_run_that_keeps_its_last_epoch_stops_at_no_other() -> None:
    fixed = replace(PLAIN, keep="last")
    assert next_epoch(PLAIN, (0.9, 0.5, 0.5)) is None
    assert next_epoch(fixed, (0.9, 0.5, 0.5, 0.5, 0.5)) is not None
    assert next_epoch(fixed, (0.9, 0.5, 0.5, 0.5, 0.5, 0.5)) is None
