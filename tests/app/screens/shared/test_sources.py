"""A chosen folder comes as few packs, and its files leave them as they were."""

import json

import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from app.screens.shared.sources import chosen_files
from core.errors import SourceError

FILES = {"case/a.png": b"first\n[]", "case/b/empty.tif": b"", "case/c.folder": b"\0last"}


def uploaded(name: str, data: bytes) -> UploadedFile:
    return UploadedFile(UploadedFileRec("id", name, "", data), FileURLs())


def pack(head: object, body: bytes) -> UploadedFile:
    return uploaded("3 files.folder", json.dumps(head).encode() + b"\n" + body)


def test_files_of_packs_and_files_alone_are_read_in_their_order() -> None:
    told = [[name, len(data)] for name, data in FILES.items()]
    sent = [pack(told, b"".join(FILES.values())), uploaded("case/d.folder", b"[]\n")]
    found = chosen_files(sent)
    assert [file.size for file in found] == [8, 0, 5, 3]
    read = {file.name: file.read(3) + file.read() + file.read() for file in found}
    assert read == FILES | {"case/d.folder": b"[]\n"}


@pytest.mark.parametrize(
    "head",
    [[["a", 9]], [["a", 7]], [["a", 9], ["b", -1]], [["a"]], 7, {"a": 8}, [[1, None]], "[[8, 8"],
)
def test_a_pack_that_is_not_what_it_says_is_refused(head: object) -> None:
    with pytest.raises(SourceError, match="was not uploaded completely"):
        chosen_files([pack(head, b"8 bytes.")])


def test_a_pack_that_nests_without_end_is_refused() -> None:
    with pytest.raises(SourceError, match="was not uploaded completely"):
        chosen_files([uploaded("1 files.folder", b"[" * 100_000)])
