"""What a course leaves: a cross-validation and a refit, in the folders that `export` reads."""

import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch

from core.command_line import say
from core.errors import RunError
from core.files import replacing, write_json
from training.course.course import Cohort, Course, CourseCandidate, splits_of
from training.course.lockstep import Weights
from training.crossval import fold_folder, gather
from training.data.labelled import open_labelled
from training.data.pack import Pack, open_pack, require_labels
from training.data.split import Split
from training.fitting import require_own_folder
from training.learning.randomness import seed_start
from training.options import CourseOptions
from training.recipes.recipe import (
    Augmentation,
    Distillation,
    Recipe,
    Schedule,
    recipe_values,
)
from training.runs.config import RunConfig, differences
from training.runs.device import prepare_device, sitting
from training.runs.folder import RunFolder, write_config, write_scores, write_tensors
from training.runs.initial import InitialWeights, initial_network

FOLDS_FOLDER: Final = "folds"
REFIT_FOLDER: Final = "refit"
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
    keeper = Keeper(options, pack, initial, device)
    course = Course(cohort, options.recipe, options.plan, start, say, options.seed, keeper.keep)
    course.run()
    keeper.note(course)
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


@dataclass(frozen=True, eq=False)
class Keeper:
    """Writes what a course has reached.

    Attributes:
        options: Of the course.
        pack: Its patches.
        initial: Where its networks started.
        device: Where it computes.
    """

    options: CourseOptions
    pack: Pack
    initial: InitialWeights
    device: torch.device

    def keep(self, name: str, candidate: CourseCandidate, course: Course) -> None:
        """Write a candidate's folds and refit under OUT/name, over those of one before."""
        root = self.options.out / name
        *folds, refit = course.cohort.splits
        runs = [fold_folder(root / FOLDS_FOLDER, number) for number in range(len(folds))]
        for run, split, weights in zip(runs, folds, candidate.networks, strict=False):
            self._write(run, split, weights, candidate, course)
        gather(root / FOLDS_FOLDER, runs)
        run = RunFolder(root / REFIT_FOLDER)
        self._write(run, refit, candidate.networks[-1], candidate, course)
        self.note(course)

    def note(self, course: Course) -> None:
        """Write what every stage has reached, and its scores."""
        table, out = course.cohort.table, self.options.out
        columns = {"ids": table.ids, "slides": table.slides, "labels": table.labels}
        arrays: dict[str, Any] = {"folds": course.cohort.folds, **columns, **course.scores}
        with replacing(out / "scores.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, **arrays)
        facts = {"plan": asdict(self.options.plan), "sitting": self._sitting}
        write_json(out / "course.json", {**facts, "stages": course.table, "chosen": course.chosen})

    @cached_property
    def _sitting(self) -> dict[str, Any]:
        return sitting(self.device, "bfloat16" if self.device.type == "cuda" else "float32")

    def _write(
        self,
        run: RunFolder,
        split: Split,
        weights: Weights,
        candidate: CourseCandidate,
        course: Course,
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
            auroc = course.cohort.auroc(candidate.logits, split.val)
        write_json(
            run.outcome,
            {
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "epochs": candidate.recipe.schedule.epochs,
                "stopped_early": False,
                "best_epoch": candidate.recipe.schedule.epochs - 1,
                "validation_auc": auroc,
                "training_seconds": time.monotonic() - course.began,
                "course": {**asdict(self.options.plan), "stage": candidate.stage},
            },
        )
