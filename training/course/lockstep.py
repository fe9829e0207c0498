"""Several networks trained side by side, one captured step for all of them.

A small network leaves most of a large GPU idle, and starting its kernels takes longer than running
them. Here the same step of K networks (folds, seeds) is recorded once as a CUDA graph with a branch
for each, and played again. On a CPU the same step runs plainly, which is how it is rehearsed.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from core.bundle import (
    Architecture,
    CentreAndContextPool,
    InputTransform,
    Preprocessing,
    build_network,
    tumour_logit,
)
from core.command_line import say
from core.engine.pytorch import full_precision
from training.bundling.serving import swapped
from training.course.variation import Variator
from training.data.pack import Pack
from training.data.split import IntArray, PatchTable, Split, split_fold, split_none
from training.learning.optimiser import build_adamw
from training.options import Fold
from training.recipes.recipe import Recipe
from training.recipes.schedule import learning_rate

Weights = Mapping[str, Tensor]
Logits = NDArray[np.float32]
FOLDS: Final = 5
TEACHER_VIEWS: Final = (0, 5, 3, 6, 1, 4, 2, 7)
"""Orientations, of eight: each teacher in turn sees the student's patch in another one."""
_PER_PASS: Final = 512


@dataclass(frozen=True)
class Stage:
    """One stage of a course: so many steps of a recipe.

    Attributes:
        name: Of the stage, in files and words.
        steps: Of each network.
        recipe: Its distillation's weight counts where teachers are followed, its epochs nowhere.
        seed: Of the first network; the others count on from it.
    """

    name: str
    steps: int
    recipe: Recipe
    seed: int


def splits_of(table: PatchTable, seed: int) -> tuple[Split, ...]:
    """Return the split of each fold by whole slides, and that of the refit behind them.

    Raises:
        RunError: Slides are too few or unknown, or a side lacks a class.
    """
    folds = [split_fold(table, Fold(number, FOLDS), seed=seed) for number in range(FOLDS)]
    return (*folds, split_none(table))


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patches on a device, with their folds.

    Attributes:
        table: What is known of the N patches.
        images_rgb_u8: (N, 96, 96, 3) on the device.
        splits: Of each fold, and of the refit behind them.
    """

    table: PatchTable
    images_rgb_u8: Tensor
    splits: tuple[Split, ...]

    @classmethod
    def of(cls, pack: Pack, device: torch.device, *, seed: int) -> Self:
        """Put patches on a device and their known slides into folds.

        Raises:
            RunError: Slides are too few or unknown, or a side lacks a class.
        """
        images = torch.from_numpy(pack.images_rgb_u8[pack.image_rows]).to(device)
        return cls(pack.table, images, splits_of(pack.table, seed))

    @property
    def folds(self) -> IntArray:
        """(N,) from 1, 0 where no fold validates on the patch."""
        folds = np.zeros(len(self.table), np.int64)
        for number, split in enumerate(self.splits, start=1):
            folds[split.val] = number
        return folds

    @property
    def device(self) -> torch.device:
        """Where everything is."""
        return self.images_rgb_u8.device

    @cached_property
    def labels(self) -> Tensor:
        """(N,) float32 on the device."""
        return torch.from_numpy(self.table.labels).float().to(self.device)

    @cached_property
    def rows(self) -> tuple[Tensor, ...]:
        """For the network of each fold, and that of all patches, the rows that train it."""
        return tuple(torch.from_numpy(split.train).to(self.device) for split in self.splits)

    def out_of_fold(
        self, recipe: Recipe, networks: Sequence[Weights], *, views: Sequence[int] = (0,)
    ) -> Logits:
        """Return tumour logits (N, views); NaN where no fold validates."""
        logits = np.full((len(self.table), len(views)), np.nan, np.float32)
        for split, weights in zip(self.splits[:FOLDS], networks, strict=False):
            images = self.images_rgb_u8[torch.from_numpy(split.val).to(self.device)]
            logits[split.val] = predict(recipe, weights, images, views=views).cpu().numpy()
        return logits

    def auroc(self, logits: Logits, rows: IntArray | None = None) -> float:
        """Return the AUROC of logits (N,) of some rows, or pooled of all patches in folds."""
        rows = np.flatnonzero(self.folds) if rows is None else rows
        return float(roc_auc_score(self.table.labels[rows], logits[rows]))

    def centre_auroc(self, recipe: Recipe, networks: Sequence[Weights]) -> float:
        """Return the out-of-fold AUROC of the centre's label in surroundings of the other one."""
        labels, scores = [], []
        for split, weights in zip(self.splits[:FOLDS], networks, strict=False):
            own = self.table.labels[split.val]
            rows = torch.from_numpy(split.val).to(self.device)
            mixed = swapped(self.images_rgb_u8[rows].cpu().numpy(), own, other=True)
            images = torch.from_numpy(mixed).to(self.device)
            labels.append(own)
            scores.append(predict(recipe, weights, images)[:, 0].cpu().numpy())
        return float(roc_auc_score(np.concatenate(labels), np.concatenate(scores)))


class _FixedPool(nn.Module):
    """The centre-and-context mean of one size of map, without a copy from the host."""

    def __init__(self, cells: int, device: torch.device) -> None:
        super().__init__()
        self.weights = CentreAndContextPool().cell_weights(cells, cells).to(device)

    def forward(self, features: Tensor) -> Tensor:
        weights = self.weights.to(features.dtype)
        return torch.einsum("nchw,khw->nkc", features, weights).flatten(1)


def train_stage(
    stage: Stage,
    cohort: Cohort,
    start: Sequence[Weights],
    teachers: Sequence[Sequence[Weights]] = (),
    *,
    teacher_px: int | None = None,
) -> list[dict[str, Tensor]]:
    """Train every network through a stage and return the kept weights, on the device.

    Args:
        stage: What is done.
        cohort: With what.
        start: For each network the weights that it starts from.
        teachers: For each network the weights of those that it follows; none: labels alone.
        teacher_px: The size at which the teachers look; None: the stage's own.
    """
    size_px = teacher_px or stage.recipe.preprocessing.input_size_px
    look = stage.recipe.preprocessing.model_copy(update={"input_size_px": size_px})
    kept = _Step(stage, cohort, start, teachers, look).run()
    if cohort.device.type == "cuda":
        torch.cuda.empty_cache()  # a graph holds the memory of its step
    return kept


class _Branch:
    """One network with all that its step touches."""

    def __init__(self, stage: Stage, cohort: Cohort, weights: Weights) -> None:
        device, recipe = cohort.device, stage.recipe
        self.network = _network(recipe.network, recipe.preprocessing, weights, device)
        self.network.train()
        self.optimiser = build_adamw(self.network, recipe.schedule.weight_decay)
        self.rate = torch.zeros((), device=device)
        for group in self.optimiser.param_groups:
            if device.type == "cuda":
                group["capturable"] = True
                group["lr"] = self.rate
        self.picked = torch.zeros(recipe.batch_size, dtype=torch.long, device=device)
        self.loss_sum = torch.zeros((), device=device)
        state = self.network.state_dict()
        self.learnt = [v for v in state.values() if v.is_floating_point()]
        self.mean = [v.detach().clone() for v in self.learnt]
        self.teachers: list[nn.Module] = []


class _Step:
    """The step of all networks, captured where there is a GPU."""

    def __init__(
        self,
        stage: Stage,
        cohort: Cohort,
        start: Sequence[Weights],
        teachers: Sequence[Sequence[Weights]],
        look: Preprocessing,
    ) -> None:
        self.stage, self.cohort = stage, cohort
        self.labels = cohort.labels  # on the device before any branch has a stream of its own
        self.device = cohort.device
        self.variator = Variator(self.device)
        self.transform = InputTransform(stage.recipe.preprocessing).to(self.device)
        self.teachers_transform = InputTransform(look).to(self.device)
        self.branches = [_Branch(stage, cohort, weights) for weights in start]
        for branch, followed in zip(self.branches, teachers, strict=False):
            branch.teachers = [
                _network(stage.recipe.network, look, w, self.device).eval() for w in followed
            ]
        self.graph: torch.cuda.CUDAGraph | None = None
        self.streams = (
            [torch.cuda.Stream(self.device) for _ in self.branches]  # type: ignore[no-untyped-call]
            if self.device.type == "cuda"
            else []
        )

    def run(self) -> list[dict[str, Tensor]]:
        """Train all steps and return the kept weights of each network."""
        stage = self.stage
        orders = [
            _endless(rows, stage.recipe.batch_size, seed)
            for seed, rows in enumerate(self.cohort.rows, start=stage.seed)
        ]
        torch.manual_seed(stage.seed)
        if self.device.type == "cuda":
            self._capture()
        began = stage.steps - max(1, round(stage.recipe.swa_share * stage.steps))
        for number in range(stage.steps):
            rate = learning_rate(stage.recipe.schedule, number, stage.steps)
            for branch, order in zip(self.branches, orders, strict=True):
                branch.rate.fill_(rate)
                branch.picked.copy_(next(order))
                if self.graph is None:
                    for group in branch.optimiser.param_groups:
                        group["lr"] = rate
            if self.graph is None:
                self._all()
            else:
                self.graph.replay()
            if number >= began:
                self._average(1 / (number - began + 1))
            if (number + 1) % max(1, stage.steps // 4) == 0:
                losses = [float(branch.loss_sum) / (number + 1) for branch in self.branches]
                say(f"  {stage.name} step {number + 1}: loss {sum(losses) / len(losses):.4f}")
        return [self._kept(branch) for branch in self.branches]

    def _capture(self) -> None:
        """Record the step once; what the rehearsals changed is put back."""
        side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        saved = [
            [v.clone() for v in branch.network.state_dict().values()] for branch in self.branches
        ]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._all()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self._all()
        for branch, values in zip(self.branches, saved, strict=True):
            for value, old in zip(branch.network.state_dict().values(), values, strict=True):
                value.copy_(old)
            for state in branch.optimiser.state.values():
                for moment in state.values():
                    moment.zero_()
            branch.loss_sum.zero_()

    def _all(self) -> None:
        if not self.streams:
            for branch in self.branches:
                self._one(branch)
            return
        here = torch.cuda.current_stream()
        for branch, stream in zip(self.branches, self.streams, strict=True):
            stream.wait_stream(here)
            with torch.cuda.stream(stream):
                self._one(branch)
        for stream in self.streams:
            here.wait_stream(stream)

    def _one(self, branch: _Branch) -> None:
        recipe, cohort = self.stage.recipe, self.cohort
        images, labels = cohort.images_rgb_u8[branch.picked], self.labels[branch.picked]
        planes, moved = self.variator.varied(images, recipe.augmentation, recipe.transplant_share)
        targets = labels * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            if branch.teachers:
                # A transplant has no teacher: its label is the centre's, its surroundings lie.
                share = recipe.distillation.weight * (~moved).float()
                targets = torch.lerp(targets, self._followed(branch, planes), share)
            logits = tumour_logit(branch.network(_inputs(self.transform, planes))).float()
        loss = functional.binary_cross_entropy_with_logits(logits, targets)
        branch.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        branch.optimiser.step()
        branch.loss_sum += loss.detach()

    @torch.no_grad()
    def _followed(self, branch: _Branch, planes: Tensor) -> Tensor:
        """Return the teachers' probabilities (N,), each of an orientation of its own."""
        logits = [
            tumour_logit(
                teacher(_inputs(self.teachers_transform, self.variator.view(planes, view)))
            ).float()
            for teacher, view in zip(branch.teachers, TEACHER_VIEWS, strict=False)
        ]
        return torch.sigmoid(torch.stack(logits).mean(dim=0))

    @torch.no_grad()
    def _average(self, share: float) -> None:
        for branch in self.branches:
            torch._foreach_lerp_(branch.mean, branch.learnt, share)

    def _kept(self, branch: _Branch) -> dict[str, Tensor]:
        means = iter(branch.mean)
        return {
            name: next(means).clone() if value.is_floating_point() else value.clone()
            for name, value in branch.network.state_dict().items()
        }


def predict(
    recipe: Recipe,
    weights: Weights,
    images_rgb_u8: Tensor,
    *,
    views: Sequence[int] = (0,),
) -> Tensor:
    """Return tumour logits (N, views) float32 in full precision (no TensorFloat-32)."""
    device = images_rgb_u8.device
    network = _network(recipe.network, recipe.preprocessing, weights, device).eval()
    transform, variator = InputTransform(recipe.preprocessing).to(device), Variator(device)
    parts = []
    with torch.inference_mode(), full_precision():
        for first in range(0, len(images_rgb_u8), _PER_PASS):
            images = images_rgb_u8[first : first + _PER_PASS]
            count = len(images)
            if device.type == "cuda":  # a batch of another size would be planned anew
                images = functional.pad(images, (0, 0, 0, 0, 0, 0, 0, _PER_PASS - count))
            planes = images.permute(0, 3, 1, 2).flatten(2).float()
            logits = [
                tumour_logit(network(_inputs(transform, variator.view(planes, view))))
                for view in views
            ]
            parts.append(torch.stack(logits, dim=1).float()[:count])
    return torch.cat(parts)


def _network(
    architecture: Architecture, look: Preprocessing, weights: Weights, device: torch.device
) -> nn.Module:
    network = copy.deepcopy(build_network(architecture))
    network.load_state_dict(dict(weights))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if architecture.pooling == "centre-and-context":
        with torch.no_grad():
            probe = torch.zeros(1, 3, look.input_size_px, look.input_size_px, device=device)
            cells = network.eval().forward_features(probe).shape[-1]  # type: ignore[operator]
        network.global_pool = _FixedPool(cells, device)
    return network


def _inputs(transform: InputTransform, planes: Tensor) -> Tensor:
    side = math.isqrt(planes.shape[2])
    inputs: Tensor = transform(planes.view(len(planes), 3, side, side).permute(0, 2, 3, 1))
    return inputs


def _endless(rows: Tensor, batch_size: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator(device=rows.device).manual_seed(seed)
    while True:
        order = rows[torch.randperm(len(rows), generator=generator, device=rows.device)]
        if len(order) < batch_size:
            order = order.repeat(-(-batch_size // len(order)))
        whole = len(order) // batch_size * batch_size
        yield from torch.split(order[:whole], batch_size)
