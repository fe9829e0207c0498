"""What comes to a batch after it was added: labels, another name, another operating point."""

import json
from pathlib import Path

import pytest

from core.errors import RunError, SourceError
from core.jobs import Download, Job, JobStore, download
from core.patches import open_source
from core.scoring import AppliedPoint, Classifier
from tests.core.jobs.test_store import Upload, scored, uploads

OWNER = "alice"
LABELS = b"id;label\npatch-000;tumour\npatch-001;normal\n"


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")


def finished(store: JobStore, tmp_path: Path, classifier: Classifier, *more: Upload) -> Job:
    job = store.add_upload(OWNER, "case 7", [*uploads(tmp_path / "in"), *more])
    scored(store, OWNER, job.id, classifier)
    return job


def test_labels_in_an_upload_are_read_and_are_no_patch(
    store: JobStore, tmp_path: Path, toy_classifier: Classifier
) -> None:
    job = finished(store, tmp_path, toy_classifier, Upload("case 7/labels.csv", LABELS))
    assert [row.label for row in store.rows(job)] == [1, 0, None, None, None]
    assert len(store.open(job)) == 5
    assert [name for name, _ in store.uploaded_files(job)][-1] == "case 7/labels.csv"


def test_a_table_of_something_else_stays_an_input_that_is_no_patch(store: JobStore) -> None:
    job = store.add_upload(OWNER, "notes", [Upload("notes.csv", b"day,who\n1,me\n")])
    assert [file.name for file in job.uploads] == ["notes.csv"]


def test_labels_that_are_added_later_win(
    store: JobStore, tmp_path: Path, toy_classifier: Classifier
) -> None:
    job = finished(store, tmp_path, toy_classifier, Upload("labels.csv", LABELS))
    store.add_labels(job, "mine.csv", b"id,label,slide\npatch-001,1,s1\npatch-004.png,0,s2\n")
    rows = store.rows(job)
    assert [row.label for row in rows] == [1, 1, None, None, 0]
    assert [row.slide for row in rows] == [None, "s1", None, None, "s2"]
    with pytest.raises(SourceError, match=r"None of the 1 ids in other\.csv matches a patch here"):
        store.add_labels(job, "other.csv", b"id,label\nelsewhere,1\n")
    with pytest.raises(SourceError, match=r"head\.csv lists no patch"):
        store.add_labels(job, "head.csv", b"id,label\n")


def test_another_point_changes_calls_without_the_network(
    store: JobStore, tmp_path: Path, toy_classifier: Classifier
) -> None:
    job = finished(store, tmp_path, toy_classifier)
    before, journal = store.rows(job), store.journal(job).read_bytes()
    middle = sorted(row.prob_tumour or 0 for row in before)[2]
    point = toy_classifier.operating_point.model_copy(
        update={"threshold": middle, "lower_threshold": None, "version": "v3"}
    )
    store.apply(job, AppliedPoint.of(toy_classifier.at(point)))
    after = store.rows(job)
    assert [row.predicted_label for row in after] == [
        int((row.prob_tumour or 0) >= middle) for row in before
    ]
    assert [row.logit for row in after] == [row.logit for row in before]
    assert {row.operating_point for row in after} == {"locked v3"}
    assert store.journal(job).read_bytes() == journal
    record = json.loads(download(store, job, Download.RUN))
    assert record["applied_operating_point"]["threshold"] == middle
    assert "locked v3" in download(store, job, Download.CSV).decode()
    store.restart(job)
    assert store.applied(job) is None


def test_a_point_of_another_model_is_not_applied(
    store: JobStore, tmp_path: Path, toy_classifier: Classifier
) -> None:
    job = finished(store, tmp_path, toy_classifier)
    foreign = AppliedPoint(toy_classifier.operating_point, "another", 1.0)
    with pytest.raises(RunError, match="Re-score the batch"):
        store.apply(job, foreign)


def test_a_renamed_batch_can_be_resumed(
    store: JobStore, tmp_path: Path, toy_classifier: Classifier
) -> None:
    job = finished(store, tmp_path, toy_classifier)
    renamed = store.rename(job, "  Mrs. Smith's block  ")
    assert [found.name for found in store.jobs(OWNER)] == ["Mrs. Smith's block"]
    assert store.open(renamed).name == "case 7"
    assert len(store.open(renamed)) == len(open_source(tmp_path / "in"))
    scored(JobStore(store.folder), OWNER, job.id, toy_classifier)
