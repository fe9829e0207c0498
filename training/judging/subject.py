"""What is judged: the scores of a bundle, run, ensemble or table, with labels and slides."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core import tables
from core.bundle import OperatingPoint, known_slides, read_card
from core.bundle.bundle import CARD_FILE
from core.errors import EvidenceError, SourceError
from core.files import sha256_of
from core.patches import PatchSource
from core.patches.colours import colour_notes
from core.statistics import Evidence
from core.thresholds.score_table import read_scores_csv, run_scores, scores_of_table
from core.thresholds.scores import ScoreSet, bundle_scores
from training.bundling.calibration import calibrate
from training.bundling.scoring import ALL, labelled_source, open_model, score_patches
from training.bundling.validated import read_validation_logits
from training.options import Orientations, ScoringOptions
from training.runs.folder import CROSSVAL_FILE, ENSEMBLE_FILE, RunFolder, read_facts

ENSEMBLE_SCORES: Final = "scores.csv"
OUT_OF_FOLD_SCORES: Final = "out_of_fold.csv"
TEACHING_SCORES: Final = "teaching.csv"
"""Scores of patches of unknown slide in a cross-validation: for students, to judge nobody by."""
OUT_OF_FOLD_PARQUET: Final = "out_of_fold.parquet"


@dataclass(frozen=True, eq=False)
class Subject:
    """Scores to be judged, and the operating point that they are meant for.

    Attributes:
        name: What to call it.
        scores: Of patches with labels.
        shipped: The threshold that comes with the model, None where none does.
        trained_patches: Judged patches of slides that trained the model, or one of several.
    """

    name: str
    scores: ScoreSet
    shipped: OperatingPoint | None = None
    trained_patches: int = 0


def open_subject(path: Path, options: ScoringOptions, work: Path) -> Subject:
    """Return the scores of a bundle, run, ensemble, cross-validation or table.

    Args:
        path: Where it is.
        options: With `data`, a model scores that data, and a table gets its labels from there.
        work: Folder for the scores of a model on that data; an unfinished one goes on.

    Raises:
        NodelensError: It is none of these, or its scores cannot be judged.
    """
    if tables.is_table(path.name):
        return _table(path, options)
    if options.split not in {"", ALL} and options.data is None:
        raise SourceError(
            f"Found --split {options.split} without --data, but the scores in {path.name} are of "
            "one part. Name the data, or leave out --split."
        )
    if (path / CROSSVAL_FILE).is_file():
        if options.data is not None:
            raise SourceError(
                f"{path} is a cross-validation, so its out-of-fold scores are on its own data. "
                "Leave out --data, or make an ensemble of its folds."
            )
        table = _table(path / OUT_OF_FOLD_SCORES, options)
        return replace(table, name=path.name, scores=replace(table.scores, name=path.name))
    if (path / ENSEMBLE_FILE).is_file():
        return _ensemble(path, options, work)
    if options.data is not None:
        return _scored(path, options.data, options, work)
    if (path / CARD_FILE).is_file():
        card = read_card(path)
        return Subject(card.model_id, bundle_scores(path, card), card.operating_point)
    if RunFolder(path).config.is_file():
        return _run(path)
    raise SourceError(
        f"{path} contains nothing to judge; expected a bundle, a run folder, an ensemble, a "
        "cross-validation, or a table of scores (.csv, .tsv, .parquet, .csv.gz). Check the path."
    )


def _run(path: Path) -> Subject:
    """The validation scores of a run, calibrated as `export` would."""
    scores = run_scores(path)
    raw = read_validation_logits(RunFolder(path).scores)
    calibration = calibrate(raw.labels, raw.logits, raw.slides)
    chosen = calibration.chosen
    point = OperatingPoint(
        version="as exported",
        threshold=chosen.threshold,
        rule=chosen.description,
        chosen_on=calibration.chosen_on,
    )
    evidence = Evidence.of(
        raw.labels, expit(raw.logits / calibration.temperature), scores.evidence.slides
    )
    notes = (
        f"Temperature {calibration.temperature:.3f}, fitted on {calibration.chosen_on}.",
        f"Threshold chosen on {calibration.chosen_on}: calibration and rates are slightly too "
        "good here, because these patches helped to choose them; so is the AUROC, because the "
        "epoch was chosen by it.",
    )
    return Subject(
        path.name,
        replace(
            scores,
            evidence=evidence,
            temperature=calibration.temperature,
            notes=(*scores.notes, *notes),
        ),
        point,
    )


def _scored(path: Path, data: Path, options: ScoringOptions, work: Path) -> Subject:
    """Score the data with the model at a path."""
    classifier = open_model(path, options.device)
    out = work / f"{path.name}.scores.csv"
    with labelled_source(data, options.split) as source:
        score_patches(source, classifier, out, tta=options.tta, batch_size=options.batch_size)
        remarks = (*source.remarks, *colour_notes(source))
    scores = read_scores_csv(out.name, out.read_bytes())
    scores = replace(scores, notes=(*remarks, *scores.notes))
    slides = known_slides(scores.slides, classifier.bundle.card.training.slides_sha256)
    patches = 0
    if slides and scores.evidence.slides is not None:
        patches = int(np.isin(scores.evidence.slides, slides).sum())
        note = (
            f"{len(slides)} of {len(scores.slides)} slides ({patches:,} of {len(scores.ids):,} "
            "patches) were used to train this model, so these numbers are too good. Judge it on "
            "other slides."
        )
        scores = replace(scores, notes=(*scores.notes, note))
    scores = replace(scores, name=data.name)
    return Subject(classifier.model_id, scores, classifier.operating_point, patches)


def _ensemble(path: Path, options: ScoringOptions, work: Path) -> Subject:
    content = read_facts(path)
    if options.data is None:
        table = _table(path / ENSEMBLE_SCORES, options)
        notes = tuple(dict.fromkeys((*table.scores.notes, *map(str, content.get("notes", [])))))
        return Subject(
            path.name,
            replace(table.scores, name=path.name, notes=notes),
            trained_patches=int(content.get("trained_patches", 0)),
        )
    named = content.get("members")
    tta: Any = content.get("tta")
    members = [(path / str(one)).resolve() for one in named] if isinstance(named, list) else []
    if not members or path.resolve() in members or tta not in get_args(Orientations):
        raise SourceError(
            f"{path / ENSEMBLE_FILE} names no models that could be averaged. Make it again with "
            "`ensemble`."
        )
    return mean_subject(members, replace(options, tta=tta), work, path.name)


def mean_subject(members: list[Path], options: ScoringOptions, work: Path, name: str) -> Subject:
    """Return the plain mean of the calibrated probabilities of several models on the same patches.

    Raises:
        EvidenceError: The models scored different patches, or know other labels of them.
    """
    subjects = [
        open_subject(member, options, work / f"member-{number}")
        for number, member in enumerate(members)
    ]
    nameless = next((one for one in subjects if not one.scores.named), None)
    if nameless is not None:
        raise EvidenceError(
            f"{nameless.name} has no column id, so its patches cannot be paired with those of the "
            "others. Name the column of ids “id”."
        )
    first = subjects[0].scores
    total = np.zeros(len(first.ids))
    for subject in subjects:
        total += _in_order(first, subject.scores)
    notes = tuple(dict.fromkeys(note for subject in subjects for note in subject.scores.notes))
    scores = replace(
        first,
        name=name,
        evidence=Evidence.of(first.evidence.labels, total / len(subjects), first.evidence.slides),
        temperature=None,
        model_id="",
        notes=notes,
    )
    # The slides that trained one member are not known here; the most of any is a lower bound.
    return Subject(name, scores, trained_patches=max(one.trained_patches for one in subjects))


def _in_order(first: ScoreSet, other: ScoreSet) -> NDArray[np.float64]:
    """The scores of `other` in the order of `first`'s patches."""
    by_id = dict(zip(other.ids.tolist(), other.evidence.scores.tolist(), strict=True))
    if len(by_id) != len(other.ids) or by_id.keys() != set(first.ids.tolist()):
        shared = len(by_id.keys() & set(first.ids.tolist()))
        raise EvidenceError(
            f"The models judge different patches: {len(first.ids):,} and {len(other.ids):,}, "
            f"{shared:,} of them the same. Name data that all of them score with --data."
        )
    labels = dict(zip(other.ids.tolist(), other.evidence.labels.tolist(), strict=True))
    own = zip(first.ids.tolist(), first.evidence.labels.tolist(), strict=True)
    if differing := sum(labels[patch] != label for patch, label in own):
        raise EvidenceError(
            f"{differing:,} of {len(labels):,} patches have different labels in {first.name} and "
            f"{other.name}; expected the same. Take the labels from one table."
        )
    return np.array([by_id[patch] for patch in first.ids.tolist()], np.float64)


def _table(path: Path, options: ScoringOptions) -> Subject:
    if not path.is_file():
        raise SourceError(f"There is no file {path}. Check the path.")
    table, sha256 = tables.read_table(path), sha256_of(path)
    if options.data is not None:
        table = _with_labels(table, options.data, options.split)
        cells = "\n".join(map(repr, table.rows.to_numpy(str).tolist()))
        sha256 = hashlib.sha256(f"{sha256}{cells}".encode()).hexdigest()
    else:
        table = _part_of(table, options.split)
    return Subject(path.stem, scores_of_table(table, sha256))


def _part_of(table: tables.Table, split: str) -> tables.Table:
    """Return the rows of one part of a table that knows parts; without a name, all, and say so."""
    if "split" not in table.rows:
        if split in {"", ALL}:
            return table
        raise SourceError(
            f"{table.name} has no column 'split', so --split {split} selects nothing. Leave it "
            "out, or name the data with --data."
        )
    parts = table.rows["split"].map(tables.split_name)
    counts = [f"{part or 'no name'} {count:,}" for part, count in parts.value_counts().items()]
    if split in {"", ALL}:
        trained = "train" in parts.to_numpy()
        note = f"{table.name}: all rows are judged, whatever their part ({', '.join(counts)})."
        if trained:
            note += " Judged on patches that trained it, a model looks too good: see --split."
        return replace(table, notes=(*table.notes, note)) if trained or len(counts) > 1 else table
    chosen = table.rows[parts == tables.split_name(split)]
    if chosen.empty:
        raise SourceError(
            f"{table.name} has no row of the part {split!r}; it has {', '.join(counts)}. Name one "
            "of these with --split."
        )
    return replace(table, rows=chosen)


def _with_labels(table: tables.Table, data: Path, split: str) -> tables.Table:
    """A table of scores with the labels and slides that a data set knows, matched by id."""
    rows, own = table.require("id").rows, tables.known_by_id(table, ())
    with labelled_source(data, split) as source:
        entries = source.entries
        known = own.placed(entry.path for entry in entries)
        if known.contradictions:
            raise SourceError(f"{known.contradictions[0]} Write the names of the files here.")
        to_key = {tables.id_key(written): key for key, written in known.ids.items()}
        keys = rows["id"].map(lambda cell: to_key.get(tables.id_key(cell), ""))
        of_entry = [known.key_of(entry.id, entry.path) for entry in entries]
        _require_same_files(table, source, dict(zip(keys, rows.index, strict=True)), of_entry)
        lost = known.without_zeros([entry.id for entry in entries])
        notes = (*source.remarks, *known.notes[len(own.notes) :], *lost)
    if not {"score", "prob_tumour"} & set(rows.columns):
        # A Kaggle submission names its probabilities `label`.
        rows = rows.rename(columns={"label": "score"})
    by_key = {key: entry for key, entry in zip(of_entry, entries, strict=True) if key}
    scored = keys.isin(by_key)
    if len(by_key) < len(entries):
        raise SourceError(
            f"{table.name} has scores for {int(scored.sum()):,} of the {len(entries):,} labelled "
            f"patches of {data.name}; expected all of them, so that no difficult patch is left out "
            "unnoticed. Score the others, or name the part that was scored with --split."
        )
    if not scored.all():
        others = tables.counted(int((~scored).sum()), "row")
        notes += (
            f"{table.name}: {others} of no labelled patch that is judged here left out "
            f"({rows['id'][~scored].iloc[0]}).",
        )
    labelled = [by_key[key] for key in keys[scored]]
    rows = rows[scored].drop(columns=["label", *tables.SLIDE_COLUMNS], errors="ignore")
    rows["label"] = [str(entry.label) for entry in labelled]
    rows["slide"] = [entry.slide or "" for entry in labelled]
    return tables.Table(table.name, rows, (*table.notes, *notes))


def _require_same_files(
    table: tables.Table, source: PatchSource, lines: Mapping[str, int], keys: Sequence[str | None]
) -> None:
    """Raise if a table of scores tells of what contents they are, and the files have others."""
    if "sha256" not in table.rows:
        return
    chosen = source.sample()
    for index, digest in zip(chosen, source.digests(chosen), strict=True):
        line = lines.get(keys[index] or "")
        if line is not None and table.rows["sha256"][line] not in {"", digest}:
            raise SourceError(
                f"{table.name} has scores of different files with the same names as in "
                f"{source.name} (first: {source.entries[index].path}). Score these files, or name "
                "the data that were scored."
            )
