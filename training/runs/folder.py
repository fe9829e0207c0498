"""The files of a run folder, each written whole or not at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from scipy.special import expit

from core.errors import RunError, in_a_line, why
from core.files import Below, replacing, write_json, write_table
from training.data.split import IntArray, PatchTable
from training.runs.config import RunConfig, values_digest
from training.runs.initial import METADATA_KEY

CROSSVAL_FILE: Final = "crossval.json"
"""What tells the folder of a cross-validation."""
ENSEMBLE_FILE: Final = "ensemble.json"
"""What tells the folder of an ensemble."""


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps what."""

    root: Path

    config = Below("root", "config.json")
    """The config, and every sitting's device and versions."""
    checkpoint = Below("root", "checkpoint.safetensors")
    """Everything needed to go on."""
    best = Below("root", "best.safetensors")
    """Averaged weights of the epoch with the best validation AUC."""
    metrics = Below("root", "metrics.csv")
    """One row per epoch."""
    scores = Below("root", "validation_scores.csv")
    """Validation scores of the best weights, one row per patch."""
    teaching = Below("root", "teaching_scores.csv")
    """Scores of patches that a student may learn from and nobody is judged by."""
    events = Below("root", "tensorboard")
    """TensorBoard's event files."""
    outcome = Below("root", "outcome.json")
    """How the run ended; there only when it has."""
    pack = Below("root", "pack")
    """Decoded patches, unless another cache is named."""


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A run's config as it was first written.

    Attributes:
        values: The file's own values; an older version may have known fewer options.
        sittings: Device and versions of every sitting.
    """

    config: RunConfig
    values: dict[str, Any]
    sittings: list[dict[str, Any]]

    @property
    def digest(self) -> str:
        """What checkpoint and best weights are signed with."""
        return values_digest(self.values)


@dataclass(frozen=True, eq=False)
class FinishedRun(RecordedRun):
    """A run that has ended, with its best weights."""

    folder: RunFolder
    outcome: dict[str, Any]
    weights: dict[str, torch.Tensor]


def read_finished(root: Path) -> FinishedRun:
    """Return a finished run.

    Raises:
        RunError: It is not finished, or damaged.
    """
    folder = RunFolder(root)
    recorded = read_config(folder)
    if recorded is None or not folder.outcome.is_file():
        raise RunError(
            f"{root} contains no finished run. Repeat the `fit` command; it resumes where it "
            "stopped."
        )
    weights, facts = read_tensors(folder.best)
    if facts.get("config_sha256") != recorded.digest:
        raise RunError(f"{folder.best} and config.json are from different runs. Train again.")
    outcome = json.loads(folder.outcome.read_text("utf-8"))
    return FinishedRun(**vars(recorded), folder=folder, outcome=outcome, weights=weights)


def write_config(
    folder: RunFolder, values: Mapping[str, Any], sittings: list[dict[str, Any]]
) -> None:
    """Write a config's values with the surroundings of every sitting."""
    write_json(folder.config, {"config": values, "sittings": sittings})


def read_config(folder: RunFolder) -> RecordedRun | None:
    """Return what is recorded of a run, or None where none was started.

    Raises:
        RunError: The file is no such config.
    """
    path = folder.config
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        values = dict(content["config"])
        return RecordedRun(RunConfig.of_values(values), values, list(content["sittings"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is not the config of such a run ({in_a_line(error)}). Use another --out."
        ) from None


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what a cross-validation or an ensemble says of itself.

    Raises:
        RunError: Its file is damaged.
    """
    path = folder / CROSSVAL_FILE
    path = path if path.is_file() else folder / ENSEMBLE_FILE
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(
            f"{path} is damaged ({in_a_line(error)}). Repeat the command that made it."
        ) from None


def fold_folder(crossval: Path, number: int) -> RunFolder:
    """Return where one fold of a cross-validation is, by its number from 0."""
    return RunFolder(crossval / f"fold-{number + 1}")


def folds_of(crossval: Path) -> list[RunFolder]:
    """Return the folds of a finished cross-validation.

    Raises:
        RunError: It is none.
    """
    if not (crossval / CROSSVAL_FILE).is_file():
        raise RunError(f"{crossval} is not a finished cross-validation. Name one, or finish it.")
    return [fold_folder(crossval, number) for number in range(int(read_facts(crossval)["folds"]))]


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]
) -> None:
    """Write tensors and facts as one safetensors file, so that they cannot part."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with replacing(path) as file:
        safetensors.torch.save_file(plain, file, {METADATA_KEY: json.dumps(facts)})


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return what `write_tensors` wrote.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {})[METADATA_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118 - no dict
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise RunError(
            f"{path} cannot be read ({why(error)}). Train again into another folder."
        ) from None


def write_scores(
    path: Path, table: PatchTable, rows: IntArray, logits: NDArray[np.float32]
) -> None:
    """Write id, slide, label, logit and score of validation patches, at temperature 1."""
    wide = logits.astype(np.float64)
    columns = {
        "id": table.ids[rows],
        "slide": table.slides[rows],
        "label": table.labels[rows],
        "logit": wide,
        "score": expit(wide),
        "temperature": 1.0,
    }
    write_table(path, pd.DataFrame(columns))
