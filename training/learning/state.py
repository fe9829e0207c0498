"""Everything in a run that changes from step to step, and its checkpoint."""

import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from core.errors import RunError, in_a_line
from training.learning.optimiser import build_adamw, optimiser_tensors, restore_optimiser
from training.recipes.recipe import Precision, Recipe
from training.runs.folder import read_tensors, write_tensors
from training.runs.history import EpochRecord


def ema_decay(decay: float, step: int) -> float:
    """Return the decay at a step (from 0): small at first, so that the start is soon forgotten.

    min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))


def average_decay(recipe: Recipe, step: int, total_steps: int) -> float:
    """Return the decay of the mean at a step (from 0) of a run.

    In the last `swa_share` of the steps it is n / (n + 1) at the n-th of them (from 0): the mean
    is then that of the weights after each of these steps, all alike.
    """
    since = step - (total_steps - round(recipe.swa_share * total_steps))
    return since / (since + 1) if since >= 0 else ema_decay(recipe.ema_decay, step)


class WeightAverage:
    """The running mean of a network's weights, in a network of its own.

    Weights and the running statistics of normalisation are averaged; whole-number counters are
    copied.

    Attributes:
        network: The network with the averaged weights, in evaluation mode.
    """

    def __init__(self, source: nn.Module) -> None:
        """Start from the source's present weights; keep following the source."""
        self.network = copy.deepcopy(source).eval().requires_grad_(requires_grad=False)
        # state_dict's tensors share memory with the network: collected once, valid for good.
        pairs = list(
            zip(self.network.state_dict().values(), source.state_dict().values(), strict=True)
        )
        self._floating = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Move to decay x average + (1 - decay) x source."""
        torch._foreach_lerp_(
            [mean for mean, _ in self._floating], [new for _, new in self._floating], 1 - decay
        )
        if self._counters:  # one launch for all of them
            torch._foreach_copy_(
                [mean for mean, _ in self._counters], [new for _, new in self._counters]
            )


class TrainingState:
    """Where the training of a classifier stands.

    Attributes:
        network: In training mode, on its device.
        scaler: Of the loss, so that float16 gradients do not vanish; off in other precisions.
        loss_sum: Sum of the epoch's losses so far, float64 on the device.
        keeps: Which epoch's weights the run is for.
        origin: The weights that the run started from, where they have a share in those kept.
        start_share: See `Recipe.start_share`.
        epoch: The epoch under way, from 0.
        step: Steps of it that are done.
        seconds: Spent on it before this sitting.
        history: Finished epochs.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        device: torch.device,
        precision: Precision = "float32",
    ) -> None:
        """Stand before the first step; moves the network to the device."""
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.train()
        schedule = recipe.schedule
        self.network = network
        self.average = WeightAverage(network)
        self.optimiser = build_adamw(network, schedule.weight_decay, schedule.layer_decay)
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "float16")
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.keeps: Literal["best", "last"] = schedule.keep
        state = network.state_dict() if recipe.start_share else {}
        self.origin = {name: weight.detach().clone() for name, weight in state.items()}
        self.start_share = recipe.start_share
        self.epoch, self.step, self.seconds = 0, 0, 0.0
        self.history: list[EpochRecord] = []

    def next_epoch(self) -> None:
        """Stand at the beginning of the epoch after this one."""
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.loss_sum.zero_()

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that the next step depends on."""
        scale = {name: torch.tensor(value) for name, value in self.scaler.state_dict().items()}
        return {
            **_named("network", self.network.state_dict()),
            **_named("adamw", optimiser_tensors(self.network, self.optimiser)),
            "loss_sum": self.loss_sum,
            **_named("average", self.average.network.state_dict()),
            **_named("scaler", scale),
            **_named("origin", self.origin),
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        self.network.load_state_dict(_part("network", tensors))
        restore_optimiser(self.network, self.optimiser, _part("adamw", tensors))
        self.loss_sum.copy_(tensors["loss_sum"])
        self.average.network.load_state_dict(_part("average", tensors))
        if scale := _part("scaler", tensors):
            self.scaler.load_state_dict({name: value.item() for name, value in scale.items()})
        for name, weight in _part("origin", tensors).items():
            self.origin[name].copy_(weight)

    def kept(self) -> nn.Module:
        """Return the network that is validated and kept, in evaluation mode."""
        if not self.origin:
            return self.average.network
        network = copy.deepcopy(self.average.network)
        with torch.no_grad():
            for name, weight in network.state_dict().items():
                if weight.is_floating_point():
                    weight.lerp_(self.origin[name], self.start_share)
        return network

    @property
    def best(self) -> EpochRecord | None:
        """The epoch that is kept: the first with the best validation AUC, or the last."""
        if self.keeps == "last":
            return self.history[-1] if self.history else None
        return max(self.history, key=lambda record: record.merit, default=None)

    @property
    def aucs(self) -> list[float]:
        """Validation AUC of the averaged weights after every finished epoch."""
        return [record.merit for record in self.history]

    @property
    def accuracies(self) -> list[float]:
        """Their accuracy, likewise."""
        return [record.ema_accuracy for record in self.history]


def save_checkpoint(
    path: Path, state: TrainingState, *, config_digest: str, seconds: float
) -> None:
    """Write the state, whole or not at all.

    Args:
        path: The checkpoint.
        state: Between two steps.
        config_digest: Of the run it belongs to.
        seconds: Spent on the epoch under way, in all sittings.
    """
    facts = {
        "config_sha256": config_digest,
        "epoch": state.epoch,
        "step": state.step,
        "seconds": seconds,
        "history": [asdict(record) for record in state.history],
    }
    write_tensors(path, state.tensors(), facts)


def restore_checkpoint(path: Path, state: TrainingState, *, config_digest: str) -> None:
    """Put a checkpoint into a fresh state of the same run.

    Raises:
        RunError: It is damaged or of another run.
    """
    tensors, facts = read_tensors(path)
    if facts.get("config_sha256") != config_digest:
        raise RunError(
            f"{path} and config.json beside it belong to different runs. Use another run folder."
        )
    try:
        state.restore(tensors)
        state.epoch, state.step = int(facts["epoch"]), int(facts["step"])
        state.seconds = float(facts["seconds"])
        state.history = [EpochRecord(**values) for values in facts["history"]]
    except (RuntimeError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} does not fit this run ({in_a_line(error)}). Use another run folder."
        ) from None


def _named(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{part}/{name}": value for name, value in tensors.items()}


def _part(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{part}/"
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }
