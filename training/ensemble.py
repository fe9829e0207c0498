"""`ensemble`: the plain mean of several models' probabilities, judged like one model."""

import hashlib
import os

import pandas as pd

from core.files import write_json, write_table
from training.judging.subject import ENSEMBLE_SCORES, Subject, mean_subject
from training.options import EnsembleOptions
from training.runs.folder import ENSEMBLE_FILE


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
