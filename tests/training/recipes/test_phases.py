from dataclasses import replace

import pytest

from training.recipes.recipe import Phase, Schedule, load_recipe
from training.recipes.schedule import Position, next_epoch

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
    found = next_epoch(schedule, aucs)
    assert found is not None
    return found


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
