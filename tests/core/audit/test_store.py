"""Audits in the background: uploads with their tables, stop and continue, what is refused."""

import io
from pathlib import Path

import pytest
from PIL import Image

from core.audit import open_audit
from core.audit.store import AuditStore
from core.errors import SourceError
from core.patches import Patch
from tests.toys import noise_patches, write_patches

OWNER = "o" * 43


class Upload(io.BytesIO):
    """A file as an uploader gives it."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name = name


def uploads(names: list[str]) -> list[Upload]:
    found = []
    for name, image in zip(names, noise_patches(len(names)), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        found.append(Upload(name, buffer.getvalue()))
    return found


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
    with pytest.raises(SourceError, match="is a link to a place"):
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
    assert store.state(job).name == "new"
    store.start(job)
    store.cancel(job)
    store.wait(job, timeout_s=60)
    assert store.state(job).name == "stopped"

    # Another process goes on with it.
    later = AuditStore(tmp_path / "audits", server_roots=(root,))
    assert later.state(job).name == "stopped"
    later.start(job)
    later.wait(job, timeout_s=60)
    assert later.state(job).name == "done"
    assert len(open_audit(later.folder(job).path).patches) == 12


def test_scores_of_other_patches_are_refused_and_the_audit_can_go_on(tmp_path: Path) -> None:
    names = [f"set/{number % 2}/p{number}.png" for number in range(8)]
    store = AuditStore(tmp_path)
    job = store.jobs.add_upload(OWNER, "set", uploads(names))
    store.start(job)
    store.wait(job, timeout_s=60)
    assert store.state(job).name == "done"
    store.keep_scores(job, b"id,prob_tumour\nnobody,0.5\n", out_of_fold=False)
    store.start(job)
    store.wait(job, timeout_s=60)
    assert store.state(job).name == "broken"
    assert "none of the labelled patches" in store.state(job).error
    store.start(job)
    store.wait(job, timeout_s=60)
    assert store.state(job).name == "done"
    lines = ["id,prob_tumour", *(f"p{n},{0.9 if n in {1, 2, 3, 5} else 0.1}" for n in range(8))]
    store.keep_scores(job, "\n".join(lines).encode(), out_of_fold=True)
    store.start(job)
    store.wait(job, timeout_s=60)
    found = open_audit(store.folder(job).path).table("label_candidates")
    assert found is not None
    assert {"p2", "p7"} >= set(found["id"]) != set()
