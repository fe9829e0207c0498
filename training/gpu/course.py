"""The course of the shipped model: trunk, branches, their mean, and a student that follows them.

The same course is run for five folds by whole slides and once on all patches, side by side. Every
teacher of a fold's student was trained on that fold's own training patches, so no score out of fold
comes from a network, or from a teacher of one, that saw the slide. Patches of unknown slide only
train.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor

from core.bundle import Architecture
from training.average import mean_weights
from training.bundling.serving import swapped
from training.gpu.archive import PackedPatches
from training.gpu.lockstep import Learners, Stage, Weights, predict, train_stage
from training.gpu.variation import Strength
from training.recipes.recipe import Augmentation

FOLDS: Final = 5
ARCHITECTURE: Final = Architecture(
    name="tf_efficientnet_lite0",
    arguments={"drop_rate": 0.2, "drop_path_rate": 0.1},
    outputs=1,
    pooling="centre-and-context",
)
COLOUR: Final = Augmentation(
    d4=True,
    stain_gain=0.2,
    stain_shift=0.03,
    brightness=0.15,
    contrast=0.15,
    saturation=0.2,
    channel=0.05,
)
"""Limits of the recipe `ours_lite0_192`; a course takes a share of them."""
LEAST_CENTRE_AUROC: Final = 0.40
"""A network below this follows the surroundings; it ships only if all are."""
CHOSEN: Final = "chosen"


def scaled(colour: Augmentation, share: float) -> Augmentation:
    """Return the limits of stain and light times a share."""
    names = ("stain_gain", "stain_shift", "brightness", "contrast", "saturation", "channel")
    return replace(colour, **{name: getattr(colour, name) * share for name in names})


@dataclass(frozen=True)
class Plan:
    """What a course does; steps are of batches of 64 for each network.

    Attributes:
        strength: Of the variation, in all stages.
        trunk_steps: At 96 px, from ImageNet.
        branch_steps: At `size_px`, each branch from the trunk.
        branches: How many.
        student_steps: From the mean of the branches, following them all.
        students: For each of them, which are averaged, the share of transplants.
        student_rate: Their largest learning rate.
        seconds: That the course may take; the students' steps are cut to fit, for all alike.
        size_px: Of branches and students.
        small: Input sizes of further students, which follow the first.
        small_steps: Of each.
        batch_size: Of each network.
        architecture: Of all networks.
    """

    strength: Strength
    trunk_steps: int = 1400
    branch_steps: int = 900
    branches: int = 3
    student_steps: int = 1500
    students: tuple[float, ...] = (0.0, 0.4)
    student_rate: float = 4e-4
    seconds: float | None = None
    size_px: int = 192
    small: tuple[int, ...] = (96,)
    small_steps: int = 1500
    batch_size: int = 64
    architecture: Architecture = ARCHITECTURE


def affordable_steps(plan: Plan, spent_seconds: float, branch_seconds: float) -> int:
    """Return the steps of each student: the plan's, or as many as are left time for.

    Args:
        plan: Its `seconds`, if any, are those of the whole course.
        spent_seconds: Until the first student starts.
        branch_seconds: Of one branch; a student's step, with its teachers', takes about twice
            that of a branch, a small student's about 0.7 of it.
    """
    if plan.seconds is None or not branch_seconds:
        return plan.student_steps
    step = branch_seconds / plan.branch_steps
    left = plan.seconds - spent_seconds - len(plan.small) * plan.small_steps * 0.7 * step
    affordable = int(left / (2 * step * len(plan.students)) / 50) * 50
    return min(plan.student_steps, max(200, affordable))


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patches on a device, with their folds.

    Attributes:
        packed: The patches.
        images_rgb_u8: The same on the device.
        labels: (N,) float32 on the device.
        folds: (N,) 0..4, -1 where the slide is unknown.
    """

    packed: PackedPatches
    images_rgb_u8: Tensor
    labels: Tensor
    folds: NDArray[np.int64]

    @staticmethod
    def of(packed: PackedPatches, device: torch.device, *, seed: int) -> "Cohort":
        """Put patches on a device and their known slides into folds."""
        known = np.flatnonzero(packed.slides != "")
        folds = np.full(len(packed.ids), -1)
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        parts = splitter.split(known, packed.labels[known], packed.slides[known])
        for number, (_, held_out) in enumerate(parts):
            folds[known[held_out]] = number
        return Cohort(
            packed,
            torch.from_numpy(packed.images_rgb_u8).to(device),
            torch.from_numpy(packed.labels).float().to(device),
            folds,
        )

    def learners(self, architecture: Architecture, *, seed: int) -> Learners:
        """Return a learner for each fold, and one of all patches behind them."""
        device = self.images_rgb_u8.device
        rows = [np.flatnonzero(self.folds != fold) for fold in range(FOLDS)]
        rows.append(np.arange(len(self.folds)))
        return Learners(
            architecture,
            self.images_rgb_u8,
            self.labels,
            tuple(torch.from_numpy(part).to(device) for part in rows),
            tuple(seed + number for number in range(len(rows))),
        )

    def out_of_fold(
        self,
        architecture: Architecture,
        networks: Sequence[Weights],
        size_px: int,
        *,
        views: Sequence[int] = (0,),
    ) -> NDArray[np.float32]:
        """Return tumour logits (N, views); NaN where the slide is unknown."""
        logits = np.full((len(self.folds), len(views)), np.nan, np.float32)
        for fold in range(FOLDS):
            rows = np.flatnonzero(self.folds == fold)
            images = self.images_rgb_u8[torch.from_numpy(rows).to(self.images_rgb_u8.device)]
            logits[rows] = (
                predict(architecture, networks[fold], images, size_px, views=views).cpu().numpy()
            )
        return logits

    def auroc(self, logits: NDArray[np.float32]) -> float:
        """Return the pooled AUROC of logits (N,) of the patches in folds."""
        rows = self.folds >= 0
        return float(roc_auc_score(self.packed.labels[rows], logits[rows]))

    def centre_auroc(
        self, architecture: Architecture, networks: Sequence[Weights], size_px: int
    ) -> float:
        """Return the out-of-fold AUROC of the centre's label in surroundings of the other one."""
        labels, scores = [], []
        for fold in range(FOLDS):
            rows = np.flatnonzero(self.folds == fold)
            own = self.packed.labels[rows]
            if len(np.unique(own)) < 2:
                continue
            mixed = swapped(self.packed.images_rgb_u8[rows], own.astype(np.int8), other=True)
            images = torch.from_numpy(mixed).to(self.images_rgb_u8.device)
            logits = predict(architecture, networks[fold], images, size_px)[:, 0]
            labels.append(own)
            scores.append(logits.cpu().numpy())
        return float(roc_auc_score(np.concatenate(labels), np.concatenate(scores)))


@dataclass(frozen=True)
class Candidate:
    """Networks that may ship: one of each fold, and the refit behind them.

    Attributes:
        networks: Their weights.
        auroc: Pooled, out of fold.
        centre: Out-of-fold AUROC of the centre's label in surroundings of the other one.
    """

    networks: Sequence[Weights]
    auroc: float
    centre: float


def choose(candidates: Mapping[str, Candidate]) -> str:
    """Return the name of the best out of fold among those that heed the centre."""
    heeding = {n: c for n, c in candidates.items() if c.centre >= LEAST_CENTRE_AUROC}
    return max(heeding or candidates, key=lambda name: candidates[name].auroc)


@dataclass
class Course:
    """A course on its way.

    Attributes:
        cohort: With what.
        plan: What is done.
        start: Weights that all networks start from.
        say: Told of progress.
        seed: Of order and variation.
        keep: Called with a name, the networks (folds, then the refit) and their size whenever
            a candidate is the best so far, and for each small student.
        began: When, by the monotonic clock.
        scores: Out-of-fold logits by name: (N,) or (N, 8).
        table: A line of what each stage reached.
        candidates: What may ship, by name.
        chosen: The name of the best of them so far.
    """

    cohort: Cohort
    plan: Plan
    start: Weights
    say: Callable[[str], None]
    seed: int = 0
    keep: Callable[[str, Sequence[Weights], int], None] | None = None
    began: float = field(default_factory=time.monotonic)
    scores: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    table: list[dict[str, float | str]] = field(default_factory=list)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    chosen: str = ""

    def run(self) -> None:
        """Run all stages.

        Candidates are the mean of the branches' weights, each student, the mean of the students,
        and the mean of that and of the branches' mean.
        """
        plan, say = self.plan, self.say
        learners = self.cohort.learners(plan.architecture, seed=self.seed)
        trunk = train_stage(
            self._stage("trunk", 96, plan.trunk_steps, 1e-3),
            learners,
            [self.start] * len(learners.rows),
            say=say,
        )
        self.judge("trunk", trunk, 96)
        branches, branch_seconds = [], 0.0
        for number in range(plan.branches):
            began = time.monotonic()
            stage = self._stage(f"branch-{number + 1}", plan.size_px, plan.branch_steps, 5e-4)
            branches.append(train_stage(stage, self._seeded(learners, number + 1), trunk, say=say))
            branch_seconds = time.monotonic() - began
            self.judge(stage.name, branches[-1], plan.size_px)
        together = np.mean([self.scores[f"branch-{n + 1}"] for n in range(plan.branches)], axis=0)
        self._note("branches, mean of logits", together)
        soup = [mean_weights(parts) for parts in zip(*branches, strict=True)]
        self.nominate("soup", soup)
        teachers = list(zip(*branches, strict=True))
        steps = affordable_steps(plan, time.monotonic() - self.began, branch_seconds)
        say(f"{steps} steps a student")
        students = []
        for number, transplants in enumerate(plan.students, start=1):
            strength = replace(plan.strength, transplants=transplants)
            stage = replace(
                self._stage(f"student-{number}", plan.size_px, steps, plan.student_rate),
                strength=strength,
            )
            seeded = self._seeded(learners, 10 + number)
            students.append(train_stage(stage, seeded, soup, teachers, say=say))
            self.nominate(stage.name, students[-1])
        together = [mean_weights(parts) for parts in zip(*students, strict=True)]
        self.nominate("students", together)
        self.nominate("all", [mean_weights(pair) for pair in zip(soup, together, strict=True)])
        say(f"chosen: {self.chosen}")
        chosen = self.candidates[self.chosen].networks
        for size_px in plan.small:
            stage = self._stage(f"small-{size_px}", size_px, plan.small_steps, 1e-3)
            seeded = self._seeded(learners, 20 + size_px)
            small = train_stage(
                stage,
                seeded,
                trunk if size_px == 96 else soup,
                [[w] for w in chosen],
                plan.size_px,
                say=say,
            )
            self.judge(stage.name, small, size_px, every_view=True)
            self._keep(stage.name, small, size_px)

    def nominate(self, name: str, networks: Sequence[Weights]) -> None:
        """Judge networks of the plan's size as some that may ship; the best so far is kept."""
        auroc, centre = self.judge(name, networks, self.plan.size_px, every_view=True)
        self.candidates[name] = Candidate(networks, auroc, centre)
        if (best := choose(self.candidates)) != self.chosen:
            # At once: a borrowed machine may be gone before the course ends.
            self.chosen = best
            self._keep(CHOSEN, self.candidates[best].networks, self.plan.size_px)

    def _stage(self, name: str, size_px: int, steps: int, rate: float) -> Stage:
        plan = self.plan
        return Stage(name, size_px, steps, rate, plan.strength, batch_size=plan.batch_size)

    def judge(
        self, name: str, networks: Sequence[Weights], size_px: int, *, every_view: bool = False
    ) -> tuple[float, float]:
        """Score out of fold, note what it is worth and return the AUROC and that of the centre."""
        views = range(8) if every_view else (0,)
        logits = self.cohort.out_of_fold(
            self.plan.architecture, networks, size_px, views=tuple(views)
        )
        self.scores[name] = logits[:, 0]
        centre = self.cohort.centre_auroc(self.plan.architecture, networks, size_px)
        self._note(name, logits[:, 0], centre=centre)
        if every_view:
            self.scores[f"{name}-d4"] = logits
            self._note(f"{name}, mean of eight orientations", logits.mean(axis=1))
        return self.cohort.auroc(logits[:, 0]), centre

    def _note(self, name: str, logits: NDArray[np.float32], **more: float) -> None:
        line: dict[str, float | str] = {"stage": name, "auroc": self.cohort.auroc(logits), **more}
        line["seconds"] = round(time.monotonic() - self.began, 1)
        self.table.append(line)
        self.say(
            "  ".join(f"{k} {v:.5f}" if isinstance(v, float) else f"{v}" for k, v in line.items())
        )

    def _keep(self, name: str, networks: Sequence[Weights], size_px: int) -> None:
        if self.keep is not None:
            self.keep(name, networks, size_px)

    def _seeded(self, learners: Learners, number: int) -> Learners:
        return replace(learners, seeds=tuple(seed + 100 * number for seed in learners.seeds))
