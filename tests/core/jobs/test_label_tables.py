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
