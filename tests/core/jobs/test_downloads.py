import hashlib
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from core.errors import RunError, SourceError
from core.jobs import Download, Job, JobStore, download, why_no_submission
from core.scoring import Classifier
from tests.toys import write_patches


@pytest.fixture
def finished(tmp_path: Path, toy_classifier: Classifier) -> tuple[JobStore, Job]:
    write_patches(tmp_path / "in", 4)
    (tmp_path / "in" / "bad.png").write_bytes(b"x")
    store = JobStore(tmp_path / "jobs")
    job = store.add_server_path("a", "four", tmp_path / "in")
    store.start(job, toy_classifier)
    store.wait(job, timeout_s=60)
    return store, job


def test_csv_and_parquet_hold_the_same_rows(finished: tuple[JobStore, Job]) -> None:
    store, job = finished
    csv = pd.read_csv(io.BytesIO(download(store, job, Download.CSV)))
    parquet = pd.read_parquet(io.BytesIO(download(store, job, Download.PARQUET)))
    scores = [row.prob_tumour for row in store.rows(job)]
    assert len(csv) == len(parquet) == 5
    for table in (csv, parquet):
        found = [None if pd.isna(score) else score for score in table["prob_tumour"]]
        assert found == scores


def test_the_submission_fills_what_has_no_score(finished: tuple[JobStore, Job]) -> None:
    store, job = finished
    table = pd.read_csv(io.BytesIO(download(store, job, Download.KAGGLE, kaggle_fill=0.4)))
    assert table.columns.tolist() == ["id", "label"]
    assert table.set_index("id")["label"]["bad"] == 0.4


def test_the_run_record_signs_the_files(
    finished: tuple[JobStore, Job], toy_classifier: Classifier
) -> None:
    store, job = finished
    record = json.loads(download(store, job, Download.RUN))
    csv = download(store, job, Download.CSV)
    assert record["output_sha256"]["scores.csv"] == hashlib.sha256(csv).hexdigest()
    assert record["counts"] == {"scored": 4, "failed": 1, "withheld": 0}
    assert record["spec"]["model_id"] == toy_classifier.model_id
    assert record["self_test"]["passed"] is True
    assert record["complete"] is True


def test_why_there_is_no_submission_is_told(finished: tuple[JobStore, Job]) -> None:
    store, job = finished
    rows = store.rows(job)
    assert why_no_submission(rows, 5) == ""
    assert "complete" in why_no_submission(rows[:3], 5)
    assert "same id" in why_no_submission([*rows, rows[0]], 6)


def test_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_server_path("a", "none", tmp_path)
    with pytest.raises(RunError, match="Nothing has been scored"):
        download(store, job, Download.CSV)


def test_sources_on_the_server_stay_below_the_roots_whenever_they_are_opened(
    tmp_path: Path,
) -> None:
    root = (tmp_path / "root").resolve()
    write_patches(root / "case", 2)
    write_patches(tmp_path / "secret", 1)
    store = JobStore(tmp_path / "jobs", server_roots=(root,))
    inside = store.add_server_path("a", "in", root / "case")
    with store.open(inside) as source:
        assert len(source) == 2
    outside = store.add_server_path("a", "out", tmp_path / "secret")
    with pytest.raises(SourceError, match="not below a folder"):
        store.open(outside)
    # A folder that is swapped for a link after the job was made.
    (root / "case").rename(root / "moved")
    (root / "case").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="not below a folder"):
        store.open(inside)


@pytest.mark.parametrize(
    "name",
    [
        "camelyonpatch_level_2_split_test_x.h5",
        "camelyonpatch_level_2_split_test_meta.csv",
        "train_labels.csv",
    ],
)
def test_files_that_a_data_set_opens_by_name_may_not_be_links_to_outside(
    tmp_path: Path, name: str
) -> None:
    root = (tmp_path / "root").resolve()
    write_patches(root / "train", 1)
    (tmp_path / "secret").write_text("id,label\n")
    (root / name).symlink_to(tmp_path / "secret")
    store = JobStore(tmp_path / "jobs", server_roots=(root,))
    with pytest.raises(SourceError, match="links to a place"):
        store.open(store.add_server_path("a", "in", root))
