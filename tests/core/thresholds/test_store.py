import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from core.__main__ import main
from core.bundle import SHIPPED
from core.errors import DiskError, RunError
from core.scoring import Classifier, apply_locked_point
from core.statistics import Measured
from core.thresholds import Decision, OperatingPointStore, read_locked_point
from tests.toys import write_patches


def decision(classifier: Classifier, **changes: Any) -> Decision:  # noqa: ANN401 - any field
    content: dict[str, Any] = {
        "model_id": classifier.model_id,
        "weights_sha256": classifier.bundle.card.weights_sha256,
        "threshold": 0.3,
        "rule": "sensitivity >= 0.95 by point estimate",
        "temperature": 2.0,
        "prevalence": 0.02,
        "metrics": {"sensitivity": Measured(0.95, 0.9, 0.98, "slides")},
        "evidence_name": "toy",
        "evidence_sha256": "0" * 64,
        "patches": 60,
        "positives": 30,
        "slides": ("s1", "s2"),
    }
    return Decision(**content | changes)


def test_each_lock_is_a_version_of_its_own_that_names_the_one_before(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = OperatingPointStore(tmp_path)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    first = store.lock(decision(toy_classifier), by="Dr A", now=noon)
    second = store.lock(decision(toy_classifier, threshold=0.4), by="Dr B")
    weights = first.weights_sha256
    assert [point.version for point in store.versions(weights)] == ["v1", "v2"]
    assert store.latest(weights) == second
    assert (first.locked_by, first.locked_at, first.previous_sha256) == ("Dr A", noon, None)
    file = store.path(weights, "v1")
    assert second.previous_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert read_locked_point(file) == first
    assert file.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("full_at", range(2))
def test_a_lock_that_a_full_disk_stopped_is_no_lock(
    tmp_path: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch, full_at: int
) -> None:
    """The record of hashes and the version are synced each; either may find no room."""
    store = OperatingPointStore(tmp_path)
    first = store.lock(decision(toy_classifier), by="Dr A")
    weights, calls = first.weights_sha256, iter(range(99))
    synced = os.fsync

    def fsync(fd: int) -> None:
        if next(calls) == full_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(fd)

    with monkeypatch.context() as patched:
        patched.setattr("core.files.os.fsync", fsync)
        with pytest.raises(DiskError, match="could not be written: the disk is full"):
            store.lock(decision(toy_classifier, threshold=0.4), by="Dr B")
    assert store.in_force(weights) == first
    assert (store.versions(weights), store.faults(weights)) == ([first], [])
    assert not list(tmp_path.rglob(".v*"))
    again = store.lock(decision(toy_classifier, threshold=0.5), by="Dr B")
    assert store.in_force(weights) == again
    file = store.path(weights, "v2")
    file.chmod(0o644)
    file.write_text(file.read_text("utf-8").replace("0.5", "0.1"), "utf-8")
    assert "was changed after it was locked" in store.faults(weights)[0]


def test_people_who_lock_at_once_get_versions_of_their_own(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = OperatingPointStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        points = list(
            pool.map(lambda n: store.lock(decision(toy_classifier), by=str(n)), range(24))
        )
    assert sorted(int(point.version[1:]) for point in points) == list(range(1, 25))
    assert len(store.versions(points[0].weights_sha256)) == 24
    assert not list(tmp_path.rglob(".*"))


def test_scoring_at_a_locked_point_names_it_in_every_row(
    tmp_path: Path, toy_classifier: Classifier, toy_bundle: Path
) -> None:
    store = OperatingPointStore(tmp_path / "locks")
    write_patches(tmp_path / "in", 12)
    command = ["score", str(tmp_path / "in"), "--model", str(toy_bundle), "--out"]
    assert main([*command, str(tmp_path / "shipped.csv")]) == 0
    shipped = pd.read_csv(tmp_path / "shipped.csv")
    probabilities = sorted(1 / (1 + 2.718281828459045 ** -(shipped["logit"] / 2.0)))
    lower, upper = probabilities[3], probabilities[8]
    point = store.lock(
        decision(toy_classifier, threshold=upper + 1e-9, lower_threshold=lower + 1e-9), by="Dr A"
    )
    file = store.path(point.weights_sha256, "v1")
    locked_csv = str(tmp_path / "locked.csv")
    assert main([*command, locked_csv, "--operating-point", str(file)]) == 0
    rows = pd.read_csv(locked_csv)
    assert set(rows["operating_point"]) == {"locked v1"}
    assert rows["prob_tumour"].to_numpy() == pytest.approx(
        1 / (1 + 2.718281828459045 ** -(shipped["logit"].to_numpy() / 2.0)), abs=1e-9
    )
    ranked = rows.sort_values("prob_tumour")["predicted_label"].tolist()
    assert ranked[:4] == [0] * 4
    assert all(pd.isna(label) for label in ranked[4:9])
    assert ranked[9:] == [1] * 3
    assert rows["reason"].str.contains("grey zone").sum() == 5


def test_a_lock_for_other_weights_is_refused(tmp_path: Path, toy_classifier: Classifier) -> None:
    other = OperatingPointStore(tmp_path).lock(
        decision(toy_classifier, weights_sha256="1" * 64, model_id="other-111"), by="Dr A"
    )
    with pytest.raises(RunError, match="locked for the model other-111"):
        apply_locked_point(toy_classifier, other)


def test_a_file_that_is_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"threshold": 0.5}')
    with pytest.raises(RunError, match="not a locked operating point"):
        read_locked_point(tmp_path / "x.json")
    with pytest.raises(RunError, match="cannot be read"):
        read_locked_point(tmp_path / "none.json")


def test_a_grey_zone_upside_down_is_refused(toy_classifier: Classifier) -> None:
    with pytest.raises(ValidationError, match="below the upper"):
        decision(toy_classifier, lower_threshold=0.5)


def test_openings_of_a_test_set_are_recorded_in_order(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = OperatingPointStore(tmp_path)
    point = store.lock(decision(toy_classifier), by="Dr A")
    store.record_opening(point, by="Dr A", scores_sha256="2" * 64)
    store.record_opening(point, by="Dr B", scores_sha256="2" * 64)
    openings = store.openings(point.weights_sha256)
    assert [(entry["opened_by"], entry["version"]) for entry in openings] == [
        ("Dr A", "v1"),
        ("Dr B", "v1"),
    ]


def test_what_was_put_in_force_last_holds_and_the_newest_lock_until_somebody_decides(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = OperatingPointStore(tmp_path)
    weights = toy_classifier.bundle.card.weights_sha256
    assert store.in_force(weights) is None
    first = store.lock(decision(toy_classifier), by="Dr A")
    second = store.lock(decision(toy_classifier, threshold=0.6), by="Dr A")
    assert store.in_force(weights) == second
    store.put_in_force(weights, "v1", by="Dr A")
    assert store.in_force(weights) == first
    store.put_in_force(weights, SHIPPED, by="Dr B")
    assert store.in_force(weights) is None
    with pytest.raises(RunError, match="no locked operating point v9"):
        store.put_in_force(weights, "v9", by="Dr B")
