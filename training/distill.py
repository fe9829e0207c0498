"""`distill`: a network trained on what better models say of the training patches."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit

from core.command_line import say
from core.engine import TorchEngine
from core.errors import RunError
from core.files import write_table
from core.patches import Patch
from core.tables import counted, id_key, is_table, read_table
from training.bundling.scoring import ALL, labelled_source
from training.data.labelled import open_labelled
from training.fitting import run_fit
from training.judging.subject import TEACHING_SCORES, open_subject
from training.learning.team import require_one_process
from training.options import DistillOptions, ScoringOptions
from training.recipes.recipe import Recipe, vary_recipe
from training.runs.folder import CROSSVAL_FILE, RunFolder, read_config, read_finished

TEACHER_FILE: Final = "teacher_scores.csv"
DEFAULT_WEIGHT: Final = 0.5
_BATCH: Final = 128


def run_distill(options: DistillOptions, *, should_stop: Callable[[], bool]) -> RunFolder:
    """Write the teacher's scores beside the run, train the student, and return its folder.

    Killed at any moment, the same call goes on.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: The teacher has no scores for these patches, or the run cannot go on.
    """
    require_one_process("distill")
    table = options.fit.out.with_name(f"{options.fit.out.name}.teacher") / TEACHER_FILE
    recipe = follow(options.fit.recipe, options.weight, options.temperature)
    student = replace(options.fit, recipe=recipe, teacher_scores=table)
    table.parent.mkdir(parents=True, exist_ok=True)
    write_teacher_scores(options, table)  # anew: what lies there may be of another teacher
    return run_fit(student, should_stop=should_stop)


def follow(recipe: Recipe, weight: float | None, temperature: float | None) -> Recipe:
    """Return a recipe that follows a teacher.

    Args:
        recipe: The student's.
        weight: Share of the loss, 0..1; None means the recipe's, or a half where it has none.
        temperature: Of the logits; None means the recipe's.

    Raises:
        RunError: A number is out of range.
    """
    own = recipe.distillation
    parameters = {
        "distillation.weight": (own.weight or DEFAULT_WEIGHT) if weight is None else weight,
        "distillation.temperature": own.temperature if temperature is None else temperature,
    }
    return vary_recipe(recipe, parameters)


def write_teacher_scores(options: DistillOptions, table: Path) -> None:
    """Write `id,prob_tumour` of every patch that the teacher has scored.

    Raises:
        NodelensError: None of the patches is scored, one has two scores, or the teacher is no
            model or table.
    """
    scores, surer = _scores(options, table)
    with open_labelled(options.fit.data) as source:
        ids = {id_key(entry.id) for entry in source.entries if entry.label is not None}
    scores = scores[scores["id"].map(id_key).isin(ids)].drop_duplicates()
    if scores.empty:
        raise RunError(
            f"{options.teacher} has no score for any patch of {options.fit.data.name}. Name a "
            "teacher for these patches."
        )
    if (again := scores["id"].duplicated()).any():
        raise RunError(
            f"{options.teacher} has more than one score for {counted(int(again.sum()), 'id')} "
            f"({scores['id'][again].iloc[0]}). Leave one row for each id."
        )
    if surer:
        say(
            "Note: if the teacher was trained on these patches, its scores are more extreme than "
            "on new ones. Out-of-fold scores (`crossval`) teach better."
        )
    write_table(table, scores)


def _scores(options: DistillOptions, table: Path) -> tuple[pd.DataFrame, bool]:
    """Return the teacher's id and prob_tumour, and whether they are a model's on these patches."""
    recorded = read_config(RunFolder(options.teacher))
    if recorded is not None and not recorded.config.val.patches:
        return _plain_scores(options), True
    of_table = is_table(options.teacher.name)
    out_of_fold = (options.teacher / CROSSVAL_FILE).is_file()
    scoring = ScoringOptions(
        data=None if of_table or out_of_fold else options.fit.data,
        split=ALL,
        tta=options.teacher_tta,
        device=options.fit.device,
    )
    subject = open_subject(options.teacher, scoring, table.parent)
    for doubt in subject.scores.doubts:
        say(f"Note: {doubt}")
    scores = pd.DataFrame(
        {
            "id": subject.scores.ids,
            "prob_tumour": subject.scores.evidence.scores.astype("float64"),
        }
    )
    if out_of_fold and (options.teacher / TEACHING_SCORES).is_file():
        more = read_table(options.teacher / TEACHING_SCORES, required=["id", "prob_tumour"]).rows
        more["prob_tumour"] = more["prob_tumour"].astype("float64")
        scores = pd.concat([scores, more[["id", "prob_tumour"]]], ignore_index=True)
    return scores, not (of_table or out_of_fold)


def _plain_scores(options: DistillOptions) -> pd.DataFrame:
    """What a run says that trained on every patch: nothing validated it, so at temperature 1."""
    run = read_finished(options.teacher)
    recipe = run.config.recipe
    engine = TorchEngine(
        recipe.network, recipe.preprocessing, run.weights, device=options.fit.device
    )
    ask = engine.d4_logits if options.teacher_tta == "d4" else engine.logits
    parts = []
    with labelled_source(options.fit.data, ALL) as source:
        stream = (item for item in source.stream() if isinstance(item, Patch))
        while patches := list(islice(stream, _BATCH)):
            logits = ask(np.stack([patch.image_rgb_u8 for patch in patches]))
            wide = logits.reshape(len(patches), -1).mean(axis=1).astype(np.float64)
            ids = [patch.entry.id for patch in patches]
            parts.append(pd.DataFrame({"id": ids, "prob_tumour": expit(wide)}))
    return pd.concat(parts, ignore_index=True)
