import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from core.errors import SourceError
from core.files import FolderLock
from core.jobs import JobStore, inspect_source
from core.jobs import folder as job_folder
from core.jobs import store as store_module
from core.patches import DecodedImage, Patch, open_source
from core.patches import source as source_module
from core.patches.decoding import decode_patch
from core.scoring import Classifier, Status, TestTimeAugmentation
from core.settings import SAMPLES_TABLE
from tests.toys import write_patches


class Upload(io.BytesIO):
    """Bytes with a name, like a browser's upload."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name = name


def uploads(folder: Path, count: int = 5) -> list[Upload]:
    paths = write_patches(folder, count)
    return [Upload(f"case 7/{path.name}", path.read_bytes()) for path in paths]


def scored(store: JobStore, job_owner: str, job_id: str, classifier: Classifier) -> None:
    job = store.job(job_owner, job_id)
    assert job is not None
    store.start(job, classifier)
    store.wait(job, timeout_s=60)
    assert store.progress(job).state == "done"


def test_uploads_are_scored_under_their_own_names_and_kept_under_ours(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("alice", "first", uploads(tmp_path / "in"))
    assert store.progress(job).state == "new"
    scored(store, "alice", job.id, toy_classifier)
    rows = store.rows(job)
    assert [row.path for row in rows] == [f"case 7/patch-{n:03d}.png" for n in range(5)]
    assert {row.status for row in rows} == {Status.SCORED}
    stored = sorted(path.name for path in (store.folder / job.id / "input").iterdir())
    assert stored == [f"{n:06d}" for n in range(5)]


def test_owners_see_their_own_jobs_only_and_tokens_are_not_stored(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("alice-token", "hers", uploads(tmp_path / "in"))
    assert [found.id for found in store.jobs("alice-token")] == [job.id]
    assert store.jobs("bob-token") == []
    assert store.job("bob-token", job.id) is None
    assert "alice-token" not in (store.folder / job.id / "job.json").read_text()


def test_zips_and_images_of_one_upload_are_one_source(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    files = uploads(tmp_path / "in", 4)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("zipped/a.png", files[0].getvalue())
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("a", "both", [*files[1:], Upload("x.ZIP", buffer.getvalue())])
    scored(store, "a", job.id, toy_classifier)
    assert [row.id for row in store.rows(job)] == ["a", "patch-001", "patch-002", "patch-003"]


def test_a_cancelled_job_continues_where_it_stopped_in_another_process(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("a", "long", uploads(tmp_path / "in", 300))
    store.start(job, toy_classifier)
    store.cancel(job)
    store.wait(job, timeout_s=60)
    stopped = store.progress(job)
    assert stopped.state == "stopped"
    assert 0 < stopped.done < 300
    later = JobStore(tmp_path / "jobs")  # what a restarted app finds on disk
    assert later.progress(job) == stopped
    before = later.rows(job)
    scored(later, "a", job.id, toy_classifier)
    assert later.rows(job)[: len(before)] == before
    assert len(later.rows(job)) == 300


def test_a_job_in_progress_can_be_read(tmp_path: Path, toy_classifier: Classifier) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("a", "long", uploads(tmp_path / "in", 300))
    with toy_classifier.engine.lock:  # holds the first pass back
        store.start(job, toy_classifier)
        deadline = time.monotonic() + 30
        while store.progress(job).total == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert store.progress(job).state == "running"
        assert store.rows(job) == []
    store.wait(job, timeout_s=60)
    assert len(store.rows(job, start=290)) == 10


def test_a_source_that_vanished_breaks_the_job_in_words(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_server_path("a", "gone", tmp_path / "absent")
    store.start(job, toy_classifier)
    store.wait(job, timeout_s=60)
    progress = store.progress(job)
    assert progress.state == "broken"
    assert "no file or folder" in progress.error


def test_drawn_samples_are_found_when_the_installation_or_its_data_are_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = JobStore(tmp_path / "data", server_roots=()).add_server_path("me", "s", SAMPLES_TABLE)
    assert job.is_drawn
    new_place = tmp_path / "new place" / "samples"
    shutil.copytree(SAMPLES_TABLE.parent, new_place)
    (tmp_path / "data").rename(tmp_path / "restored")
    monkeypatch.setattr(job_folder, "SAMPLES_TABLE", new_place / SAMPLES_TABLE.name)
    store = JobStore(tmp_path / "restored", server_roots=())
    (kept,) = store.jobs("me")
    assert kept.is_drawn
    assert isinstance(store.open(kept).read(23), Patch)


def test_an_upload_of_nothing_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    with pytest.raises(SourceError, match="no file was chosen"):
        store.add_upload("a", "empty", [])
    assert list(store.folder.iterdir()) == []


def test_removing_a_job_removes_its_uploads(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("a", "x", uploads(tmp_path / "in"))
    store.remove(job)
    assert store.jobs("a") == []
    assert list(store.folder.iterdir()) == []


def test_a_half_written_job_is_not_listed(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    (store.folder / ("0" * 32)).mkdir(parents=True)
    (store.folder / ("1" * 32)).mkdir()
    (store.folder / ("1" * 32) / "job.json").write_text(json.dumps({"id": "1" * 32}))
    assert store.jobs("a") == []


def test_another_augmentation_forgets_the_rows(tmp_path: Path, toy_classifier: Classifier) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("a", "x", uploads(tmp_path / "in"))
    scored(store, "a", job.id, toy_classifier)
    changed = store.with_choices(job, TestTimeAugmentation.D4)
    assert store.rows(changed) == []
    scored(store, "a", job.id, toy_classifier)
    assert all(row.d4_sd_logit is not None for row in store.rows(changed))


def test_the_report_before_scoring_counts_every_kind_of_input(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    paths = write_patches(folder, 4)
    (folder / "copy.png").write_bytes(paths[0].read_bytes())
    (folder / "bad-1.png").write_bytes(b"x")
    (folder / "bad-2.png").write_bytes(b"y")
    (folder / "notes.txt").write_text("x")
    Image.new("RGB", (96, 96), (250, 250, 250)).save(folder / "flat.png")
    Image.open(paths[1]).convert("L").save(folder / "grey.png")
    with open_source(folder) as source:
        report = inspect_source(source)
    assert (report.inputs, report.looked_at) == (10, 10)
    assert (report.readable, report.flat, report.copies, report.unreadable) == (6, 1, 1, 3)
    assert report.problems[0].examples == ("bad-1.png", "bad-2.png")
    assert [(note.count, note.examples) for note in report.noted] == [(1, ("grey.png",))]


def test_a_damaged_archive_costs_its_own_row_and_not_the_upload(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = JobStore(tmp_path / "jobs")
    (patch,) = write_patches(tmp_path / "in", 1)
    files = [Upload("a.zip", b"PK\x03\x04 cut off"), Upload("b.png", patch.read_bytes())]
    job = store.add_upload("a", "both", files)
    store.start(job, toy_classifier)
    store.wait(job, timeout_s=60)
    refused, scored = store.rows(job)
    assert (refused.path, str(refused.status), str(scored.status)) == ("a.zip", "failed", "scored")
    assert "not a readable ZIP" in refused.reason
    with pytest.raises(SourceError, match="not a readable ZIP"):
        store.open(store.add_upload("a", "one", [Upload("a.zip", b"PK\x03\x04 cut off")]))


def test_one_process_changes_a_data_folder_and_others_only_read(
    tmp_path: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert first.held()
    assert not second.held()
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("alice", "first", uploads(tmp_path / "in"))
    store.only_while(second.held)
    assert store.jobs("alice") == [job]
    changes: tuple[Callable[[], object], ...] = (
        lambda: store.start(job, toy_classifier),
        lambda: store.add_server_path("alice", "x", tmp_path),
        lambda: store.add_upload("alice", "second", uploads(tmp_path / "in")),
        lambda: store.restart(job),
        lambda: store.remove(job),
        lambda: store.require_room("alice", 1),
    )
    for change in changes:
        with pytest.raises(SourceError, match="Another NodeLens is using this data folder"):
            change()
    monkeypatch.setattr("os.access", lambda *_: False)
    for change in changes:
        with pytest.raises(SourceError, match="NodeLens cannot write to its data folder"):
            change()
    assert store.jobs("alice") == [job]


def test_uploads_have_a_quota_and_leave_the_disk_some_room(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    store.add_upload("alice", "first", [Upload("a.png", bytes(3 * 2**20))])
    store.require_room("alice", 2**20, quota=5 * 2**20)
    store.require_room("bob", 4 * 2**20, quota=5 * 2**20)
    with pytest.raises(SourceError, match="Your batches take up 3 MiB"):
        store.require_room("alice", 3 * 2**20, quota=5 * 2**20)
    with pytest.raises(SourceError, match="not enough free space"):
        store.require_room("alice", 2**60)


def test_jobs_expire_by_their_last_use_and_orphans_with_them(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    old, fresh = (store.add_upload("alice", name, uploads(tmp_path / "in")) for name in "ab")
    (store.folder / ("0" * 32)).mkdir()
    for folder in (store.folder / old.id, store.folder / ("0" * 32)):
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (1_000_000, 1_000_000))
    assert store.expire(30) == 0  # the first look: the clock may be wrong
    assert len(store.jobs("alice")) == 2
    a_day_ago = time.time() - 90_000
    os.utime(store.folder / ".looked-for-expired", (a_day_ago, a_day_ago))
    assert store.expire(30) == 2
    assert store.jobs("alice") == [fresh]


@pytest.mark.parametrize("years", [1, -1])
def test_a_clock_set_wrong_deletes_no_job(
    tmp_path: Path, years: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("alice", "a", uploads(tmp_path / "in"))
    store.expire(30)
    right = time.time()
    for clock in (right + years * 3e7, right + years * 3e7 + 60, right, right + 100_000):
        monkeypatch.setattr("time.time", lambda clock=clock: clock)
        monkeypatch.setattr(Path, "touch", lambda path, clock=clock: os.utime(path, (clock, clock)))
        store.expire(30)
    assert store.jobs("alice") == [job]


@pytest.mark.parametrize(
    "changes",
    [{"created": "yesterday"}, {"name": 7}, {"tta": "none such"}, {"server_path": 3}, {"id": None}],
)
def test_an_odd_manifest_hides_no_other_job(tmp_path: Path, changes: dict[str, object]) -> None:
    store = JobStore(tmp_path / "jobs")
    odd, good = (store.add_upload("alice", name, uploads(tmp_path / "in")) for name in "ab")
    file = store.folder / odd.id / "job.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    assert store.jobs("alice") == [good]


def test_a_look_at_the_input_ends_by_itself(tmp_path: Path) -> None:
    write_patches(tmp_path / "in", 20)
    with open_source(tmp_path / "in") as source:
        report = inspect_source(source, seconds=0)
    assert 0 < report.looked_at < report.inputs


def test_a_look_at_the_input_can_be_stopped_and_tells_what_it_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JobStore(tmp_path / "jobs")
    monkeypatch.setattr(store_module, "_AT_ONCE_S", 0.0)
    monkeypatch.setattr(source_module, "READ_AHEAD", 2)

    def slowly(data: bytes) -> DecodedImage:
        time.sleep(0.1)
        return decode_patch(data)

    monkeypatch.setattr(source_module, "read_image", slowly)
    job = store.add_upload("alice", "slow", uploads(tmp_path / "in", 200))
    look = store.look(job)
    assert look.report is None
    look.stop.set()
    look.join(10)
    report = store.look(job).report
    assert report is not None
    assert report.looked_at < report.inputs == 200


def test_nothing_is_scored_by_labels_that_contradict_each_other(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    write_patches(tmp_path / "in", 2)
    table = tmp_path / "in" / "list.csv"
    table.write_text("path,label\npatch-000.png,1\npatch-000.png,0\n")
    store = JobStore(tmp_path / "jobs", server_roots=(tmp_path.resolve(),))
    job = store.add_server_path("alice", "two labels", table)
    report = store.look(job).report
    assert report is not None
    assert "more than one label" in report.contradictions[0]
    store.start(job, toy_classifier)
    store.wait(job, 30)
    progress = store.progress(job)
    assert progress.state == "broken"
    assert "more than one label" in progress.error


def test_a_batch_of_files_that_are_no_patches_is_known_to_have_nothing_to_score(
    tmp_path: Path,
) -> None:
    store = JobStore(tmp_path)
    wrong = store.add_upload("me", "letter.docx", [Upload("letter.docx", b"PK")])
    assert not store.nothing_readable(wrong)  # nobody has looked yet
    store.look(wrong).join(10)
    assert store.nothing_readable(wrong)
    right = store.add_upload("me", "in", uploads(tmp_path / "in", 1))
    store.look(right).join(10)
    assert not store.nothing_readable(right)
    later = JobStore(tmp_path)  # after a restart nobody has looked again
    assert (later.nothing_readable(wrong), later.nothing_readable(right)) == (True, False)
