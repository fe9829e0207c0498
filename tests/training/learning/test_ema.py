import pytest
import torch
from torch import nn

from tests.training.toys import toy_recipe
from training.learning.state import WeightAverage, average_decay, ema_decay


def test_the_decay_warms_up() -> None:
    assert [ema_decay(0.99, step) for step in (0, 1, 10)] == [1 / 10, 2 / 11, 11 / 20]
    assert ema_decay(0.99, 10_000) == 0.99


def test_the_average_follows_the_formula_and_copies_counters() -> None:
    network = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    average = WeightAverage(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(1)
    average.update(0.75)
    for name, value in average.network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.75 * before[name] + 0.25 * (before[name] + 1))
        else:
            assert value == before[name] + 1


def test_the_average_is_no_part_of_the_gradient() -> None:
    network = nn.Linear(2, 1)
    average = WeightAverage(network)
    average.update(0.5)
    assert not any(p.requires_grad for p in average.network.parameters())
    assert not average.network.training


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_the_ends_of_the_decay_are_the_source_and_standstill(decay: float) -> None:
    network = nn.Linear(2, 1)
    average = WeightAverage(network)
    before = average.network.state_dict()["weight"].clone()
    with torch.no_grad():
        network.weight.add_(1)
    average.update(decay)
    expected = before if decay == 1.0 else network.weight
    assert torch.equal(average.network.state_dict()["weight"], expected)


def test_in_the_last_part_the_mean_is_of_all_its_steps_alike() -> None:
    recipe = toy_recipe(ema_decay=0.9, swa_share=0.5)
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network)
    for step in range(10):
        with torch.no_grad():
            network.weight.fill_(float(step))
        average.update(average_decay(recipe, step, 10))
    assert float(average.network.get_parameter("weight")) == pytest.approx((5 + 6 + 7 + 8 + 9) / 5)


def test_before_the_last_part_the_decay_is_the_moving_averages() -> None:
    recipe = toy_recipe(ema_decay=0.9, swa_share=0.5)
    assert average_decay(recipe, 4, 10) == ema_decay(0.9, 4)
    assert average_decay(toy_recipe(ema_decay=0.9), 9, 10) == ema_decay(0.9, 9)
