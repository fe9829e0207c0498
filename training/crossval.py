"""`crossval`: stratified folds by whole slides, and the out-of-fold score of every patch."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.command_line import say
from core.errors import RunError
from core.files import replacing, write_json, write_table
from core.statistics import Evidence, auroc
from core.tables import read_table
from training.bundling.performance import Performance, measure_performance
from training.bundling.validated import epochs_note, read_validation_logits
from training.distill import run_distill
from training.fitting import planned_split, run_fit
from training.judging.subject import OUT_OF_FOLD_PARQUET, OUT_OF_FOLD_SCORES, TEACHING_SCORES
from training.learning.team import require_one_process
from training.options import CrossvalOptions, DistillOptions, FitOptions, Fold
from training.runs.folder import (
    CROSSVAL_FILE,
    RunFolder,
    fold_folder,
    read_config,
    read_finished,
)


@dataclass(frozen=True)
class Crossval:
    """What the out-of-fold scores of all folds are worth, pooled and fold by fold."""

    judged: Performance
    auroc_by_fold: tuple[float, ...]
    notes: tuple[str, ...]


def run_crossval(options: CrossvalOptions, *, should_stop: Callable[[], bool]) -> Crossval | None:
    """Train the folds asked for, and return what the out-of-fold scores of all are worth.

    None where some folds are still to be trained. Killed at any moment, the same call goes on and
    ends with the same files.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: A fold cannot be trained.
    """
    require_one_process("crossval")
    root = options.fit.out
    _require_fresh_or_crossval(root)
    cache = options.fit.cache or RunFolder(root).pack
    numbers = range(options.folds) if options.fold is None else [options.fold - 1]
    started, trained = time.monotonic(), 0
    for done, number in enumerate(numbers, start=1):
        folder = fold_folder(root, number)
        say(f"Fold {number + 1} of {options.folds}")
        before = folder.outcome.is_file()
        one = replace(
            options.fit,
            out=folder.root,
            cache=cache,
            fold=Fold(number, options.folds),
            teach_unknown=options.teach_unknown,
        )
        _train(options, one, should_stop)
        trained += not before
        left = len(numbers) - done
        if trained and left:
            minutes = (time.monotonic() - started) / trained * left / 60
            say(f"About {minutes:,.0f} min left for {left} more folds.")
    runs = [fold_folder(root, number) for number in range(options.folds)]
    missing = [run.root.name for run in runs if not run.outcome.is_file()]
    if missing:
        say(f"Not yet trained: {', '.join(missing)}. They are gathered once all are in {root}.")
        return None
    return gather(root, runs, teach_unknown=options.teach_unknown)


def _train(options: CrossvalOptions, fit: FitOptions, should_stop: Callable[[], bool]) -> None:
    if options.go_on is None:
        run_fit(fit, should_stop=should_stop)
        return
    before = RunFolder(options.go_on / fit.out.name)
    _require_same_fold(fit, before)
    fit = replace(fit, init=str(before.best))
    if options.follow:
        run_distill(
            DistillOptions(fit=fit, teacher=before.root, teacher_tta="d4", weight=options.follow),
            should_stop=should_stop,
        )
    else:
        run_fit(fit, should_stop=should_stop)


def _require_same_fold(fit: FitOptions, before: RunFolder) -> None:
    """Check that no patch which will validate has trained the model that a fold starts from.

    Raises:
        RunError: That fold is not finished, or was another.
    """
    config = read_finished(before.root).config
    table, split = planned_split(fit)
    unseen = set(read_validation_logits(before.scores).ids)
    seen = set(table.ids[split.val].tolist()) - unseen
    if len(seen) > config.unreadable:  # what could not be read has trained nothing
        raise RunError(
            f"{before.root} was not validated on {len(seen):,} patches of {fit.out.name}, so it "
            "may have trained on them. Name a cross-validation of the same data, folds and seed."
        )


def _require_fresh_or_crossval(root: Path) -> None:
    if not root.is_dir():
        return
    known = {"pack", CROSSVAL_FILE, OUT_OF_FOLD_SCORES, OUT_OF_FOLD_PARQUET, TEACHING_SCORES}
    strange = [
        path.name
        for path in root.iterdir()
        if path.name not in known and not path.name.startswith(("fold-", "."))
    ]
    if strange:
        raise RunError(
            f"{root} is not a cross-validation: it contains {sorted(strange)[0]}. Name a new "
            "folder."
        )


def gather(root: Path, runs: list[RunFolder], *, teach_unknown: bool = False) -> Crossval:
    """Write what the out-of-fold scores of finished folds are worth, and return it.

    Args:
        root: The folder of the cross-validation.
        runs: Its folds.
        teach_unknown: Whether patches of unknown slide have a score for a student.
    """
    table = _joined([run.scores for run in runs])
    if teach_unknown and all(run.teaching.is_file() for run in runs):
        with replacing(root / TEACHING_SCORES) as file:
            teaching = _joined([run.teaching for run in runs])
            teaching.to_csv(file, index=False, lineterminator="\n")
    write_table(root / OUT_OF_FOLD_SCORES, table)
    write_table(root / OUT_OF_FOLD_PARQUET, table)
    known = bool((table["slide"] != "").all())
    evidence = Evidence.of(
        table["label"].to_numpy(),
        table["prob_tumour"].to_numpy(),
        table["slide"].to_numpy() if known else None,
    )
    judged = measure_performance(evidence)
    facts = _facts(runs, table, judged, teach_unknown=teach_unknown)
    write_json(root / CROSSVAL_FILE, facts)
    return Crossval(judged, tuple(facts["auroc_by_fold"]), tuple(facts["notes"]))


def _joined(tables: list[Path]) -> pd.DataFrame:
    """Return id, label, slide, fold (from 1) and prob_tumour of every scored patch, by id."""
    parts = []
    for number, path in enumerate(tables, start=1):
        scores = read_table(path, required=["id", "label", "slide", "score"]).rows
        parts.append(
            pd.DataFrame(
                {
                    "id": scores["id"],
                    "label": scores["label"].astype("int8"),
                    "slide": scores["slide"],
                    "fold": number,
                    "prob_tumour": scores["score"].astype("float64"),
                }
            )
        )
    return pd.concat(parts).sort_values("id", kind="stable", ignore_index=True)


def _facts(
    runs: list[RunFolder], table: pd.DataFrame, judged: Performance, *, teach_unknown: bool
) -> dict[str, Any]:
    configs = [recorded.config for run in runs if (recorded := read_config(run)) is not None]
    first = configs[0]
    notes = [
        "Scores are sigmoid(logit) without a temperature: each fold has a model of its own.",
        epochs_note(first.recipe.schedule),
        *dict.fromkeys(warning for config in configs for warning in config.split_warnings),
    ]
    if unknown := first.train.without_slide:
        notes.append(
            f"{unknown:,} patches of unknown slide train in "
            + ("all folds but one" if teach_unknown else "every fold")
            + " and have no score here."
        )
    return {
        "schema_version": 1,
        "folds": len(runs),
        "recipe": first.recipe.name,
        "init": first.initial.description,
        "seed": first.seed,
        "random_split": first.at_random,
        "data": first.data,
        "ids_sha256": hashlib.sha256("\n".join(table["id"]).encode()).hexdigest(),
        "patches": judged.patches,
        "positives": judged.positives,
        "slides": judged.slides,
        "metrics": {name: asdict(one) for name, one in judged.metrics.items()},
        "auroc_by_fold": [
            auroc(Evidence.of(rows["label"], rows["prob_tumour"])).value
            for _, rows in table.groupby("fold")
        ],
        "notes": notes,
    }
