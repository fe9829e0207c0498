"""Tables of labels that came with an upload, beside the patches or inside a ZIP."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.jobs import JobStore
from core.jobs.folder import StoredFile
from core.jobs.preflight import inspect_source
from tests.toys import write_patches


class Upload(io.BytesIO):
    """Bytes with a name."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name = name


def zipped(folder: Path, labels: str) -> Upload:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in write_patches(folder, 3):
            archive.write(path, f"ours/{path.name}")
        archive.writestr("ours/labels.csv", labels)
    return Upload("ours.zip", data.getvalue())


def test_labels_inside_a_zip_are_read_and_are_no_patch(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    table = "id,label,slide\npatch-000.png,1,A\npatch-001.png,normal,B\n"
    job = store.add_upload("t" * 43, "ours", [zipped(tmp_path / "p", table)])
    with store.open(job) as source:
        assert [entry.path for entry in source.entries] == [f"ours/patch-00{n}.png" for n in "012"]
        assert [(entry.label, entry.slide) for entry in source.entries] == [
            (1, "A"),
            (0, "B"),
            (None, None),
        ]
        assert source.refused_tables == ()
        assert source.coverage == ("labels.csv: 2 of 3 inputs with a label.",)


def test_a_table_that_cannot_be_used_is_told_with_its_reason(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    bad = "id,label\npatch-000.png,perhaps\n"
    inside = store.add_upload("t" * 43, "ours", [zipped(tmp_path / "p", bad)])
    beside = store.add_upload(
        "t" * 43,
        "ours",
        [
            Upload("a.png", (tmp_path / "p" / "patch-000.png").read_bytes()),
            Upload("l.csv", b"a\n1\n"),
        ],
    )
    with store.open(inside) as source:
        assert "perhaps" in source.refused_tables[0]
        assert "ours/labels.csv" not in [entry.path for entry in source.entries]
        assert len(source) == 3
    with store.open(beside) as source:
        assert "l.csv is not used as labels" in source.notes[0]
        assert [entry.path for entry in source.entries] == ["a.png"]


def test_the_same_path_twice_in_a_zip_is_told_before_scoring(tmp_path: Path) -> None:
    patch = write_patches(tmp_path / "p", 1)[0]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.write(patch, "a.png")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.write(patch, "a.png")
    store = JobStore(tmp_path / "jobs")
    job = store.add_upload("t" * 43, "ours", [Upload("ours.zip", data.getvalue())])
    with store.open(job) as source:
        assert "1 input with the same id as another (a)" in inspect_source(source).notes[0]


def test_labels_in_a_folder_on_the_server_are_read_and_are_no_patch(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    write_patches(root / "ours", 2)
    (root / "ours" / "labels.csv").write_text("id,label,slide\npatch-000.png,tumour,A\n")
    (root / "ours" / "notes.csv").write_text("a\n1\n")
    (tmp_path / "elsewhere.csv").write_text("id,label\npatch-001.png,1\n")
    (root / "ours" / "secret.csv").symlink_to(tmp_path / "elsewhere.csv")
    store = JobStore(tmp_path / "jobs", server_roots=[root])
    job = store.add_server_path("t" * 43, "ours", root / "ours")
    with store.open(job) as source:
        labels = {entry.path: (entry.label, entry.slide) for entry in source.entries}
        notes = " ".join(source.notes)
    assert labels == {"patch-000.png": (1, "A"), "patch-001.png": (None, None)}
    assert "notes.csv is not used as labels" in notes
    assert "secret.csv links to a place that this installation may not read" in notes


def test_labels_that_an_earlier_version_kept_apart_are_still_read(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    patch = write_patches(tmp_path / "p", 1)[0]
    job = store.add_upload("t" * 43, "ours", [Upload("a.png", patch.read_bytes())])
    (store.folder / job.id / "input" / "000001").write_text("id,label\na,1\n")
    job = store.write(replace(job, tables=(StoredFile("000001", "labels.csv"),)))
    assert [entry.label for entry in store.open(job).entries] == [1]
    assert store.labels(job).of("a", "a.png")["label"] == "1"
