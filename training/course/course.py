"""The course of a model: trunk, branches, their mean, and a student that follows them.

The same course is run for five folds by whole slides and once on all patches, side by side. Every
teacher of a fold's student was trained on that fold's own training patches, so no score out of fold
comes from a network, or from a teacher of one, that saw the slide. Patches of unknown slide only
train. What a course leaves, a cross-validation and a refit, lies in folders that `export` reads.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch

from core.command_line import say
from core.errors import RunError
from core.files import replacing, write_json
from training.average import mean_weights
from training.course.lockstep import Cohort, Logits, Stage, Weights, splits_of, train_stage
from training.crossval import gather
from training.data.labelled import open_labelled
from training.data.pack import Pack, open_pack, require_labels
from training.data.split import Split
from training.fitting import require_own_folder
from training.learning.randomness import seed_start
from training.options import CourseOptions, Plan
from training.recipes.recipe import (
    Augmentation,
    Distillation,
    Recipe,
    Schedule,
    recipe_values,
)
from training.runs.config import RunConfig, differences
from training.runs.device import prepare_device, sitting
from training.runs.folder import RunFolder, fold_folder, write_config, write_scores, write_tensors
from training.runs.initial import InitialWeights, initial_network

TRUNK_PX: Final = 96
"""The first stage sees patches as they are, at a quarter of the cost."""
TRUNK_RATE: Final = 1e-3
BRANCH_RATE: Final = 5e-4
SMALL_RATE: Final = 1e-3
LEAST_CENTRE_AUROC: Final = 0.40
"""A network below this follows the surroundings; it ships only if all are."""
CHOSEN: Final = "chosen"
FOLDS_FOLDER: Final = "folds"
REFIT_FOLDER: Final = "refit"


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


@dataclass(frozen=True)
class CourseCandidate:
    """Networks that may ship: one of each fold, and the refit behind them.

    Attributes:
        stage: Which stage, or mean of stages, they are of.
        recipe: How they were trained last.
        logits: (N,) out of fold, NaN where no fold validates.
        auroc: Pooled, out of fold.
        centre: Out-of-fold AUROC of the centre's label in surroundings of the other one.
    """

    stage: str
    recipe: Recipe
    networks: Sequence[Weights]
    logits: Logits
    auroc: float
    centre: float


def choose(candidates: Mapping[str, CourseCandidate]) -> str:
    """Return the name of the best out of fold among those that heed the centre."""
    heeding = {n: c for n, c in candidates.items() if c.centre >= LEAST_CENTRE_AUROC}
    return max(heeding or candidates, key=lambda name: candidates[name].auroc)


@dataclass
class Course:
    """A course on its way, which writes what it has reached.

    Attributes:
        options: What was asked.
        start: Weights that all networks start from.
        initial: Where they are from.
        began: When, by the monotonic clock.
        scores: Out-of-fold logits by name: (N,) or (N, 8).
        table: A line of what each stage reached.
        candidates: What may ship, by name.
        chosen: The name of the best of them so far.
    """

    cohort: Cohort
    options: CourseOptions
    start: Weights
    pack: Pack
    initial: InitialWeights
    began: float = field(default_factory=time.monotonic, init=False)
    scores: dict[str, Logits] = field(default_factory=dict, init=False)
    table: list[dict[str, float | str]] = field(default_factory=list, init=False)
    candidates: dict[str, CourseCandidate] = field(default_factory=dict, init=False)
    chosen: str = field(default="", init=False)

    def run(self) -> None:
        """Run all stages.

        Candidates are the mean of the branches' weights, each student, the mean of the students,
        and the mean of that and of the branches' mean.
        """
        full, plan, cohort = self.options.recipe, self.options.plan, self.cohort
        seed, patches = self.options.seed, len(cohort.splits[-1].train)
        size_px = full.preprocessing.input_size_px
        alone = replace(full, distillation=Distillation())
        recipe = at(alone, size_px=TRUNK_PX, rate=TRUNK_RATE)
        stage = Stage("trunk", plan.trunk_steps, recipe, seed)
        trunk = train_stage(stage, cohort, [self.start] * len(cohort.rows))
        self.judge("trunk", recipe, trunk)
        branches, branch_seconds = [], 0.0
        recipe = lasting(at(alone, rate=BRANCH_RATE), plan.branch_steps, patches)
        for number in range(1, plan.branches + 1):
            began = time.monotonic()
            own = seed + 100 * number
            stage = Stage(f"branch-{number}", plan.branch_steps, recipe, own)
            branches.append(train_stage(stage, cohort, trunk))
            branch_seconds = time.monotonic() - began
            self.judge(stage.name, recipe, branches[-1])
        together = np.mean([self.scores[f"branch-{n + 1}"] for n in range(plan.branches)], axis=0)
        self._add_stage("branches, mean of logits", together)
        soup = [mean_weights(parts) for parts in zip(*branches, strict=True)]
        self.nominate("soup", recipe, soup)
        teachers = list(zip(*branches, strict=True))
        steps = affordable_steps(plan, time.monotonic() - self.began, branch_seconds)
        say(f"{steps} steps a student")
        students = []
        for number, transplants in enumerate(plan.students, start=1):
            recipe = lasting(replace(full, transplant_share=transplants), steps, patches)
            stage = Stage(f"student-{number}", steps, recipe, seed + 100 * (10 + number))
            students.append(train_stage(stage, cohort, soup, teachers))
            self.nominate(stage.name, recipe, students[-1])
        if len(students) > 1:
            together = [mean_weights(parts) for parts in zip(*students, strict=True)]
            self.nominate("students", recipe, together)
        else:
            together = students[0]
        mean = [mean_weights(pair) for pair in zip(soup, together, strict=True)]
        self.nominate("all", recipe, mean)
        say(f"chosen: {self.chosen}")
        best = [[weights] for weights in self.candidates[self.chosen].networks]
        for small_px in plan.small:
            recipe = at(full, size_px=small_px, rate=SMALL_RATE)
            recipe = lasting(recipe, plan.small_steps, patches)
            own = seed + 100 * (20 + small_px)
            stage = Stage(f"small-{small_px}", plan.small_steps, recipe, own)
            start = trunk if small_px == TRUNK_PX else soup
            small = train_stage(stage, cohort, start, best, teacher_px=size_px)
            self.keep(stage.name, self.judge(stage.name, recipe, small, every_view=True))

    def nominate(self, name: str, recipe: Recipe, networks: Sequence[Weights]) -> None:
        """Judge networks of the recipe's size as some that may ship; the best so far is kept."""
        self.candidates[name] = self.judge(name, recipe, networks, every_view=True)
        if (best := choose(self.candidates)) != self.chosen:
            # At once: a borrowed machine may be gone before the course ends.
            self.chosen = best
            self.keep(CHOSEN, self.candidates[best])

    def judge(
        self, name: str, recipe: Recipe, networks: Sequence[Weights], *, every_view: bool = False
    ) -> CourseCandidate:
        """Score networks out of fold and note what they are worth."""
        logits = self.cohort.out_of_fold(recipe, networks, views=range(8 if every_view else 1))
        self.scores[name] = logits[:, 0]
        centre = self.cohort.centre_auroc(recipe, networks)
        auroc = self._add_stage(name, logits[:, 0], centre=centre)
        if every_view:
            self.scores[f"{name}-d4"] = logits
            self._add_stage(f"{name}, mean of eight orientations", logits.mean(axis=1))
        return CourseCandidate(name, recipe, networks, logits[:, 0], auroc, centre)

    def _add_stage(self, name: str, logits: Logits, **more: float) -> float:
        auroc = self.cohort.auroc(logits)
        line: dict[str, float | str] = {"stage": name, "auroc": auroc, **more}
        line["seconds"] = round(time.monotonic() - self.began, 1)
        self.table.append(line)
        say("  ".join(f"{k} {v:.5f}" if isinstance(v, float) else f"{v}" for k, v in line.items()))
        return auroc

    def keep(self, name: str, candidate: CourseCandidate) -> None:
        """Write a candidate's folds and refit under OUT/name, over those of one before."""
        root = self.options.out / name
        *folds, refit = self.cohort.splits
        runs = [fold_folder(root / FOLDS_FOLDER, number) for number in range(len(folds))]
        for run, split, weights in zip(runs, folds, candidate.networks, strict=False):
            self._write(run, split, weights, candidate)
        gather(root / FOLDS_FOLDER, runs)
        self._write(RunFolder(root / REFIT_FOLDER), refit, candidate.networks[-1], candidate)
        self.write_stages()

    def write_stages(self) -> None:
        """Write what every stage has reached, and its scores."""
        table, out = self.cohort.table, self.options.out
        columns = {"ids": table.ids, "slides": table.slides, "labels": table.labels}
        arrays: dict[str, Any] = {"folds": self.cohort.folds, **columns, **self.scores}
        with replacing(out / "scores.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, **arrays)
        facts = {"plan": asdict(self.options.plan), "sitting": self._sitting}
        write_json(out / "course.json", {**facts, "stages": self.table, "chosen": self.chosen})

    @cached_property
    def _sitting(self) -> dict[str, Any]:
        device = self.cohort.images_rgb_u8.device
        return sitting(device, "bfloat16" if device.type == "cuda" else "float32")

    def _write(
        self, run: RunFolder, split: Split, weights: Weights, candidate: CourseCandidate
    ) -> None:
        run.root.mkdir(parents=True, exist_ok=True)
        config = RunConfig.of(
            recipe=candidate.recipe,
            seed=self.options.seed,
            pack=self.pack,
            split=split,
            initial=self.initial,
        )
        write_config(run, config.values(), [self._sitting])
        write_tensors(run.best, weights, {"config_sha256": config.digest})
        auroc = None
        if len(split.val):
            write_scores(run.scores, self.pack.table, split.val, candidate.logits[split.val])
            auroc = self.cohort.auroc(candidate.logits, split.val)
        write_json(
            run.outcome,
            {
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "epochs": candidate.recipe.schedule.epochs,
                "stopped_early": False,
                "best_epoch": candidate.recipe.schedule.epochs - 1,
                "validation_auc": auroc,
                "training_seconds": time.monotonic() - self.began,
                "course": {**asdict(self.options.plan), "stage": candidate.stage},
            },
        )


def at(recipe: Recipe, *, size_px: int | None = None, rate: float | None = None) -> Recipe:
    """Return a recipe at another input size or largest learning rate."""
    size_px = size_px or recipe.preprocessing.input_size_px
    preprocessing = recipe.preprocessing.model_copy(update={"input_size_px": size_px})
    schedule = replace(recipe.schedule, learning_rate=rate or recipe.schedule.learning_rate)
    return replace(recipe, preprocessing=preprocessing, schedule=schedule)


def lasting(recipe: Recipe, steps: int, patches: int) -> Recipe:
    """Return a recipe whose epochs are as many, to the nearest, as its steps are."""
    epochs = max(1, round(steps * recipe.batch_size / patches))
    return replace(recipe, schedule=replace(recipe.schedule, epochs=epochs))


_VARIED: Final = (
    "d4",
    "stain_gain",
    "stain_shift",
    "stain_swap",
    "brightness",
    "contrast",
    "saturation",
    "channel",
)
"""Fields of an augmentation that are done on the device."""


def run_course(options: CourseOptions) -> Course:
    """Train folds and refit side by side and keep the best of what they reached.

    OUT/chosen/folds is a cross-validation and OUT/chosen/refit a run, as `export` takes them;
    small students lie beside them. OUT/course.json says what each stage reached, OUT/scores.npz
    every out-of-fold logit.

    Raises:
        NodelensError: The data cannot be split, or the recipe asks for more than a course does.
    """
    require_course(options.recipe)
    require_own_folder(RunFolder(options.out))
    device = prepare_device(options.device, options.threads)
    torch.backends.cudnn.benchmark = False  # timing the kernels of each shape takes longer still
    with open_labelled(options.data) as source:
        for note in source.remarks:
            say(f"Note: {note}")
        # What can be told without decoding or fetching anything is told first.
        splits_of(require_labels(source), options.seed)
        seed_start(options.seed)
        init = options.init or options.recipe.init
        network, initial = initial_network(options.recipe.network, init)
        pack = open_pack(source, options.cache or RunFolder(options.out).pack)
    cohort = Cohort.of(pack, device, seed=options.seed)
    start = {name: value.to(device) for name, value in network.state_dict().items()}
    course = Course(cohort, options, start, pack, initial)
    course.run()
    course.write_stages()
    return course


def require_course(recipe: Recipe) -> None:
    """Check that a course does all that a recipe asks for.

    Raises:
        RunError: It asks for more.
    """
    schedule, varied = recipe.schedule, recipe.augmentation
    done = Recipe(
        name=recipe.name,
        description=recipe.description,
        network=recipe.network,
        preprocessing=recipe.preprocessing,
        schedule=Schedule(
            epochs=schedule.epochs,
            learning_rate=schedule.learning_rate,
            weight_decay=schedule.weight_decay,
            warmup_share=schedule.warmup_share,
            final_share=schedule.final_share,
            keep="last",
        ),
        augmentation=replace(Augmentation(), **{name: getattr(varied, name) for name in _VARIED}),
        init=recipe.init,
        label_smoothing=recipe.label_smoothing,
        transplant_share=recipe.transplant_share,
        distillation=Distillation(recipe.distillation.weight, temperature=1.0),
        batch_size=recipe.batch_size,
        ema_decay=0.0,
        swa_share=recipe.swa_share,
    )
    if more := sorted(differences(recipe_values(done), recipe_values(recipe))):
        raise RunError(
            f"The recipe {recipe.name!r} sets {', '.join(more)} in a way that `course` does not "
            "support. Start from ours_lite0_course, or use `crossval` and `fit`."
        )
