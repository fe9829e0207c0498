import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from core.__main__ import main
from core.audit import (
    MEASURES,
    Audit,
    QualityLimits,
    Severity,
    measuring,
    open_audit,
    quality_flags,
)
from core.audit.findings import find
from core.audit.measures import measure
from core.audit.run import inputs_of, prepare, run_audit
from core.errors import RunError
from core.patches import ImageU8, open_source
from tests.core.audit.conftest import CLEAN, Planted, clean_rows, write_kaggle
from tests.toys import write_patches


def audited(
    source: Path,
    out: Path,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    resume: bool = False,
) -> Audit:
    inputs = inputs_of(open_source(source))
    with inputs.source:
        folder = prepare(inputs, out, resume=resume)
        run_audit(inputs, folder, should_stop=should_stop)
    return open_audit(out)


def ids_of(audit: Audit, kind: str) -> set[str]:
    of_kind = [each for each in audit.findings() if each.kind == kind]
    rows = [row for each in of_kind for row in each.rows]
    return set(audit.patches["id"].iloc[rows]) | {name for each in of_kind for name in each.ids}


def test_every_planted_fault_is_found_and_nothing_else_is_blamed(
    planted: Planted, tmp_path: Path
) -> None:
    audit = audited(planted.root, tmp_path / "out")
    for kind, name in planted.ids.items():
        blamed = ids_of(audit, kind)
        if kind in {"flat", "dark"}:  # black is one flat colour too
            assert name in blamed
            assert blamed <= {planted.ids["flat"], planted.ids["dark"]}
        else:
            assert blamed == {name}, kind


def test_a_clean_set_has_no_error_and_no_quality_warning(clean_set: Path, tmp_path: Path) -> None:
    findings = audited(clean_set, tmp_path / "out").findings()
    assert [each.kind for each in findings if each.severity is Severity.ERROR] == []
    assert [each for each in findings if each.area == "quality" and each.severity != "note"] == []
    assert "class-balance" in {each.kind for each in findings}


@pytest.mark.parametrize("count", [1, 2])
def test_a_set_too_small_for_a_spread_is_audited_all_the_same(
    tmp_path: Path, drawn: ImageU8, count: int
) -> None:
    write_kaggle(tmp_path / "few", drawn[:count], clean_rows()[:count])
    assert len(audited(tmp_path / "few", tmp_path / "out").patches) == count


def test_moving_a_limit_changes_the_findings_without_measuring_again(
    clean_set: Path, tmp_path: Path
) -> None:
    audit = audited(clean_set, tmp_path / "out")
    assert ids_of(audit, "blurred") == set()
    strict = audit.findings(QualityLimits(blur_detail_share=1.0))
    assert [each.count for each in strict if each.kind == "blurred"] == [CLEAN]


def test_a_stopped_audit_continues_to_the_same_tables(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "BLOCK", 16)
    monkeypatch.setattr(measuring, "PIECE", 8)
    unbroken = audited(planted.root, tmp_path / "unbroken")
    calls = iter(range(1000))
    half = audited(planted.root, tmp_path / "out", lambda: next(calls) > 4)
    assert not half.progress.complete
    assert 0 < len(half.patches) < len(unbroken.patches)
    resumed = audited(planted.root, tmp_path / "out", resume=True)
    assert resumed.progress.complete
    for name in ("patches", "balance", "associations"):
        table, expected = resumed.table(name), unbroken.table(name)
        assert table is not None
        assert expected is not None
        pd.testing.assert_frame_equal(table, expected)
    assert resumed.findings() == unbroken.findings()


_KILLED = """
import os, signal, sys
from collections.abc import Callable
from pathlib import Path
from core.audit import measuring
from core.audit.run import inputs_of, prepare, run_audit
from core.patches import open_source
measuring.BLOCK, measuring.PIECE = 16, 8
inputs = inputs_of(open_source(Path(sys.argv[1])))
def die(step, done, total):
    if done > 24:
        os.kill(os.getpid(), signal.SIGKILL)
run_audit(inputs, prepare(inputs, Path(sys.argv[2]), resume=False), on_progress=die)
"""


def test_a_killed_audit_continues_to_the_same_rows(
    clean_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "BLOCK", 16)
    monkeypatch.setattr(measuring, "PIECE", 8)
    died = subprocess.run(
        [sys.executable, "-c", _KILLED, clean_set, tmp_path / "out"],
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert died.returncode == -signal.SIGKILL
    assert len(open_audit(tmp_path / "out").patches) == 16
    resumed = audited(clean_set, tmp_path / "out", resume=True)
    unbroken = audited(clean_set, tmp_path / "unbroken")
    pd.testing.assert_frame_equal(resumed.patches, unbroken.patches)


def test_a_turned_copy_in_another_split_is_found_by_its_row(
    clean_set: Path, tmp_path: Path, drawn: ImageU8
) -> None:
    turned = np.ascontiguousarray(np.rot90(drawn[0]))
    Image.fromarray(turned).save(clean_set / "train" / "p011.tif")
    audit = audited(clean_set, tmp_path / "out")
    assert audit.progress.complete
    assert ids_of(audit, "same-under-orientation") == {"p000", "p011"}
    assert ids_of(audit, "related-across-splits") == {"p000", "p011"}
    assert ids_of(audit, "copy-with-other-label") == {"p000", "p011"}


def test_scores_given_later_add_the_labels_they_contradict(clean_set: Path, tmp_path: Path) -> None:
    audit = audited(clean_set, tmp_path / "out")
    assert audit.table("label_candidates") is None
    patches = audit.patches
    wrong = (patches["id"] == "p020").to_numpy()
    prob = np.where((patches["label"] == 1).to_numpy(bool) ^ wrong, 0.95, 0.05)
    pd.DataFrame({"id": patches["id"], "prob_tumour": prob}).to_csv(tmp_path / "s.csv")
    again_with = ["--resume", "--out-of-fold", "--scores", str(tmp_path / "s.csv")]
    main(["audit", str(clean_set), "--out", str(tmp_path / "out"), *again_with])
    again = open_audit(tmp_path / "out")
    assert ids_of(again, "doubtful-label") == {"p020"}
    assert "Labels that the scores contradict" in (tmp_path / "out" / "report.html").read_text()


def test_scores_that_are_given_again_replace_the_first_ones(
    clean_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patches = audited(clean_set, tmp_path / "out").patches
    asked = ["audit", str(clean_set), "--out", str(tmp_path / "out"), "--resume", "--out-of-fold"]
    for wrong_id in ("p020", "p021"):
        wrong = (patches["id"] == wrong_id).to_numpy()
        prob = np.where((patches["label"] == 1).to_numpy(bool) ^ wrong, 0.95, 0.05)
        table = pd.DataFrame(
            {"id": patches["id"], "prob_tumour": prob, "sha256": patches["sha256"]}
        )
        table.to_csv(tmp_path / "s.csv", index=False)
        main([*asked, "--scores", str(tmp_path / "s.csv")])
        assert ids_of(open_audit(tmp_path / "out"), "doubtful-label") == {wrong_id}
    table.assign(sha256="0" * 64).to_csv(tmp_path / "other.csv", index=False)
    assert main([*asked, "--scores", str(tmp_path / "other.csv")]) == 2
    assert "a score for none of the patches as they are now" in capsys.readouterr().err
    pd.concat([table, table.assign(prob_tumour=0.5)]).to_csv(tmp_path / "twice.csv", index=False)
    assert main([*asked, "--scores", str(tmp_path / "twice.csv")]) == 2
    assert "more than one prob_tumour" in capsys.readouterr().err


def test_an_audit_does_not_continue_on_other_data(clean_set: Path, tmp_path: Path) -> None:
    audited(clean_set, tmp_path / "out")
    (clean_set / "train" / "p000.tif").rename(clean_set / "train" / "q000.tif")
    with pytest.raises(RunError, match="cannot be resumed"):
        audited(clean_set, tmp_path / "out", resume=True)


def test_a_folder_that_holds_something_else_is_left_alone(clean_set: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    precious = tmp_path / "out" / "notes.txt"
    precious.write_text("mine")
    with pytest.raises(RunError, match="contains no audit"):
        audited(clean_set, tmp_path / "out")
    assert precious.read_text() == "mine"


def test_associations_are_the_auroc_of_scikit_learn(clean_set: Path, tmp_path: Path) -> None:
    audit = audited(clean_set, tmp_path / "out")
    table = audit.table("associations")
    assert table is not None
    assert table["slides"].eq(6).all()
    labels = audit.patches["label"].to_numpy(int)
    for row in table.to_dict("records"):
        if "hue" in row["measure"]:
            continue
        expected = roc_auc_score(labels, audit.patches[row["measure"]])
        assert row["auroc"] == pytest.approx(expected, abs=1e-9)


def test_no_finding_is_said_twice(clean_set: Path, tmp_path: Path) -> None:
    audit = audited(clean_set, tmp_path / "out")
    table = audit.table("associations")
    assert table is not None
    for first in ("ring_saturation_mean", "centre_saturation_mean"):
        is_first = table["measure"] == first
        rows = pd.concat([table[is_first], table[~is_first]])
        findings = find(audit.patches, {"associations": rows}.get, QualityLimits())
        telling = [one.headline for one in findings if one.kind.endswith("tells-label")]
        assert len(set(telling)) == len(telling) == (1 if first.startswith("ring") else 2)


def test_labels_come_from_folders_or_from_a_table_beside(tmp_path: Path, drawn: ImageU8) -> None:
    for number, place in enumerate(["train/0", "train/1", "test/1"]):
        (tmp_path / "set" / place).mkdir(parents=True)
        Image.fromarray(drawn[number]).save(tmp_path / "set" / place / f"x{number}.png")
    entries = inputs_of(open_source(tmp_path / "set")).source.entries
    assert [(each.label, each.split) for each in entries] == [
        (1, "test"),
        (0, "train"),
        (1, "train"),
    ]
    (tmp_path / "set" / "labels.csv").write_text("id,label,slide\nx0,1,s1\nx9,0,s2\n")
    inputs = inputs_of(open_source(tmp_path / "set"))
    known = {each.id: (each.label, each.slide) for each in inputs.source.entries}
    assert known["x0"] == (1, "s1")
    assert known["x1"] == (None, None)
    assert inputs.table_faults["id"].tolist() == ["x9"]


def test_a_pcam_file_is_audited_like_a_folder(tmp_path: Path, drawn: ImageU8) -> None:
    base = tmp_path / "pcam" / "camelyonpatch_level_2_split_train"
    base.parent.mkdir()
    with h5py.File(f"{base}_x.h5", "w") as file:
        file["x"] = drawn
    with h5py.File(f"{base}_y.h5", "w") as file:
        file["y"] = (np.arange(CLEAN) % 2).reshape(-1, 1, 1, 1)
    audit = audited(tmp_path / "pcam", tmp_path / "out")
    expected = measure(drawn)[:, 0]
    np.testing.assert_array_equal(audit.patches["grey_mean"].to_numpy(np.float32), expected)
    assert audit.patches["label"].tolist() == [0, 1] * (CLEAN // 2)


def test_the_command_writes_a_report_that_needs_no_network(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["audit", str(planted.root), "--out", str(out)]) == 1
    report = (out / "report.html").read_text("utf-8")
    head = report[: report.index("<script>")] + report[report.index("<h1>") :]
    assert "src='http" not in head
    assert 'src="http' not in head
    assert "<link" not in head
    assert "data:image/png;base64," in head
    assert head.index("Damaged or truncated: 1 patch.") < head.index("Patches and tumour share")
    listed = json.loads((out / "findings.json").read_text("utf-8"))
    assert [each["headline"] for each in listed] == [
        each.headline for each in open_audit(out).findings()
    ]
    assert "error: Damaged or truncated: 1 patch." in capsys.readouterr().out


def test_hostile_names_are_text_in_the_report(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "<img src=x onerror=alert(1)>.png").write_bytes(b"")
    audited(folder, tmp_path / "out")
    assert "<img src=x" not in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_real_patches_are_seldom_blamed_and_their_blurred_copies_are(pcam_dir: Path) -> None:
    source = inputs_of(open_source(pcam_dir)).source
    step = max(1, len(source) // 500)
    images = np.stack(
        [source.read(index).image_rgb_u8 for index in range(0, step * 500, step)]  # type: ignore[union-attr]
    )

    def flags(patches: ImageU8) -> pd.DataFrame:
        table = pd.DataFrame(measure(patches), columns=list(MEASURES))
        return quality_flags(table.assign(fault=""), QualityLimits())

    real = flags(images)
    assert real[["flat", "blank", "dark", "blurred", "pen", "grey_image"]].sum().max() <= 2
    judged = images.std(axis=(1, 2)).max(axis=1) >= 10
    for sigma in (2.0, 3.0, 4.0):
        blurred = np.stack([cv2.GaussianBlur(image, (0, 0), sigma) for image in images])
        assert flags(blurred.astype(np.uint8))["blurred"][judged].mean() > 0.99


def test_a_file_that_was_repaired_is_measured_when_a_finished_audit_resumes(tmp_path: Path) -> None:
    files = write_patches(tmp_path / "in", 6)
    good = files[3].read_bytes()
    files[3].write_bytes(b"")
    first = audited(tmp_path / "in", tmp_path / "out")
    assert first.patches["fault"].tolist().count("damaged") == 1
    files[3].write_bytes(good)
    again = audited(tmp_path / "in", tmp_path / "out", resume=True)
    assert (again.patches["fault"] == "").all()
