"""A file is there for as long as a browser on a slow network needs to come for it."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from app.screens.shared import downloads

KIND, NAME = "text/csv", "scores.csv"


class Server:
    """Streamlit's store of files, and sessions whose pages run."""

    def __init__(self) -> None:
        self.storage = MemoryMediaFileStorage("/media")
        self.media_file_mgr = MediaFileManager(self.storage)

    def press(self, make: Callable[[], bytes]) -> str:
        """Ask for a file as a button does; return its address."""
        waiting = self.media_file_mgr.add_deferred(make, KIND, "button", NAME)
        return self.media_file_mgr.execute_deferred(waiting)

    def run_pages(self) -> None:
        """Have a few runs of pages end."""
        for _ in range(5):
            self.media_file_mgr.remove_orphaned_files()

    def has(self, address: str) -> bool:
        try:
            self.storage.get_file(address.rpartition("/")[2])
        except MediaFileStorageError:
            return False
        return True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(
        downloads,
        "runtime",
        SimpleNamespace(exists=lambda: True, get_instance=lambda: made),
    )
    return made


def test_a_file_outlives_runs_of_pages_and_goes_after_a_while(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_KEPT_S", 0.5)
    made = downloads.kept_a_while(lambda: next(contents), KIND, NAME)
    contents = iter([b"id,score\n", b"id,label\n"])
    addresses = [server.press(made), server.press(made)]
    server.run_pages()
    assert all(server.has(address) for address in addresses)
    deadline = time.monotonic() + 30
    while any(server.has(address) for address in addresses):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        server.run_pages()


def test_streamlit_itself_keeps_none_so_long(server: Server) -> None:
    address = server.press(lambda: b"id,score\n")
    server.run_pages()
    assert not server.has(address), "then `kept_a_while` is not needed any more"


def test_without_a_server_a_file_is_made_all_the_same() -> None:
    assert not runtime.exists()
    assert downloads.kept_a_while(lambda: b"x", KIND, NAME)() == b"x"
