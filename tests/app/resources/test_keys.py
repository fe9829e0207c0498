"""A wrong key would show one reader the patches, scores or model of another."""

import shutil
from pathlib import Path

import pytest

from app import resources
from core.audit import QualityLimits
from core.explanation import Method
from core.jobs import Job, JobStore
from core.scoring import Classifier
from core.settings import Settings
from tests.app.conftest import scored_folder
from tests.toys import write_patches, write_toy_bundle


@pytest.fixture
def two(store: JobStore, toy_classifier: Classifier, tmp_path: Path) -> tuple[Job, Job]:
    """Two finished batches with one name, of two owners, with other patches."""
    write_patches(tmp_path / "b" / "case", 6, seed=5)
    first = scored_folder(store, toy_classifier, tmp_path / "a" / "case", owner="a" * 43)
    second = store.add_server_path("b" * 43, "case", tmp_path / "b" / "case")
    store.start(second, toy_classifier)
    store.wait(second, timeout_s=60)
    return first, second


@pytest.fixture
def store(data_dir: Path, tmp_path: Path) -> JobStore:
    return JobStore(data_dir / "jobs", server_roots=(tmp_path.resolve(),))


def test_nothing_of_one_job_is_ever_returned_for_another(
    store: JobStore, two: tuple[Job, Job]
) -> None:
    first, second = two
    for _ in range(2):  # made, then kept
        paths = [[row.sha256 for row in resources.rows(store, job)] for job in two]
        assert not set(filter(None, paths[0])) & set(paths[1])
        assert resources.source(store, first) is not resources.source(store, second)
        assert store.look(first).report != store.look(second).report
        assert resources.thumbnails(store, first, [1]) != resources.thumbnails(store, second, [1])
        large = [resources.patch_uri(store, job, 1) for job in two]
        assert large[0] != large[1]
        of_jobs = [resources.job_collection(store, job) for job in two]
        assert of_jobs[0].key != of_jobs[1].key


def test_rows_and_what_rests_on_them_follow_the_journal(
    store: JobStore, toy_classifier: Classifier, tmp_path: Path
) -> None:
    job = scored_folder(store, toy_classifier, tmp_path / "case")
    before = resources.rows(store, job)
    batch = resources.scored_batch(store, job, 1.0)
    point = toy_classifier.operating_point.model_copy(update={"threshold": 0.9})
    store.start(store.restart(job), toy_classifier.at(point))
    store.wait(job, timeout_s=60)
    assert {row.threshold for row in before} != {
        row.threshold for row in resources.rows(store, job)
    }
    assert resources.scored_batch(store, job, 1.0) is not batch
    assert resources.progress(store, job).state == "done"


def test_a_picture_is_of_its_row(
    store: JobStore, toy_classifier: Classifier, tmp_path: Path
) -> None:
    job = scored_folder(store, toy_classifier, tmp_path / "case")
    assert len({resources.patch_uri(store, job, row) for row in (1, 2, 3)}) == 3


def test_a_batch_is_kept_at_its_temperature(
    store: JobStore, toy_classifier: Classifier, tmp_path: Path
) -> None:
    job = scored_folder(store, toy_classifier, tmp_path / "case")
    cold, warm = (resources.scored_batch(store, job, one) for one in (1.0, 2.0))
    assert list(cold.probabilities) != list(warm.probabilities)


def test_another_model_in_the_same_folder_is_opened_anew(data_dir: Path, tmp_path: Path) -> None:
    write_toy_bundle(tmp_path / "model", seed=1)
    settings = Settings(data_dir=data_dir, model_dir=tmp_path / "model", device="cpu")
    first = resources.shipped_classifier(settings)
    assert resources.shipped_classifier(settings) is first
    shutil.rmtree(tmp_path / "model")
    write_toy_bundle(tmp_path / "model", seed=2)
    assert resources.shipped_classifier(settings).bundle.card.weights_sha256 != (
        first.bundle.card.weights_sha256
    )


def test_each_way_to_explain_is_kept_apart(
    store: JobStore, toy_classifier: Classifier, two: tuple[Job, Job]
) -> None:
    collections = [resources.job_collection(store, job) for job in two]
    ways = [
        resources.explainer(toy_classifier, method)
        for method in (None, Method.REPLACEMENT, Method.GRAD_CAM)
    ]
    assert len({id(way) for way in ways}) == 3
    known = {id(resources.explained(way, collection)) for way in ways for collection in collections}
    assert len(known) == 6


def test_an_audit_is_kept_under_its_limits(data_dir: Path, tmp_path: Path) -> None:
    write_patches(tmp_path / "set", 6)
    settings = Settings(data_dir=data_dir, server_roots=(tmp_path.resolve(),))
    audits = resources.audit_store(settings)
    job = audits.jobs.add_server_path("a" * 43, "set", (tmp_path / "set").resolve())
    audits.start(job)
    audits.wait(job, timeout_s=120)
    usual, strict = QualityLimits(), QualityLimits(dark_mean=255.0)
    views = [resources.audit_view(audits, job, limits) for limits in (usual, strict, usual)]
    assert views[0] is views[2]
    assert views[1].flags["dark"].sum() > views[0].flags["dark"].sum()
    source = resources.audit_source(audits, job)
    sha256 = str(views[0].patches["sha256"].iloc[0])
    turned = {resources.audit_picture(source, 0, sha256, turn) for turn in range(8)}
    assert len(turned) == 8
    assert resources.audit_picture(source, 0, "0" * 64) is None
