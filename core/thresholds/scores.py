"""Scores with their labels, from wherever they are kept: a bundle, a training run, an upload."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.bundle import Card, ValidationScores, read_validation
from core.errors import EvidenceError, SourceError
from core.statistics import Evidence, auroc, split_slides
from core.tables import SLIDE_COLUMNS, Table, id_key, parse_table, spelled

RUN_SCORES_FILE: Final = "validation_scores.csv"
UNKNOWN_SLIDE: Final = "(slide unknown)"
"""Patches without a slide count as one slide together, which is wide rather than narrow."""

_NAMED: Final = 3  # rows that an error names
_LABEL_COLUMNS: Final = ("label",)
_SCORE_COLUMNS: Final = ("score", "prob_tumour")
_REVERSED: Final = 0.4
_NAMELESS: Final = "The table has no column id, so it can be paired with no other."


class Source(StrEnum):
    """Where scores come from."""

    BUNDLE = "shipped"
    RUN = "run"
    UPLOAD = "upload"
    BATCH = "batch"


@dataclass(frozen=True, eq=False)
class ScoreSet:
    """Patches with label and score, ready to be tuned on.

    Attributes:
        source: Where they come from.
        name: What to call them.
        ids: (N,) patch ids.
        evidence: Labels, scores in 0..1, slides where any is known.
        sha256: Hash of the file, or of ids and evidence where there is none.
        temperature: The scores are sigmoid(logit / temperature); None where the file is silent.
        model_id: Which model scored them, where the file says so, else "".
        notes: What limits them, in words.
        named: Whether `ids` are the patches' own; else they are lines of a file, and the set may
            be paired with no other.
    """

    source: Source
    name: str
    ids: NDArray[np.str_]
    evidence: Evidence
    sha256: str
    temperature: float | None = None
    model_id: str = ""
    notes: tuple[str, ...] = ()
    named: bool = True

    @property
    def slides(self) -> tuple[str, ...]:
        """Names of the slides, sorted; empty where unknown."""
        return () if self.evidence.slides is None else self.evidence.slide_names

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(self.ids.tolist())

    def shared_with(self, other: "ScoreSet") -> tuple[str, ...]:
        """Say in sentences which slides and patches two sets have in common; empty if none."""
        said = []
        slides = sorted((set(self.slides) & set(other.slides)) - {UNKNOWN_SLIDE})
        if slides:
            said.append(f"{len(slides)} slides, such as {slides[0]}, are in both sets.")
        patches = len(self._ids & other._ids)
        if patches:
            said.append(f"{patches:,} patches are in both sets.")
        return tuple(said)


def bundle_scores(folder: Path, card: Card) -> ScoreSet:
    """Return the validation scores that a bundle ships, of every slide.

    Raises:
        BundleError: They are missing, altered or malformed.
    """
    found: ValidationScores = read_validation(folder, card.validation.scores_sha256)
    slides, notes = _slides(found.slides)
    return ScoreSet(
        source=Source.BUNDLE,
        name=card.validation.data.name,
        ids=found.ids,
        evidence=Evidence.of(found.labels, found.scores, slides),
        sha256=found.sha256,
        temperature=card.temperature,
        model_id=card.model_id,
        notes=(
            *notes,
            f"Temperature {card.temperature:.3g}, fitted on {card.temperature_fitted_on}.",
            *card.validation.notes,
        ),
    )


def threshold_part(scores: ScoreSet, card: Card) -> ScoreSet | None:
    """Return the half of a bundle's slides that its temperature was not fitted on.

    None where the card does not say how the slides were halved; then temperature and threshold
    may share slides, and rates may be slightly too good.
    """
    seed, evidence = card.validation.split_seed, scores.evidence
    if seed is None or evidence.slides is None or UNKNOWN_SLIDE in evidence.slide_names:
        return None
    part = split_slides(evidence, 0.5, seed)[1]
    rows = np.isin(evidence.slides, part.slide_names)
    return replace(
        scores,
        name=f"{scores.name}, threshold slides",
        ids=scores.ids[rows],
        evidence=part,
        notes=(
            f"Temperature {card.temperature:.3g} was fitted on the other validation slides, so "
            "none of these helped to calibrate the scores.",
            *card.validation.notes,
        ),
    )


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
            f"{folder.name} holds no {RUN_SCORES_FILE} ({error.strerror}). Name the folder of a "
            "training run, made by `python -m training fit`."
        ) from None
    found = read_scores_csv(f"{folder.name}/{RUN_SCORES_FILE}", data)
    return replace(found, source=Source.RUN, name=f"training run {folder.name}")


def read_scores_csv(name: str, data: bytes) -> ScoreSet:
    """Return the scores in a CSV: `label` and `score`, optionally `id`, `slide`, `temperature`.

    The app's own result tables are taken too: their `prob_tumour` is the score, rows without one
    (unreadable or withheld inputs) are left out and counted in a note.

    Args:
        name: The file's name, for messages.
        data: Its bytes.

    Raises:
        SourceError: It is no CSV, lacks a column, or a row holds what cannot be used; the message
            names the first rows.
    """
    return scores_of_table(parse_table(name, data), hashlib.sha256(data).hexdigest())


def scores_of_table(read: Table, sha256: str) -> ScoreSet:
    """Return the scores in a table; see `read_scores_csv`."""
    table, name = read.rows, read.name
    label_column = _column(table, name, _LABEL_COLUMNS)
    score_column = _column(table, name, _SCORE_COLUMNS)
    notes = read.notes
    if score_column == "prob_tumour" and "status" in table:
        scored = table["status"].astype(str) == "scored"
        if not scored.all():
            notes += (f"{int((~scored).sum()):,} inputs without a score are left out.",)
            table = table[scored]
    if table.empty:
        raise SourceError(f"{name} has no rows with a score. Give one patch a line.")
    labels = _numbers(table, label_column, name, "0 (no tumour in the centre) or 1 (tumour)")
    _refuse(table, label_column, ~np.isin(labels, (0, 1)), name, "0 or 1")
    scores = _numbers(table, score_column, name, "a probability from 0 to 1")
    _refuse(
        table,
        score_column,
        (scores < 0) | (scores > 1),
        name,
        "a probability from 0 to 1, no logit and no per cent",
    )
    values, said = spelled(Table(name, table), SLIDE_COLUMNS)
    slides, slide_notes = next((_slides(np.array(v, np.str_)) for v in values.values()), (None, ()))
    named = "id" in table
    ids = pd.Series([id_key(cell) for cell in (table["id"] if named else table.index.astype(str))])
    return ScoreSet(
        source=Source.UPLOAD,
        name=name,
        ids=ids.to_numpy(np.str_),
        named=named,
        evidence=Evidence.of(labels.astype(np.int8), scores, slides),
        sha256=sha256,
        temperature=_temperature(table, name),
        model_id=_only(table, "model_id", name),
        notes=(
            *_implausible(labels, scores),
            *notes,
            *said,
            *slide_notes,
            *(_repeats(ids) if named else (_NAMELESS,)),
            *_silence(table),
        ),
    )


def _implausible(labels: NDArray[np.float64], scores: NDArray[np.float64]) -> Iterator[str]:
    """What scores look like when they are not what they should be."""
    values = len(np.unique(scores))
    if values <= 2 < len(scores):
        yield (
            f"The scores have {values} distinct value{'s' if values > 1 else ''}: they look like "
            "labels, not probabilities. A curve, a threshold and a calibration need probabilities."
        )
    positive = labels == 1
    if not 0 < positive.sum() < len(labels):
        return
    value = float(auroc(Evidence.of(labels.astype(np.int8), scores)).value)
    if value < _REVERSED:
        yield (
            f"The AUROC is {value:.3f}, far below chance: the scores look reversed, as if they "
            "were of no tumour. Check which class the column is of."
        )


def _column(table: pd.DataFrame, name: str, wanted: tuple[str, ...]) -> str:
    for column in wanted:
        if column in table.columns:
            return column
    raise SourceError(
        f"{name} has the columns {', '.join(table.columns[:12])}; expected "
        f"{' or '.join(wanted)} among them. Name the columns in the first line: id, label, score "
        "and, if known, slide."
    )


def _numbers(table: pd.DataFrame, column: str, name: str, expected: str) -> NDArray[np.float64]:
    numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
    _refuse(table, column, ~np.isfinite(numbers), name, expected)
    return numbers


def _refuse(
    table: pd.DataFrame, column: str, bad: NDArray[np.bool_], name: str, expected: str
) -> None:
    """Raise SourceError if a row is bad, naming the first few by their line in the file."""
    if not bad.any():
        return
    rows = np.flatnonzero(bad)[:_NAMED]
    found = "; ".join(f"line {table.index[row]}: {_shown(table[column].iloc[row])}" for row in rows)
    more = int(bad.sum()) - len(rows)
    raise SourceError(
        f"{name}: {int(bad.sum()):,} of {len(table):,} rows have a {column} that cannot be used "
        f"({found}{f'; and {more:,} more' if more else ''}). Expected {expected}. Correct these "
        "rows or leave them out."
    )


def _shown(cell: object) -> str:
    return repr(str(cell)[:20]) if cell else "empty"


def _slides(slides: NDArray[np.str_]) -> tuple[NDArray[np.str_] | None, tuple[str, ...]]:
    unknown = np.char.strip(slides) == ""
    if not unknown.any():
        return slides, ()
    if unknown.all():
        return None, ()
    return (
        np.where(unknown, UNKNOWN_SLIDE, slides).astype(np.str_),
        (f"{int(unknown.sum()):,} patches without a slide count as one slide together.",),
    )


def _temperature(table: pd.DataFrame, name: str) -> float | None:
    """What the table says in the column `temperature`; None without one."""
    if "temperature" not in table:
        return None
    expected = "the temperature of the score, a number above 0"
    temperatures = _numbers(table, "temperature", name, expected)
    _refuse(table, "temperature", temperatures <= 0, name, expected)
    if len(found := np.unique(temperatures)) > 1:
        raise SourceError(
            f"{name} mixes scores of {len(found)} temperatures ({found[0]:g} to {found[-1]:g}); "
            "expected one. Give one file for each."
        )
    return float(found[0])


def _silence(table: pd.DataFrame) -> tuple[str, ...]:
    """A note where a table of a model's scores does not say which temperature they have."""
    if "model_id" not in table or "temperature" in table:
        return ()
    return ("The table does not state a temperature; the scores are taken to have the model's.",)


def _only(table: pd.DataFrame, column: str, name: str) -> str:
    if column not in table:
        return ""
    found = sorted(set(table[column]) - {""})
    if len(found) > 1:
        raise SourceError(
            f"{name} mixes scores of {len(found)} models ({', '.join(found[:3])}); expected one. "
            "Give one file for each model."
        )
    return found[0] if found else ""


def _repeats(ids: "pd.Series[str] | pd.Index[str]") -> tuple[str, ...]:
    repeated = int(ids.duplicated().sum())
    return (f"{repeated:,} ids come more than once; each row counts.",) if repeated else ()


def require_both_classes(scores: ScoreSet) -> None:
    """EvidenceError unless there are tumour and tumour-free patches: no threshold without both."""
    evidence = scores.evidence
    if not (evidence.n_positive and evidence.n_negative):
        raise EvidenceError(
            f"{scores.name} has {evidence.n_positive:,} patches with tumour and "
            f"{evidence.n_negative:,} without; a threshold needs both. Add the missing kind."
        )
