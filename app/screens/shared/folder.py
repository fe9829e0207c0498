"""A folder that the browser sends as few packs, because Streamlit takes long over many files."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import SourceError

_SCRIPT: Final = Path(__file__).with_name("folder.js")
_PACK: Final = ".folder"
_BROKEN: Final = "The folder did not arrive whole. Choose it again, or put it into a ZIP."


@dataclass
class ChosenFile:
    """A file that was chosen in the browser.

    Attributes:
        name: With its folders, from someone's disk; hostile text.
        data: What of it was not read yet.
    """

    name: str
    data: memoryview

    @property
    def size(self) -> int:
        """Bytes that were not read yet."""
        return len(self.data)

    def read(self, size: int = -1, /) -> bytes:
        """Return the next `size` bytes, or all that are left."""
        end = len(self.data) if size < 0 else size
        block, self.data = bytes(self.data[:end]), self.data[end:]
        return block


def pack_folders() -> None:
    """Have the browser send each folder that is chosen as few packs."""
    with st.container(key="nl-keep-packs"):
        script = f"<script>{_SCRIPT.read_text('utf-8')}</script>"
        st.html(script, unsafe_allow_javascript=True)


def chosen_files(uploaded: Iterable[UploadedFile]) -> list[ChosenFile]:
    """Return the files that were chosen, in their order, out of their packs.

    Raises:
        SourceError: A pack is not what its first line says.
    """
    files = []
    for file in uploaded:
        data = memoryview(file.getvalue())
        # Names of a folder's own files have the folder before them.
        is_pack = file.name.endswith(_PACK) and "/" not in file.name
        files += _members(file.readline(), data) if is_pack else [ChosenFile(file.name, data)]
    return files


def _members(head: bytes, data: memoryview) -> list[ChosenFile]:
    try:
        told = [(str(name), int(size)) for name, size in json.loads(head)]
    except (ValueError, TypeError, RecursionError):
        raise SourceError(_BROKEN) from None
    if any(size < 0 for _, size in told) or len(head) + sum(s for _, s in told) != len(data):
        raise SourceError(_BROKEN)
    members, start = [], len(head)
    for name, size in told:
        members.append(ChosenFile(name, data[start : start + size]))
        start += size
    return members
