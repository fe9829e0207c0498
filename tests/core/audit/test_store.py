"""Audits in the background: uploads with their tables, stop and continue, what is refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from core.audit import Audit, open_audit
from core.audit.scores import judge
from core.audit.store import AuditStore
from core.errors import SourceError
from core.jobs import Job, JobStore
from core.patches import Patch
from core.scoring import Classifier
from tests.toys import noise_patches, write_patches

OWNER = "o" * 43


class Upload(io.BytesIO):
    """A file as an uploader gives it."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name = name


def uploads(names: list[str]) -> list[Upload]:
    files = []
    for name, image in zip(names, noise_patches(len(names)), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        files.append(Upload(name, buffer.getvalue()))
    return files


def test_uploaded_tables_tell_label_slide_and_split(tmp_path: Path) -> None:
    store = AuditStore(tmp_path)
    tables = [
        Upload("set/train_labels.csv", b"id,label\na,1\nb,0\nb,0\n"),
        Upload("set/patch_id_wsi.csv", b"id,wsi\na,s1\n"),
        Upload("set/split.csv", b"id,split\nb,val\n"),
    ]
    job = store.jobs.add_upload(OWNER, "set", [*uploads(["set/a.png", "set/b.png"]), *tables])
    inputs = store.inputs(job)
    known = {e.id: (e.label, e.slide, e.split) for e in inputs.source.entries[:2]}
    assert known == {"a": (1, "s1", None), "b": (0, None, "val")}
    faults = inputs.table_faults
    assert list(faults.loc[faults["kind"] != "mended", "id"]) == ["b"]
    assert "1 id more than once" in faults.loc[faults["kind"] == "mended", "detail"].item()


def test_an_audit_in_a_folder_of_another_process_is_not_deleted(tmp_path: Path) -> None:
    store = AuditStore(tmp_path)
    job = store.jobs.add_upload(OWNER, "set", uploads(["a.png"]))
    store.jobs.only_while(lambda: False)
    with pytest.raises(SourceError, match="data folder"):
        store.remove(job)
    assert store.jobs.job(OWNER, job.id) == job


def test_what_was_mended_in_an_uploaded_table_is_told_by_the_name_it_came_with(
    tmp_path: Path,
) -> None:
    store = AuditStore(tmp_path)
    files = [*uploads(["set/a.png"]), Upload("set/labels.csv", b"id,label,\na,1,x\n")]
    faults = store.inputs(store.jobs.add_upload(OWNER, "set", files)).table_faults
    assert list(faults["detail"]) == ["labels.csv: 1 column without a name left out."]


@pytest.mark.parametrize("delimiter", [b";", b"\t"])
def test_a_table_as_another_excel_saves_it_is_no_finding(tmp_path: Path, delimiter: bytes) -> None:
    table = b"id,label\na,1\n".replace(b",", delimiter)
    files = [*uploads(["set/a.png"]), Upload("set/labels.csv", table)]
    store = AuditStore(tmp_path)
    inputs = store.inputs(store.jobs.add_upload(OWNER, "set", files))
    assert inputs.source.entries[0].label == 1
    assert inputs.table_faults.empty


def test_without_a_table_folders_tell_label_and_split(tmp_path: Path) -> None:
    store = AuditStore(tmp_path)
    names = ["set/train/0/a.png", "set/valid/1/b.png", "set/c.png"]
    entries = store.inputs(store.jobs.add_upload(OWNER, "set", uploads(names))).source.entries
    assert [(e.label, e.split) for e in entries] == [(0, "train"), (1, "valid"), (None, None)]


def test_an_uploaded_label_that_is_none_is_refused(tmp_path: Path) -> None:
    store = AuditStore(tmp_path)
    files = [*uploads(["a.png"]), Upload("labels.csv", b"id,label\na,maybe\n")]
    with pytest.raises(SourceError, match="expected 1"):
        store.inputs(store.jobs.add_upload(OWNER, "set", files))


def test_a_table_that_leads_out_of_the_allowed_folders_is_refused(tmp_path: Path) -> None:
    write_patches(tmp_path / "allowed" / "set", 2)
    (tmp_path / "secret.csv").write_text("id,label\npatch-000,1\n")
    (tmp_path / "allowed" / "set" / "labels.csv").symlink_to(tmp_path / "secret.csv")
    root = (tmp_path / "allowed").resolve()
    store = AuditStore(tmp_path / "audits", server_roots=(root,))
    job = store.jobs.add_server_path(OWNER, "set", root / "set")
    with pytest.raises(SourceError, match="links to a place"):
        store.inputs(job)


def test_patches_that_a_table_names_outside_are_refused_one_by_one(tmp_path: Path) -> None:
    write_patches(tmp_path / "allowed", 1)
    (secret,) = write_patches(tmp_path / "secret", 1)
    table = tmp_path / "allowed" / "list.csv"
    table.write_text(f"path\npatch-000.png\n../secret/patch-000.png\n{secret}\n")
    root = (tmp_path / "allowed").resolve()
    store = AuditStore(tmp_path / "audits", server_roots=(root,))
    inputs = store.inputs(store.jobs.add_server_path(OWNER, "set", root / "list.csv"))
    read = [inputs.source.read(row) for row in range(3)]
    assert isinstance(read[0], Patch)
    assert all("outside the folders" in getattr(item, "reason", "") for item in read[1:])


def test_a_stopped_audit_goes_on_to_the_same_tables(tmp_path: Path) -> None:
    write_patches(tmp_path / "allowed" / "set", 12)
    root = (tmp_path / "allowed").resolve()
    store = AuditStore(tmp_path / "audits", server_roots=(root,))
    job = store.jobs.add_server_path(OWNER, "set", root / "set")
    assert store.progress(job).state == "new"
    store.start(job)
    store.cancel(job)
    store.wait(job, timeout_s=60)
    assert store.progress(job).state == "stopped"

    # Another process goes on with it.
    later = AuditStore(tmp_path / "audits", server_roots=(root,))
    assert later.progress(job).state == "stopped"
    later.start(job)
    later.wait(job, timeout_s=60)
    assert later.progress(job).state == "done"
    assert len(open_audit(later.folder(job).path).patches) == 12


def finished(store: AuditStore, job: Job) -> Audit:
    store.start(job)
    store.wait(job, timeout_s=120)
    assert store.progress(job).state == "done", store.progress(job).error
    return open_audit(store.folder(job).path)


def test_scores_of_other_patches_are_refused_and_the_audit_stays(tmp_path: Path) -> None:
    names = [f"set/{number % 2}/p{number}.png" for number in range(8)]
    store = AuditStore(tmp_path)
    job = store.jobs.add_upload(OWNER, "set", uploads(names))
    finished(store, job)
    with pytest.raises(SourceError, match="none of the patches"):
        store.keep_scores_in(job, "s.csv", b"id,prob_tumour\nnobody,0.5\n", out_of_fold=False)
    with pytest.raises(SourceError, match="probability from 0 to 1"):
        store.keep_scores_in(job, "s.csv", b"id,prob_tumour\np1,7\n", out_of_fold=False)
    assert store.progress(job).state == "done"
    lines = ["id;prob_tumour", *(f"p{n};{'0,9' if n in {1, 2, 3, 5} else '0,1'}" for n in range(8))]
    store.keep_scores_in(job, "s.csv", "\n".join(lines).encode(), out_of_fold=True)
    candidates = finished(store, job).table("label_candidates")
    assert candidates is not None
    assert {"p2", "p7"} >= set(candidates["id"]) != set()


def test_a_table_that_was_read_is_no_patch(tmp_path: Path) -> None:
    store = AuditStore(tmp_path)
    table = Upload("set/patch_id_wsi.csv", b"id,wsi\na,s1\nb,s2\n")
    foreign = Upload("set/notes.csv", b"remark\nhello\n")
    job = store.jobs.add_upload(
        OWNER, "set", [table, *uploads(["set/a.png", "set/b.png"]), foreign]
    )
    patches = finished(store, job).patches
    assert patches["path"].tolist() == ["set/a.png", "set/b.png"]
    assert patches["fault"].tolist() == ["", ""]
    assert patches["slide"].tolist() == ["s1", "s2"]
    assert "notes.csv is not used as labels" in str(finished(store, job).findings())


def test_labels_that_come_later_are_those_of_the_patches(tmp_path: Path) -> None:
    store = AuditStore(tmp_path)
    job = store.jobs.add_upload(OWNER, "set", uploads(["set/a.png", "set/b.png"]))
    assert finished(store, job).patches["label"].isna().all()
    with pytest.raises(SourceError, match="None of the 1 ids"):
        store.add_labels(job, "l.csv", b"id,label\nz,1\n")
    with pytest.raises(SourceError, match="expected also 'label'"):
        store.add_labels(job, "l.csv", b"id,remark\na,1\n")
    store.add_labels(job, "l.csv", b"id;label;slide\na.png;tumour;s1\nb;0;s2\n")
    patches = finished(store, job).patches
    assert patches["label"].tolist() == [1, 0]
    assert patches["slide"].tolist() == ["s1", "s2"]


def test_labels_reach_patches_of_an_archive_beside_images(tmp_path: Path) -> None:
    image, member = uploads(["a.png", "b.png"])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("b.png", member.getvalue())
    store = AuditStore(tmp_path)
    files = [
        Upload("more.zip", archive.getvalue()),
        image,
        Upload("l.csv", b"id,label\na,1\nb,0\n"),
    ]
    patches = finished(store, store.jobs.add_upload(OWNER, "set", files)).patches
    assert dict(zip(patches["id"], patches["label"], strict=True)) == {"a": 1, "b": 0}


def test_a_scored_batch_is_audited_without_another_upload(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    batches = JobStore(tmp_path / "batches")
    names = [f"p{number}.png" for number in range(12)]
    batch = batches.add_upload(OWNER, "mine", uploads(names))
    batches.start(batch, toy_classifier)
    batches.wait(batch, timeout_s=120)
    labels = "\n".join(["id,label", *(f"p{n},{n % 2}" for n in range(12))])
    batches.add_labels(batch, "l.csv", labels.encode())
    store = AuditStore(tmp_path / "audits")
    audit = finished(store, store.use_batch(OWNER, batches, batch))
    batches.remove(batch)  # the audit does without it
    assert audit.patches["label"].tolist() == [
        n % 2 for n in audit.patches["id"].str[1:].astype(int)
    ]
    assert audit.table("scores") is not None
    assert audit.table("label_candidates") is not None
    with store.inputs(store.jobs.jobs(OWNER)[0]).source as source:
        assert all(isinstance(source.read(at), Patch) for at in range(12))


def test_scores_of_now_are_those_of_scoring_and_their_map_is_the_features_pca(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    store = AuditStore(tmp_path)
    names = [f"set/{number % 2}/p{number}.png" for number in range(10)]
    job = store.jobs.add_upload(OWNER, "set", uploads(names))
    store.start(job, toy_classifier)
    store.wait(job, timeout_s=120)
    audit = open_audit(store.folder(job).path)
    scores = audit.table("scores")
    assert scores is not None
    with store.inputs(job).source as source:
        items = [source.read(at) for at in range(10)]
    rows = toy_classifier.score(items)
    assert scores["prob_tumour"].tolist() == [row.prob_tumour for row in rows]
    assert scores["predicted_label"].tolist() == [row.predicted_label for row in rows]
    images = np.stack([item.image_rgb_u8 for item in items if isinstance(item, Patch)])
    features = toy_classifier.engine.details(images).features
    assert features is not None
    expected = PCA(2).fit_transform(features)
    np.testing.assert_allclose(np.abs(scores[["x", "y"]]), np.abs(expected), atol=1e-3)
    assert audit.table("label_candidates") is not None
    steps: list[tuple[int, int]] = []
    with store.inputs(job).source as source:
        judge(audit.patches, source, toy_classifier, lambda *counts: steps.append(counts))
    assert (steps[0], steps[-1]) == ((0, 10), (10, 10))  # before the first patch, too
