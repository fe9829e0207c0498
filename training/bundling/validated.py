"""What temperature, threshold and metrics rest on: a run's validation, or a cross-validation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import RunError
from core.tables import read_table
from training.recipes.recipe import Schedule
from training.runs.config import RunConfig, SetFacts
from training.runs.folder import FinishedRun, folds_of, read_finished


@dataclass(frozen=True, eq=False)
class ValidationLogits:
    """A run's validation_scores.csv.

    Attributes:
        ids: (N,) patch ids.
        slides: (N,) slide, "" where unknown.
        labels: (N,) 0 or 1.
        logits: (N,) before temperature; float32 values in float64, as the app computes them.
        folds: (N,) from 1, where each is out of fold.
    """

    ids: list[str]
    slides: NDArray[np.str_]
    labels: NDArray[np.int8]
    logits: NDArray[np.float64]
    folds: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Validated:
    """Patches with labels and logits that say how good a model is.

    Attributes:
        logits: Of the patches.
        facts: The patches in counts.
        what: Which they are, in words.
        notes: What limits them.
    """

    logits: ValidationLogits
    facts: SetFacts
    what: str
    notes: tuple[str, ...]


def read_validation_logits(path: Path) -> ValidationLogits:
    """Return a run's validation logits.

    Raises:
        SourceError: The table is missing or malformed.
    """
    table = read_table(path, required=["id", "slide", "label", "logit"]).rows
    return ValidationLogits(
        ids=table["id"].tolist(),
        slides=table["slide"].to_numpy(np.str_),
        labels=table["label"].astype(int).to_numpy().astype(np.int8),
        logits=table["logit"].to_numpy().astype(np.float64),
    )


def own_validation(run: FinishedRun) -> Validated:
    """Return what validated a run.

    Raises:
        RunError: Nothing did.
    """
    config = run.config
    if not config.val.patches:
        raise RunError(
            f"{run.folder.root.name} trained on every patch and has no validation scores. Name a "
            "cross-validation of its recipe with --calibrate-from."
        )
    notes = config.split_warnings
    if config.recipe.schedule.keep == "best":
        chosen = "The epoch was chosen by the AUC on these patches, so it is slightly too good."
        notes = (chosen, *notes)
    logits = read_validation_logits(run.folder.scores)
    return Validated(logits, config.val, f"{config.data}, validation part", notes)


def out_of_fold(run: FinishedRun, crossval: Path) -> Validated:
    """Return the out-of-fold scores of a cross-validation, as evidence of a run on all its data.

    Raises:
        RunError: It is none, or of another network or other patches.
    """
    own, configs, parts = run.config, [], []
    for fold in folds_of(crossval):
        configs.append(read_finished(fold.root).config)
        if what := own.unlike(configs[-1]):
            raise RunError(
                f"{fold.root} and {run.folder.root.name} differ in their {what}; expected the same "
                "recipe on the same data. Cross-validate what was trained."
            )
        parts.append(read_validation_logits(fold.scores))
    logits = ValidationLogits(
        ids=[patch for part in parts for patch in part.ids],
        slides=np.concatenate([part.slides for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        logits=np.concatenate([part.logits for part in parts]),
        folds=np.repeat(np.arange(len(parts)) + 1, [len(part.ids) for part in parts]),
    )
    unseen = "it" if any(fold.at_random for fold in configs) else "its slide"
    return Validated(
        logits,
        SetFacts.of(np.array(logits.ids), logits.labels, logits.slides),
        f"{own.data}, each patch scored by a model that never saw {unseen}",
        _notes_of_folds(own, configs),
    )


def _notes_of_folds(own: RunConfig, folds: list[RunConfig]) -> tuple[str, ...]:
    notes = [
        f"Each score is of one of {len(folds)} models of this recipe, which did not see the "
        "patch's slide. The shipped weights were trained on all these patches, so the numbers are "
        "those of the recipe, not of these exact weights.",
        epochs_note(own.recipe.schedule),
    ]
    if unknown := own.train.without_slide:
        notes.append(
            f"{unknown:,} patches of unknown slide train in every fold and have no score here; "
            "some of them may share a slide with those that have."
        )
    if any(fold.at_random for fold in folds):
        notes.append("The folds ignore slides, so the scores are too good.")
    return tuple(notes)


def epochs_note(schedule: Schedule) -> str:
    """Return what chose the epochs of the folds of a cross-validation."""
    if schedule.keep == "last":
        return "The epochs were fixed beforehand: no fold's score chose its weights."
    return "Each fold's epoch was chosen on the fold itself, so the scores are slightly too good."
