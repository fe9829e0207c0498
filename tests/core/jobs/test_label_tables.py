"""Tables of labels that came with an upload, beside the patches or inside a ZIP."""

import io
import zipfile
from pathlib import Path

from core.jobs import JobStore
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
        known = store.labels(job)
        told = [known.of(entry.id, entry.path) for entry in source.entries]
    assert [row.get("label") for row in told] == ["1", "normal", None]
    assert told[1]["slide"] == "B"
    assert store.refused_tables(job) == []


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
    assert "perhaps" in store.refused_tables(inside)[0]
    assert "'id'" in store.refused_tables(beside)[0]
    with store.open(inside) as source:
        assert "ours/labels.csv" in [entry.path for entry in source.entries]


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
        inputs = [entry.path for entry in source.entries]
        known = store.labels(job)
        told = {entry.path: known.of(entry.id, entry.path) for entry in source.entries}
    assert "labels.csv" not in inputs
    assert {"notes.csv", "secret.csv"} <= set(inputs)
    assert told["patch-000.png"] == {"label": "tumour", "slide": "A"}
    assert not told["patch-001.png"], "a link that leads out is not read"
