import pytest

from training.recipe import Schedule
from training.schedule import learning_rate

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
