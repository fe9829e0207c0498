import json
from pathlib import Path

from core.audit import AuditFolder, AuditProgress
from core.audit.folder import Skip


def test_progress_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = AuditFolder(tmp_path)
    progress = AuditProgress("", finished=("measure",), skipped={"splits": Skip.NO_SPLITS})
    folder.write_progress(progress)
    assert folder.read_progress() == progress


def test_the_reasons_of_audits_before_0_2_are_still_known(tmp_path: Path) -> None:
    reasons = {"labels": "no scores were given (--scores)", "splits": "the data have no splits"}
    reasons |= {"probes": "nobody knows why"}
    (tmp_path / "progress.json").write_text(json.dumps({"skipped": reasons}))
    progress = AuditFolder(tmp_path).read_progress()
    assert progress.skipped == {"labels": Skip.NO_SCORES, "splits": Skip.NO_SPLITS}
    assert progress.why_not("labels") == reasons["labels"]
    assert progress.why_not("probes", "not yet") == "not yet"
