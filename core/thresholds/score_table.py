"""Tables of labels and scores: of a training run, of this app, or of anybody's spreadsheet."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import tables
from core.bundle import distinct_models
from core.errors import SourceError, why
from core.statistics import Evidence, auroc
from core.thresholds.scores import ScoreSet, Source, named_slides, too_perfect
from core.wording import agreeing

RUN_SCORES_FILE: Final = "validation_scores.csv"
_NAMED: Final = 3  # rows that an error names
_FEW_VALUES, _PATCHES_A_VALUE = 11, 3
"""Steps of a tenth from 0 to 1; a model's own scores are nearly all distinct."""
_REVERSED: Final = 0.4
_NAMELESS: Final = "The table has no column id, so it cannot be paired with another."
_SILENT: Final = "The table states no temperature; the model's is assumed."
_TWO: Final = "The columns score and prob_tumour differ; score was read. Delete the wrong one."
_LABEL: Final = "1 or tumour (in the centre), 0 or normal"
_SCORE: Final = "a probability from 0 to 1, not a logit or per cent"


class BadRowsError(SourceError):
    """Some rows of a table of scores cannot be used.

    Attributes:
        good: How many can; 0 where these have labels of one class only, or where half of the
            scores or more lie beyond 0 and 1: the others are on that scale too.
    """

    def __init__(self, message: str, good: int) -> None:
        super().__init__(message)
        self.good = good


def run_scores(folder: Path) -> ScoreSet:
    """Return the validation scores of a training run folder.

    Raises:
        SourceError: There are none, or they are malformed.
    """
    path = folder / RUN_SCORES_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{folder.name} contains no {RUN_SCORES_FILE} ({why(error)}). Name the folder of a "
            "training run, made by `python -m training fit`."
        ) from None
    scores = read_scores_csv(f"{folder.name}/{RUN_SCORES_FILE}", data)
    return replace(scores, source=Source.RUN, name=f"training run {folder.name}")


def read_scores_csv(
    name: str, data: bytes, called: Mapping[str, str] | None = None, *, good_rows: bool = False
) -> ScoreSet:
    """Return the scores in a CSV: `label` and `score`, optionally `id`, `slide`, `temperature`.

    The app's own result tables are taken too: their `prob_tumour` is the score, rows without one
    (unreadable or withheld inputs) are left out and counted in a note.

    Args:
        name: The file's name, for messages.
        data: Its bytes.
        called: See `parse_table`.
        good_rows: Leave out the rows that cannot be used, and count them, instead of refusing all.

    Raises:
        BadRowsError: Rows hold what cannot be used; the message names the first.
        SourceError: It is no CSV, or lacks a column.
    """
    read, sha256 = tables.parse_table(name, data, called=called), hashlib.sha256(data).hexdigest()
    return scores_of_table(read, sha256, good_rows=good_rows)


def scores_of_table(read: tables.Table, sha256: str, *, good_rows: bool = False) -> ScoreSet:
    """Return the scores in a table; see `read_scores_csv`."""
    name = read.name
    label_column = _column(read, "label")
    score_column = _column(read, "score", "prob_tumour")
    table, unscored = _scored(read, score_column)
    labels, scores = _labels(table[label_column]), _numbers(table[score_column])
    good = np.isin(labels, (0, 1)) & (scores >= 0) & (scores <= 1)
    bad = _bad(
        table,
        (label_column, ~np.isin(labels, (0, 1)), _LABEL),
        (score_column, ~((scores >= 0) & (scores <= 1)), _SCORE),
    )
    rows = f"{int((~good).sum()):,} of {tables.counted(len(table), 'row')}"
    if bad and not (good_rows and good.any()):
        beyond = int(((scores < 0) | (scores > 1)).sum())  # per cent or logits have some within
        enough = {0, 1} <= set(labels[good]) and 2 * beyond < len(table)
        advice = "Correct these rows" + (" or leave them out." if enough else ".")
        refused = f"{name}: {rows} cannot be used. {bad} {advice}"
        raise BadRowsError(refused, int(good.sum()) if enough else 0)
    table, labels, scores = table[good], labels[good], scores[good]
    values, column_notes = tables.spelled(tables.Table(name, table), tables.SLIDE_COLUMNS)
    slides, slide_notes = next(
        (named_slides(np.array(v, np.str_)) for v in values.values()), (None, ())
    )
    evidence = Evidence.of(labels.astype(np.int8), scores, slides)
    named, two = "id" in table, {"score", "prob_tumour"} <= set(table)
    ids = pd.Series(
        [tables.id_key(cell) for cell in (table["id"] if named else table.index.astype(str))]
    )
    doubts = (
        *((f"{rows} {agreeing('[is|are]', int((~good).sum()))} left out. {bad}",) if bad else ()),
        *_implausible(evidence),
        *(_repeats(name, ids, table.assign(label=labels)) if named else ()),
        *(tables.shortened(name, table["id"].tolist()) if named else ()),
        *((_TWO,) if two and (table["score"] != table["prob_tumour"]).any() else ()),
    )
    return ScoreSet(
        source=Source.UPLOAD,
        name=name,
        ids=ids.to_numpy(np.str_),
        named=named,
        evidence=evidence,
        sha256=sha256,
        temperature=_temperature(table, name),
        model_id=_model(table, name),
        doubts=doubts,
        notes=(
            *doubts,
            *read.notes,
            *unscored,
            *column_notes,
            *slide_notes,
            *(() if named else (_NAMELESS,)),
            *((_SILENT,) if "model_id" in table and "temperature" not in table else ()),
        ),
    )


def _column(read: tables.Table, *names: str) -> str:
    for column in names:
        if column in read.rows.columns:
            return column
    raise SourceError(
        f"{read.name} has the columns {', '.join(read.spellings()[:12])}; expected "
        f"{' or '.join(names)} among them. Name the columns in the first line: id, label, score "
        "and, if known, slide."
    )


def _scored(read: tables.Table, score_column: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows that have a score by their status, as this app's tables tell it, and a note."""
    table = read.rows
    notes: tuple[str, ...] = ()
    if score_column == "prob_tumour" and "status" in table:
        scored = table["status"].astype(str) == "scored"
        if without := int((~scored).sum()):
            left_out = f"{without:,} [input|inputs] without a score [is|are] left out."
            notes = (agreeing(left_out, without),)
            table = table[scored]
    if table.empty:
        raise SourceError(f"{read.name} has no rows with a score. Use one line per patch.")
    return table, notes


def _numbers(cells: "pd.Series[str]") -> NDArray[np.float64]:
    """(N,) numbers, NaN for what is none."""
    return pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)


def _labels(cells: "pd.Series[str]") -> NDArray[np.float64]:
    """(N,) labels from words or numbers, NaN for what is none."""
    words: dict[str, float] = {}
    for cell in cells.unique():
        try:
            label = tables.parse_label(cell, "")
        except SourceError:
            label = None
        words[cell] = np.nan if label is None else label
    return np.array([words[cell] for cell in cells], np.float64)


def _bad(table: pd.DataFrame, *columns: tuple[str, NDArray[np.bool_], str]) -> str:
    """Which rows cannot be used by which column, the first few by their line; "" if all can be.

    Args:
        table: The rows.
        columns: Name, (N,) whether its cell cannot be used, and what was expected.
    """
    sentences = []
    for column, wrong, expected in columns:
        rows = np.flatnonzero(wrong).tolist()
        shown = [repr(str(cell)[:20]) if cell else "empty" for cell in table[column].iloc[rows]]
        cells = [f"line {line}: {one}" for line, one in zip(table.index[rows], shown, strict=True)]
        if len(cells) > _NAMED:
            cells[_NAMED:] = [f"and {len(cells) - _NAMED:,} more"]
        if cells:
            sentences.append(
                f"{len(rows):,} for {agreeing('[its|their]', len(rows))} {column} "
                f"({'; '.join(cells)}); expected {expected}."
            )
    return " ".join(sentences)


def _implausible(evidence: Evidence) -> Iterator[str]:
    """What scores look like when they are not what they should be."""
    values = len(np.unique(evidence.scores))
    if values <= 2 < len(evidence):
        yield (
            f"The scores have {values} distinct value{'s' if values > 1 else ''}: they look like "
            "labels, but probabilities are needed."
        )
    elif values <= _FEW_VALUES and values * _PATCHES_A_VALUE <= len(evidence):
        yield (
            f"The scores have only {values} distinct values, as grades or rounded scores have: no "
            "threshold can be chosen between them, and patches of one value are not ranked. Use "
            "the model's own scores, not rounded."
        )
    if not (evidence.n_positive and evidence.n_negative):
        return
    if doubt := too_perfect(evidence):
        yield doubt
    if (value := auroc(evidence).value) < _REVERSED:
        yield (
            f"The AUROC is {value:.3f}, far below chance: the scores look reversed, as if for no "
            "tumour. Check which class the column is for."
        )


def _repeats(name: str, ids: "pd.Series[str]", table: pd.DataFrame) -> Iterator[str]:
    """Count the ids that come again; SourceError where one has two labels.

    Where a table knows paths, files of one name in several folders are several patches.
    """
    again = ids.duplicated()
    if not again.any():
        return
    path = table["path"].tolist() if "path" in table else [""] * len(table)
    keys = pd.Series(list(zip(ids, path, strict=True)))
    labels = table["label"].groupby(keys.to_numpy())
    both = labels.min() < labels.max()
    if both.any():
        raise SourceError(
            f"{name} gives {tables.counted(int(both.sum()), 'id')} more than one label "
            f"({both.index[both.to_numpy()][0][0]}). Leave one row for each id."
        )
    yield (
        f"{tables.counted(int(again.sum()), 'row')} with an id that appeared before "
        f"({ids[again].iloc[0]}). Each counts as a separate patch; delete copies from the file."
    )


def _temperature(table: pd.DataFrame, name: str) -> float | None:
    """What the table says in the column `temperature`; None without one."""
    if "temperature" not in table:
        return None
    temperatures = _numbers(table["temperature"])
    expected = "the temperature of the score, a number above 0"
    wrong = ~(np.isfinite(temperatures) & (temperatures > 0))
    if bad := _bad(table, ("temperature", wrong, expected)):
        raise SourceError(f"{name} has rows that cannot be used: {bad} Correct these rows.")
    if len(distinct := np.unique(temperatures)) > 1:
        raise SourceError(
            f"{name} mixes scores of {len(distinct)} temperatures ({distinct[0]:g} to "
            f"{distinct[-1]:g}); expected one. Give one file for each."
        )
    return float(distinct[0])


def _model(table: pd.DataFrame, name: str) -> str:
    if "model_id" not in table:
        return ""
    models = distinct_models(table["model_id"])
    if len(models) > 1:
        raise SourceError(
            f"{name} mixes scores of {len(models)} models ({', '.join(models[:3])}); expected one. "
            "Give one file for each model."
        )
    return models[0] if models else ""
