"""What an operator asks of an installation: does it work, and is there a copy?"""

import errno
import os
import shutil
from pathlib import Path

import pytest

from core.__main__ import main
from core.doctor import Grade, examine
from core.files import FolderLock
from core.jobs import JobStore
from core.review.anchors import ANCHORS_NAME, AnchorFile, read_anchors
from core.review.store import ReviewStore
from core.review.verify import verify_store
from core.review.vocabulary import Verdict
from core.settings import Settings
from tests.core.review.toys import given, toy_case, toy_patch
from tests.toys import write_patches


@pytest.fixture
def data(tmp_path: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a record of five verdicts, its settings in the environment."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("NODELENS_DATA_DIR", str(folder))
    monkeypatch.setenv("NODELENS_MODEL", str(toy_bundle))
    monkeypatch.setenv("NODELENS_DEVICE", "cpu")
    store = ReviewStore(folder / "review.sqlite", anchors=AnchorFile(folder / ANCHORS_NAME))
    case = toy_case(patches=tuple(toy_patch(number) for number in range(5)))
    store.append(case)
    for task in range(5):
        store.append(given(case, "Ann", task, Verdict.TUMOUR))
    store.note_end()
    return folder


def levels(settings: Settings) -> dict[str, Grade]:
    return {check.name: check.level for check in examine(settings)}


def test_a_sound_installation_has_nothing_broken(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    for word in ("self-test differs by", "record of verdicts", "free disk", "No app works"):
        assert word in output
    assert "BROKEN" not in output


def test_what_is_broken_is_named(data: Path, toy_bundle: Path) -> None:
    settings = Settings(data_dir=data, model_dir=toy_bundle, device="cpu")
    (data / "review.sqlite").unlink()
    data.chmod(0o755)
    grades = levels(settings)
    assert grades["record of verdicts"] is Grade.BROKEN
    assert grades["data folder"] is Grade.WARNING
    assert levels(Settings(data_dir=data, model_dir=data))["model"] is Grade.BROKEN
    lock = FolderLock(data)
    assert lock.held()
    details = [check.detail for check in examine(settings) if check.name == "in use"]
    assert details == ["An app works in the data folder."]
    lock.release()


def test_what_a_power_cut_or_a_full_disk_left_is_named(
    data: Path, toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=data, model_dir=toy_bundle, device="cpu")
    assert {"records", "jobs"}.isdisjoint(levels(settings))
    record = settings.operating_points_dir / ("a" * 16) / "in_force.jsonl"
    record.parent.mkdir(parents=True)
    record.write_text('{"version": "shipped"}\n{"at": "20')
    JobStore(settings.jobs_dir).add_server_path("alice", "x", tmp_path)
    (manifest,) = settings.jobs_dir.glob("*/job.json")
    manifest.write_text('{"id": "')
    facts = {check.name: check.detail for check in examine(settings)}
    assert facts["records"] == f"1 line of {record} torn; the others count."
    assert f"1 job of {settings.jobs_dir} cannot be read ({manifest.parent.name})" in facts["jobs"]
    room = shutil.disk_usage(data)._replace(free=200 * 2**20)
    monkeypatch.setattr("core.doctor.shutil.disk_usage", lambda _: room)
    assert levels(settings)["free disk"] is Grade.BROKEN


def test_a_data_folder_that_cannot_be_is_broken(
    toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    for place, level in (
        (file, Grade.BROKEN),
        (file / "below", Grade.BROKEN),
        (tmp_path / "a" / "b", Grade.WARNING),
    ):
        grades = levels(Settings(data_dir=place, model_dir=toy_bundle, device="cpu"))
        assert grades["data folder"] is level
        assert not (tmp_path / "a").exists()
    kept = tmp_path / "kept"
    (kept / "jobs").mkdir(parents=True, mode=0o700)
    kept.chmod(0o700)
    asked = os.access
    monkeypatch.setattr(  # whoever runs the tests may be allowed everything
        "core.doctor.os.access", lambda path, mode: path != kept / "jobs" and asked(path, mode)
    )
    settings = Settings(data_dir=kept, model_dir=toy_bundle, device="cpu")
    details = [check.detail for check in examine(settings) if check.level is Grade.BROKEN]
    assert details == [f"{kept / 'jobs'} cannot be read and written by this account."]


def test_a_data_folder_of_another_account_is_broken_and_not_in_use_or_changed(
    data: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may be allowed everything, so the system's answers are made up."""
    settings = Settings(data_dir=data, model_dir=toy_bundle, device="cpu")
    monkeypatch.setattr("os.access", lambda at, _: data not in (Path(at), *Path(at).parents))
    monkeypatch.setattr("core.files.os.open", None)  # nobody asks whether it is in use
    found = {check.name: check for check in examine(settings)}
    assert "in use" not in found
    assert found["record of verdicts"].detail.endswith("Use the account of the app.")
    real_stat = os.stat

    def sealed(path: str, **further: object) -> os.stat_result:
        if data in (Path(path), *Path(path).parents):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real_stat(path, **further)  # type: ignore[arg-type]

    monkeypatch.setattr("os.stat", sealed)
    checks = list(examine(settings))
    assert (
        checks[-1].detail == f"{data} cannot be used by this account: this user has no permission."
    )
    assert checks[-1].level is Grade.BROKEN


def test_a_backup_taken_while_somebody_writes_is_whole(data: Path, tmp_path: Path) -> None:
    JobStore(data / "jobs").add_server_path("alice", "x", tmp_path)
    target = tmp_path / "copy"
    assert main(["backup", str(target)]) == 0
    assert verify_store(target / "review.sqlite").ok
    assert read_anchors(target / ANCHORS_NAME).anchors
    assert not (target / "jobs").exists()
    restored = ReviewStore(target / "review.sqlite", anchors=AnchorFile(target / ANCHORS_NAME))
    assert restored.head() == ReviewStore(data / "review.sqlite").head()
    assert main(["backup", str(target)]) == 2
    assert main(["backup", str(tmp_path / "all"), "--jobs"]) == 0
    assert list((tmp_path / "all" / "jobs").iterdir())


def test_a_backup_copies_what_it_can_and_names_what_it_cannot(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever runs the tests may be allowed everything, so one answer of the system is made up."""
    store = JobStore(data / "jobs")
    sealed, open_one = (store.add_server_path("alice", name, tmp_path).id for name in "ab")
    listed = os.scandir

    def scandir(at: Path) -> object:
        if Path(at).name == sealed:
            raise PermissionError(errno.EACCES, "Permission denied", str(at))
        return listed(at)

    monkeypatch.setattr("os.scandir", scandir)
    target = tmp_path / "copy"
    assert main(["backup", str(target), "--jobs"]) == 2
    message = capsys.readouterr().err
    assert f"what could not be copied is {data / 'jobs' / sealed} (" in message
    assert "ermission denied" in message
    assert (target / "jobs" / open_one / "job.json").is_file()


@pytest.mark.parametrize(
    "command",
    [
        "score {} --out {}/s.csv",
        "score {} --out s.csv --kaggle {}/k.csv",
        "explain {} --out {} --quick",
        "explain {} --out maps --csv {}/m.csv --quick",
        "audit {} --out {}/audit",
        "regions {}/patch-000.png --um-per-px 0.97 --out {}",
        "export --onnx {}{}/m.onnx",
        "report a --out {}{}/a.pdf",
    ],
)
def test_a_place_that_may_not_be_written_is_wrong_usage_told_before_any_work(
    command: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_patches(tmp_path / "patches", 3)
    place = tmp_path / "kept"
    place.mkdir()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    asked = os.access
    monkeypatch.setattr(  # whoever runs the tests may be allowed everything
        "core.files.os.access", lambda path, mode: path != place and asked(path, mode)
    )
    patches = "" if "{}{}" in command else tmp_path / "patches"
    assert main(command.format(patches, place).split()) == 2
    assert f"{place} may not be written by this user. Name another" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_is_a_sentence_of_its_own_and_no_wrong_usage(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every table and record is written by the same few functions; the last sync finds no room."""
    write_patches(tmp_path / "patches", 3)
    out = tmp_path / "s.csv"
    out.write_text("what was there before")
    synced, files = os.fsync, iter(range(99))

    def fsync(fd: int) -> None:
        if next(files) == 2:  # journal, rows, table
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(fd)

    score = ["score", str(tmp_path / "patches"), "--out"]
    asked = [*score, str(out)]
    assert main([*score, str(tmp_path / "first.csv")]) == 0  # converts the network
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        assert main(asked) == 70
    assert "s.csv could not be written: the disk is full." in capsys.readouterr().err
    assert out.read_text() == "what was there before"
    assert main([*asked, "--resume"]) == 0
    assert out.read_bytes() == (tmp_path / "first.csv").read_bytes()
    assert not list(tmp_path.glob(".*.part"))
