import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from core.review.exports import (
    LabelStatus,
    corrected_labels,
    pseudonyms,
    verdict_rows,
    write_corrected_labels,
    write_verdicts,
)
from core.review.store import ReviewStore
from core.review.vocabulary import OnScreen, ReadingMode, Verdict
from tests.core.review.toys import given, reading, toy_case, toy_patch

T, N, X = Verdict.TUMOUR, Verdict.NO_TUMOUR, Verdict.CANNOT_JUDGE


@pytest.fixture
def store(tmp_path: Path) -> ReviewStore:
    """Two readers of five patches, the last one without a label."""
    store = ReviewStore(tmp_path / "reviews.sqlite")
    labels = (1, 0, 0, 1, None)
    case = toy_case(patches=tuple(toy_patch(n, label=label) for n, label in enumerate(labels)))
    store.append(case)
    for task, (ann, bob) in enumerate(((T, T), (T, T), (T, N), (X, X), (N, N))):
        told = reading(ann, OnScreen.CAM, OnScreen.SCORE, comment="=1+1")
        store.append(given(case, "Ann", task, told))
        store.append(given(case, "Bob", task, bob))
    return store


def test_csv_and_parquet_hold_the_same_verdicts(store: ReviewStore, tmp_path: Path) -> None:
    rows = verdict_rows(store.record())
    for suffix in (".csv", ".parquet"):
        write_verdicts(tmp_path / f"verdicts{suffix}", rows, head=store.head())
    parquet = pd.read_parquet(tmp_path / "verdicts.parquet")
    with (tmp_path / "verdicts.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["verdict"] for row in table] == parquet["verdict"].tolist()
    assert [int(row["event"]) for row in table] == parquet["event"].tolist()
    assert parquet["on_screen"].tolist()[:1] == ["cam; score"]
    assert table[0]["comment"] == "'=1+1"  # a spreadsheet would run it
    assert parquet["comment"][0] == "=1+1"
    beside = json.loads((tmp_path / "verdicts.csv.run.json").read_text("utf-8"))
    assert beside["record_head"] == str(store.head())


def test_pseudonyms_replace_every_name(store: ReviewStore, tmp_path: Path) -> None:
    record = store.record()
    rows = verdict_rows(record, names=pseudonyms(record))
    assert {row.reader for row in rows} == {"reader 1", "reader 2"}
    write_verdicts(tmp_path / "v.csv", rows, head=store.head())
    assert "Ann" not in (tmp_path / "v.csv").read_text("utf-8")


def test_labels_are_corrected_only_where_all_readers_agree(
    store: ReviewStore, tmp_path: Path
) -> None:
    rows = corrected_labels(store.record(), ["c1"], least_readers=2)
    assert [(row.id[-1], row.label, row.status) for row in rows] == [
        ("0", 1, LabelStatus.KEPT),
        ("1", 1, LabelStatus.CORRECTED),
        ("2", 0, LabelStatus.DISPUTED),
        ("3", 1, LabelStatus.KEPT),
        ("4", 0, LabelStatus.NEW),
    ]
    target = tmp_path / "labels_corrected.csv"
    write_corrected_labels(target, rows, head=store.head())
    table = pd.read_csv(target)
    assert table.columns[:2].tolist() == ["id", "label"]
    assert table["readers"][1] == "Ann; Bob"
    hashes = {link.sequence: link.hash for link in store.links()}
    events = table["events"][1].split("; ")
    assert table["event_hashes"][1].split("; ") == [hashes[int(event)] for event in events]
    beside = json.loads((tmp_path / "labels_corrected.csv.run.json").read_text("utf-8"))
    assert beside["counts"] == {"kept": 2, "corrected": 1, "new": 1, "disputed": 1}


def test_too_few_readers_correct_nothing(store: ReviewStore) -> None:
    rows = corrected_labels(store.record(), ["c1"], least_readers=3)
    assert {row.status for row in rows} == {LabelStatus.KEPT, LabelStatus.DISPUTED}


def test_an_adjudication_settles_a_disputed_label(store: ReviewStore) -> None:
    case = toy_case(
        "settle", ReadingMode.ADJUDICATION, patches=(toy_patch(2, label=0),), of=("c1",)
    )
    store.append(case)
    store.append(given(case, "Cho", 0, reading(T, OnScreen.OTHER_VERDICTS)))
    (row,) = [
        row for row in corrected_labels(store.record(), ["c1", "settle"]) if row.id[-1] == "2"
    ]
    assert (row.label, row.status, row.readers) == (1, LabelStatus.CORRECTED, "Cho")
