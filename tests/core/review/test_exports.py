import csv
import hmac
import json
from pathlib import Path

import pandas as pd
import pytest

from core.errors import StoreError
from core.review.exports import (
    LabelStatus,
    corrected_labels,
    pseudonyms,
    verdict_table,
    write_corrected_labels,
    write_verdicts,
)
from core.review.pseudonyms import Pseudonyms, stored_pseudonyms
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
    rows = verdict_table(store.record())
    for suffix in (".csv", ".parquet"):
        write_verdicts(tmp_path / f"verdicts{suffix}", rows, head=store.head())
    parquet = pd.read_parquet(tmp_path / "verdicts.parquet")
    with (tmp_path / "verdicts.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["verdict"] for row in table] == parquet["verdict"].tolist()
    assert [int(row["event"]) for row in table] == parquet["event"].tolist()
    assert parquet["on_screen"].tolist()[:1] == ["cam; score"]
    assert parquet["map_shown"][0] == "cam at last of toy-1, for tumour: drawn"
    assert table[-1]["map_shown"] == ""
    assert table[0]["comment"] == "'=1+1"  # a spreadsheet would run it
    assert parquet["comment"][0] == "=1+1"
    beside = json.loads((tmp_path / "verdicts.csv.run.json").read_text("utf-8"))
    assert beside["record_head"] == str(store.head())


def test_readers_are_numbered_on_the_screen(store: ReviewStore) -> None:
    assert pseudonyms(store.record()) == {"Ann": "reader 1", "Bob": "reader 2"}


def test_a_hidden_export_tells_no_name_file_slide_hash_or_text(
    store: ReviewStore, tmp_path: Path
) -> None:
    record, hide = store.record(), Pseudonyms(b"k" * 32)
    write_verdicts(tmp_path / "v.csv", verdict_table(record, hide=hide), head=store.head())
    labels = corrected_labels(record, ["c1"], hide=hide)
    write_corrected_labels(tmp_path / "l.csv", labels, head=store.head())
    files = [(tmp_path / name).read_text("utf-8") for name in ("v.csv", "l.csv")]
    parquet = verdict_table(record, hide=hide).to_csv()
    secrets = ["Ann", "Bob", "patch-00", "toy c1", "=1+1", *(link.hash for link in store.links())]
    secrets += [patch.sha256 for patch in record.case("c1").patches]
    for text in (*files, parquet):
        assert [name for name in secrets if name in text] == []
        assert "s0," not in text
    plain = verdict_table(record)
    hidden = verdict_table(record, hide=hide)
    pairs = set(zip(plain["id"], hidden["id"], strict=True))
    assert len(pairs) == len(set(plain["id"])) == 5  # alike for alike, else different
    assert set(labels["id"]) == set(hidden["id"])
    assert hidden["verdict"].tolist() == plain["verdict"].tolist()


def test_another_key_gives_other_pseudonyms_and_a_stored_key_the_same(tmp_path: Path) -> None:
    first = stored_pseudonyms(tmp_path / "key").of("reader", "Ann")
    assert stored_pseudonyms(tmp_path / "key").of("reader", "Ann") == first
    assert stored_pseudonyms(tmp_path / "other").of("reader", "Ann") != first
    assert Pseudonyms(b"k" * 32).of("slide", "Ann") != Pseudonyms(b"k" * 32).of("reader", "Ann")
    expected = hmac.new(b"k" * 32, b"reader\nAnn", "sha256").hexdigest()[:16]
    assert Pseudonyms(b"k" * 32).of("reader", "Ann") == f"reader-{expected}"
    (tmp_path / "key").write_text("no key")
    with pytest.raises(StoreError, match="cannot be used"):
        stored_pseudonyms(tmp_path / "key")


def test_labels_are_corrected_only_where_all_readers_agree(
    store: ReviewStore, tmp_path: Path
) -> None:
    rows = corrected_labels(store.record(), ["c1"])
    assert [(str(row.id)[-1], row.label, row.status) for row in rows.itertuples()] == [
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


def test_an_adjudication_settles_a_disputed_label(store: ReviewStore) -> None:
    case = toy_case(
        "settle", ReadingMode.ADJUDICATION, patches=(toy_patch(2, label=0),), of=("c1",)
    )
    store.append(case)
    store.append(given(case, "Cho", 0, reading(T, OnScreen.OTHER_VERDICTS)))
    labels = corrected_labels(store.record(), ["c1", "settle"])
    (row,) = labels[labels["id"].str.endswith("2")].itertuples()
    assert (row.label, row.status, row.readers) == (1, LabelStatus.CORRECTED, "Cho")
