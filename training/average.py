"""Several models as one: `average`, of their weights; `ensemble`, of their probabilities.

Source: Wortsman et al. 2022 ("model soups"). It serves one that was fine-tuned from the other, or
all from the same start: the mean of unrelated networks is worth nothing.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.bundle import Parent
from core.command_line import say
from core.errors import RunError
from core.files import write_json, write_table
from core.tables import read_table
from training.data.labelled import open_labelled
from training.data.pack import Feed, Pack, open_pack
from training.data.split import IntArray
from training.judging.subject import ENSEMBLE_SCORES, Subject, mean_subject
from training.learning.validation import predict_with, steer
from training.options import AverageOptions, EnsembleOptions
from training.runs.device import prepare_device, sitting
from training.runs.folder import (
    ENSEMBLE_FILE,
    FinishedRun,
    RunFolder,
    read_finished,
    write_config,
    write_scores,
    write_tensors,
)
from training.runs.initial import InitialWeights


def run_average(options: AverageOptions) -> RunFolder:
    """Write the run whose weights are the mean of others, and return its folder.

    Raises:
        RunError: The runs are of different networks, data or splits, or not finished.
        NodelensError: The data cannot be read.
    """
    members = [read_finished(path) for path in options.runs]
    for member in members[1:]:
        _require_alike(members[0], member)
    weights = mean_weights([member.weights for member in members], options.weighting)
    folder = RunFolder(options.out)
    device = prepare_device(options.machine.device, options.machine.threads)
    with open_labelled(options.data) as source:
        options.out.mkdir(parents=True, exist_ok=True)
        pack = open_pack(source, options.machine.cache or folder.pack)
    config = replace(members[0].config, initial=_origin(members, options.weighting))
    rows = _validation_rows(members[0], pack)
    logits = predict_with(config.recipe, weights, Feed(pack, device), rows, device)
    auc = steer(pack.table.labels[rows], logits).auc
    write_config(folder, config.values(), [sitting(device, "float32")])
    facts = {"config_sha256": config.digest, "epoch": 0, "auc": auc}
    write_tensors(folder.best, weights, facts)
    write_scores(folder.scores, pack.table, rows, logits)
    write_json(folder.outcome, _outcome(members, options.weighting, auc))
    say(
        f"Mean of the weights of {len(members)} runs: validation AUC {auc:.4f}. "
        f"Next: python -m training export {folder.root} --to DIR"
    )
    return folder


def mean_weights(
    weights: Sequence[Mapping[str, Tensor]], shares: Sequence[float] | None = None
) -> dict[str, Tensor]:
    """Return the weighted mean of networks' tensors; whole numbers are those of the first.

    Running means and variances of normalisation are averaged like weights.
    """
    first, shares = weights[0], shares or [1 / len(weights)] * len(weights)
    return {
        name: torch.stack([one[name].double() * s for one, s in zip(weights, shares, strict=True)])
        .sum(dim=0)
        .to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }


def _require_alike(first: FinishedRun, other: FinishedRun) -> None:
    one, two = first.config, other.config
    same_split = (one.train, one.val) == (two.train, two.val)
    if what := one.unlike(two) or ("" if same_split else "split"):
        raise RunError(
            f"{other.folder.root.name} and {first.folder.root.name} differ in their {what}; the "
            "mean of their weights is not a working network. Average runs of one network on one "
            "split, or use `ensemble`, which averages scores."
        )


def _validation_rows(member: FinishedRun, pack: Pack) -> IntArray:
    """Return the rows of the patches that validated a run."""
    if pack.pixels_sha256 != member.config.pixels_sha256:
        raise RunError(
            f"{pack.source} is not the data {member.folder.root.name} was trained on: the pixels "
            "differ. Check --data."
        )
    row_of = {patch: row for row, patch in enumerate(pack.table.ids.tolist())}
    ids = read_table(member.folder.scores, required=["id"]).rows["id"]
    return np.array([row_of[patch] for patch in ids], dtype=np.int64)


def _origin(members: Sequence[FinishedRun], shares: Sequence[float]) -> InitialWeights:
    parents = tuple(
        Parent(
            member.folder.root.name,
            share,
            member.config.recipe.name,
            member.config.initial.description,
        )
        for member, share in zip(members, shares, strict=True)
    )
    digest = hashlib.sha256("".join(member.digest for member in members).encode())
    description = f"mean of the weights of {len(members)} runs"
    return InitialWeights(
        description,
        digest.hexdigest(),
        parents=parents,
        has_seen_pcam=any(one.config.initial.has_seen_pcam for one in members),
    )


def _outcome(members: Sequence[FinishedRun], shares: Sequence[float], auc: float) -> dict[str, Any]:
    outcomes = [member.outcome for member in members]
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "epochs": sum(int(outcome["epochs"]) for outcome in outcomes),
        "stopped_early": False,
        "best_epoch": max(int(outcome["best_epoch"]) for outcome in outcomes),
        "validation_auc": auc,
        "training_seconds": sum(float(outcome["training_seconds"]) for outcome in outcomes),
        "mean_of": [
            {
                "run": member.folder.root.name,
                "share": share,
                "config_sha256": member.digest,
                "outcome": dict(member.outcome),
            }
            for member, share in zip(members, shares, strict=True)
        ],
    }


def run_ensemble(options: EnsembleOptions) -> Subject:
    """Write the ensemble's mean scores and its members, and return what is to be judged.

    Killed while the members score, the same call goes on.

    Raises:
        NodelensError: A member cannot score, or they judge different patches.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    members = [member.resolve() for member in options.models]
    subject = mean_subject(members, options.scoring, options.out, options.out.name)
    scores = subject.scores
    slides = scores.evidence.slides
    table = pd.DataFrame(
        {
            "id": scores.ids,
            "label": scores.evidence.labels.astype("int8"),
            "slide": "" if slides is None else slides,
            "prob_tumour": scores.evidence.scores,
        }
    )
    write_table(options.out / ENSEMBLE_SCORES, table)
    write_json(
        options.out / ENSEMBLE_FILE,
        {
            "schema_version": 1,
            # Relative, so that the runs and their ensemble can be moved together.
            "members": [os.path.relpath(member, options.out.resolve()) for member in members],
            "mean_of": "calibrated probabilities",
            "tta": options.scoring.tta,
            "data": options.scoring.data.name if options.scoring.data else "own validation scores",
            "split": options.scoring.split,
            "ids_sha256": hashlib.sha256("\n".join(table["id"]).encode()).hexdigest(),
            "trained_patches": subject.trained_patches,
            "notes": list(scores.notes),
        },
    )
    return subject
