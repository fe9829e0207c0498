"""`ensemble`: the plain mean of several models' probabilities, judged like one model."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from core.errors import RunError
from core.files import replacing
from training.judging.subject import (
    ENSEMBLE_FILE,
    ENSEMBLE_SCORES,
    ScoringOptions,
    Subject,
    mean_scores,
)
from training.runs.folder import write_json

FEWEST: Final = 2


@dataclass(frozen=True)
class EnsembleOptions:
    """What `ensemble` is asked to do.

    Attributes:
        members: Bundles and finished run folders, 2 or more.
        out: The ensemble's folder.
        scoring: Which data they score, and how; without data the members' own validation scores.
    """

    members: Sequence[Path]
    out: Path
    scoring: ScoringOptions = field(default_factory=ScoringOptions)

    def __post_init__(self) -> None:
        places = [member.resolve() for member in self.members]
        if len(places) < FEWEST or len(set(places)) < len(places):
            raise RunError(
                f"Found {len(set(places))} different models; an ensemble needs at least "
                f"{FEWEST}, each once."
            )
        if self.scoring.data is None and self.scoring.tta != "none":
            raise RunError(
                f"Found --tta {self.scoring.tta} without data; the models' own validation scores "
                "are of the upright patch. Name the data with --data."
            )


def run_ensemble(options: EnsembleOptions) -> Subject:
    """Write the ensemble's mean scores and its members, and return what is to be judged.

    Killed while the members score, the same call goes on.

    Raises:
        NodelensError: A member cannot score, or they judge different patches.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    members = [member.resolve() for member in options.members]
    scores = mean_scores(members, options.scoring, options.out, options.out.name)
    slides = scores.evidence.slides
    table = pd.DataFrame(
        {
            "id": scores.ids,
            "label": scores.evidence.labels.astype("int8"),
            "slide": "" if slides is None else slides,
            "prob_tumour": scores.evidence.scores,
        }
    )
    with replacing(options.out / ENSEMBLE_SCORES) as file:
        table.to_csv(file, index=False, lineterminator="\n")
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
            "notes": list(scores.notes),
        },
    )
    return Subject(options.out.name, scores)
