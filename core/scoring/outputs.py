"""Finished rows as CSV, Parquet, Kaggle submission, and the run's metadata beside them."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import RunError, SourceError
from core.files import no_formula, replacing, sha256_of, unguarded, write_json
from core.scoring.rows import COLUMNS, TYPES, ScoreRow, Status
from core.tables import counted, known_by_id, parse_probability, read_table

OUTPUT_SUFFIXES: Final = (".csv", ".parquet")
_TEXT_COLUMNS: Final = frozenset({"id", "path", "reason", "note", "slide", "split"})
_ARROW: Final = {
    str: pa.string(), Status: pa.string(), float: pa.float64(), int: pa.int8()
}  # fmt: skip
_SCHEMA: Final = pa.schema([(name, _ARROW[kinds[0]]) for name, kinds in TYPES.items()])
ROWS_PER_GROUP: Final = 16_384


def write_rows(path: Path, rows: Iterable[ScoreRow]) -> dict[str, int]:
    """Write rows as `.csv` or `.parquet`, by the suffix, and return the count of each status.

    In a CSV, text that a spreadsheet would run as a formula gets a leading apostrophe.

    Raises:
        RunError: The suffix is another one.
    """
    counts: Counter[str] = Counter({str(status): 0 for status in Status})

    def counted() -> Iterator[ScoreRow]:
        for row in rows:
            counts[str(row.status)] += 1
            yield row

    with replacing(path) as temporary:
        if path.suffix == ".csv":
            with temporary.open("w", newline="", encoding="utf-8", errors="replace") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(map(csv_cells, counted()))
        elif path.suffix == ".parquet":
            remaining = counted()
            with pq.ParquetWriter(temporary, _SCHEMA) as table:
                while group := [row.as_dict() for row in islice(remaining, ROWS_PER_GROUP)]:
                    table.write_batch(pa.RecordBatch.from_pylist(group, schema=_SCHEMA))
        else:
            raise RunError(
                f"Found the output name {path.name}; expected one that ends in .csv or .parquet."
            )
    return dict(counts)


def csv_cells(row: ScoreRow) -> list[str]:
    """Return a row's cells: numbers with all their digits, empty for None, no formulas."""
    return [_cell(column, value) for column, value in row.as_dict().items()]


def _cell(column: str, value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    return no_formula(str(value)) if column in _TEXT_COLUMNS else str(value)


def metadata_path(out: Path) -> Path:
    """Return where the run's metadata stands: beside the output, `NAME.run.json`."""
    return out.with_name(out.name + ".run.json")


def write_metadata(out: Path, content: Mapping[str, Any]) -> None:
    """Write the run's metadata beside its output, with the output's hash."""
    whole = {**content, "output": out.name, "output_sha256": sha256_of(out)}
    write_json(metadata_path(out), whole)


def read_scores(path: Path) -> Iterator[tuple[str, float | None]]:
    """Yield id and probability of each row of a finished CSV or Parquet output of ours, exactly."""
    for row in _cells(path, "id", "prob_tumour"):
        if path.suffix == ".parquet":
            yield row["id"], row["prob_tumour"]
        else:
            yield unguarded(row["id"]), float(row["prob_tumour"]) if row["prob_tumour"] else None


def read_digests(path: Path) -> list[str]:
    """Return the hash of each row's input, from a finished CSV or Parquet output of ours."""
    return [str(row["sha256"]) for row in _cells(path, "sha256")]


def _cells(path: Path, *columns: str) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        yield from pq.read_table(path, columns=list(columns)).to_pylist()
        return
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def scores_by_id(path: Path) -> dict[str, float]:
    """Return the probabilities of a table of scores, ours or not, by `id_key`.

    Raises:
        SourceError: It is no such table, a score is no probability, or an id has two.
    """
    table = read_table(path, required=["id", "prob_tumour"])
    known = known_by_id(table, ["prob_tumour"])
    if known.contradictions:
        raise SourceError(f"{known.contradictions[0]} Leave one row for each id.")
    return {
        key: parse_probability(row["prob_tumour"], path.name)
        for key, row in known.rows.items()
        if row["prob_tumour"]
    }


def ids_in_order(ids: Set[str], sample_submission: Path) -> list[str]:
    """Return the ids of a submission in the order of the sample's, which must be the same ids.

    Raises:
        RunError: They are not.
    """
    order: list[str] = read_table(sample_submission, required=["id", "label"]).rows["id"].tolist()
    again = [patch_id for patch_id, count in Counter(order).items() if count > 1]
    if again:
        raise RunError(
            f"{sample_submission.name} has {counted(len(again), 'id')} more than once "
            f"({again[0]}); expected each once. Take the competition's own file."
        )
    missing = [patch_id for patch_id in order if patch_id not in ids]
    foreign = sorted(ids - set(order))
    if missing or foreign:
        first = next(chain(missing, foreign))
        raise RunError(
            f"The scored ids do not match {sample_submission.name}: {len(missing)} of its ids "
            f"have no score, {len(foreign)} scored ids are not in it (first: {first}). "
            "Score exactly the competition's test folder."
        )
    return order


def write_kaggle(
    path: Path,
    scores: Iterable[tuple[str, float | None]],
    *,
    fill: float,
    sample_submission: Path | None = None,
) -> int:
    """Write a Kaggle submission (`id,label` with probabilities) and return how many were filled.

    Args:
        path: Where to.
        scores: Id and probability of each input, None where it has no score; each id once.
        fill: Probability for an input that has no score, because a submission must be complete;
            the share of tumour patches in the training data is the neutral choice.
        sample_submission: If given, the ids must be exactly its ids; its order is used.

    Raises:
        RunError: An id comes twice, or the ids are not those of the sample submission.
    """
    probabilities: dict[str, float] = {}
    filled = 0
    for patch_id, probability in scores:
        if patch_id in probabilities:
            raise RunError(
                f"The id {patch_id} appears twice; a submission has each once. Score one folder of "
                "the competition's data."
            )
        filled += probability is None
        probabilities[patch_id] = fill if probability is None else probability
    order = list(probabilities)
    if sample_submission is not None:
        order = ids_in_order(probabilities.keys(), sample_submission)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "label"))
        writer.writerows((patch_id, repr(probabilities[patch_id])) for patch_id in order)
    return filled
