from pathlib import Path

import pytest
import torch
from torch import nn

from core.bundle import Architecture, build_network
from core.errors import RunError
from tests.training.toys import toy_recipe
from training.learning.optimiser import build_adamw, optimiser_tensors, set_learning_rate
from training.learning.state import (
    TrainingState,
    WeightAverage,
    average_decay,
    ema_decay,
    restore_checkpoint,
    save_checkpoint,
)
from training.runs.folder import read_tensors
from training.runs.history import EpochRecord

CPU = torch.device("cpu")
RECIPE = toy_recipe()


def fresh(seed: int) -> TrainingState:
    torch.manual_seed(seed)
    network = build_network(Architecture(name="test_efficientnet"))
    return TrainingState(network, RECIPE, CPU)


def train_a_step(state: TrainingState, seed: int) -> None:
    torch.manual_seed(seed)
    set_learning_rate(state.optimiser, 1e-2)
    state.optimiser.zero_grad()
    loss = state.network(torch.randn(4, 3, 32, 32)).square().mean()
    loss.backward()
    state.optimiser.step()
    state.average.update(0.9)
    state.loss_sum += loss.detach()
    state.step += 1


def record(epoch: int, auc: float) -> EpochRecord:
    return EpochRecord(epoch, 1e-3, 0.5, auc, auc, 0.4, auc, auc, 0.4, 1.0, ema_accuracy=0.8)


def tensors_of(state: TrainingState) -> dict[str, torch.Tensor]:
    return {
        **state.network.state_dict(prefix="network."),
        **state.average.network.state_dict(prefix="average."),
        **optimiser_tensors(state.network, state.optimiser),
        "loss_sum": state.loss_sum,
    }


def test_a_restored_state_takes_the_very_same_next_step(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    state, other = fresh(0), fresh(1)
    train_a_step(state, 10)
    state.history.append(record(0, 0.7))
    state.epoch = 1
    save_checkpoint(path, state, config_digest="run", seconds=2.5)
    restore_checkpoint(path, other, config_digest="run")
    assert (other.epoch, other.step, other.seconds) == (1, 1, 2.5)
    assert other.history == state.history
    for one in (state, other):
        train_a_step(one, 11)
    tensors = tensors_of(other)
    for name, value in tensors_of(state).items():
        assert torch.equal(value, tensors[name]), name


def test_a_checkpoint_before_the_first_step_restores(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    state, other = fresh(0), fresh(1)
    save_checkpoint(path, state, config_digest="run", seconds=0)
    restore_checkpoint(path, other, config_digest="run")
    for one in (state, other):
        train_a_step(one, 11)
    assert torch.equal(
        tensors_of(state)["network.conv_stem.weight"], tensors_of(other)["network.conv_stem.weight"]
    )


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, fresh(0), config_digest="one", seconds=0)
    with pytest.raises(RunError, match="another run"):
        restore_checkpoint(path, fresh(0), config_digest="two")


def test_a_cut_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, fresh(0), config_digest="one", seconds=0)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(RunError, match="cannot be read"):
        read_tensors(path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, fresh(0), config_digest="run", seconds=0)
    other = TrainingState(build_network(Architecture(name="test_resnet")), RECIPE, CPU)
    with pytest.raises(RunError, match="does not fit"):
        restore_checkpoint(path, other, config_digest="run")


def test_the_best_epoch_is_the_first_of_the_highest_auc() -> None:
    state = fresh(0)
    state.history = [record(0, 0.7), record(1, 0.9), record(2, 0.9), record(3, 0.8)]
    assert state.best == record(1, 0.9)
    assert state.aucs == [0.7, 0.9, 0.9, 0.8]


def test_biases_and_normalisation_do_not_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    decayed, spared = build_adamw(network, 0.1).param_groups
    assert [p.ndim for p in decayed["params"]] == [4]
    assert {p.ndim for p in spared["params"]} == {1}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_the_scale_of_a_float16_run_is_restored_with_it(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = build_network(Architecture(name="test_efficientnet"))
        states.append(TrainingState(network, RECIPE, CPU, "float16"))
    state, other = states
    state.scaler.scale(torch.ones(()))  # the scale is made with the first loss
    state.scaler.update(new_scale=1024.0)
    save_checkpoint(path, state, config_digest="run", seconds=0)
    restore_checkpoint(path, other, config_digest="run")
    assert other.scaler.state_dict() == state.scaler.state_dict()
    assert other.scaler.get_scale() == 1024.0


def test_where_nothing_validates_the_last_epoch_is_the_best() -> None:
    state = fresh(0)
    none = float("nan")
    state.history = [
        EpochRecord(epoch, 1e-3, 0.5, none, none, none, none, none, none, 1.0) for epoch in range(3)
    ]
    assert state.best is state.history[-1]
    assert state.aucs == sorted(state.aucs)


@pytest.mark.parametrize(("keeps", "epoch"), [("best", 1), ("last", 2)])
def test_the_kept_epoch_is_the_best_or_the_last(keeps: str, epoch: int) -> None:
    state = fresh(0)
    state.keeps = keeps  # type: ignore[assignment]
    state.history.extend(record(number, auc) for number, auc in enumerate((0.5, 0.9, 0.7)))
    assert state.best is not None
    assert state.best.epoch == epoch


def test_the_start_has_its_share_in_the_kept_weights_and_survives_a_checkpoint(
    tmp_path: Path,
) -> None:
    torch.manual_seed(1)
    network = build_network(Architecture(name="test_efficientnet"))
    start = {name: weight.clone() for name, weight in network.state_dict().items()}
    recipe = toy_recipe(start_share=0.25)
    state = TrainingState(network, recipe, CPU)
    train_a_step(state, 2)
    kept = state.kept().state_dict()
    for name, mean in state.average.network.state_dict().items():
        expected = 0.75 * mean + 0.25 * start[name] if mean.is_floating_point() else mean
        torch.testing.assert_close(kept[name], expected)
    save_checkpoint(tmp_path / "c", state, config_digest="d", seconds=0.0)
    network = build_network(Architecture(name="test_efficientnet"))
    other = TrainingState(network, recipe, CPU)
    restore_checkpoint(tmp_path / "c", other, config_digest="d")
    for name, weight in other.kept().state_dict().items():
        assert torch.equal(weight, kept[name])


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
