from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.jobs import Job, JobStore
from core.scoring import Classifier
from tests.toys import write_patches

HOME = Path(__file__).parents[2] / "app" / "Home.py"
TOKEN = "t" * 43
"""The token of the workspace that the tests' pages open."""


@pytest.fixture
def data_dir(tmp_path: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation with the toy model; its caches are empty before and after."""
    for name in ("NODELENS_SERVER_ROOTS", "NODELENS_MAX_UPLOAD_FILES", "NODELENS_MAX_UPLOAD_MIB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NODELENS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NODELENS_MODEL", str(toy_bundle))
    monkeypatch.setenv("NODELENS_DEVICE", "cpu")
    st.cache_resource.clear()
    st.cache_data.clear()
    yield tmp_path / "data"
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def store(data_dir: Path) -> JobStore:
    """Another view of the installation's jobs."""
    return JobStore(data_dir / "jobs")


@pytest.fixture
def open_page(data_dir: Path) -> Callable[..., AppTest]:
    """Open a page of the app as the owner of a workspace."""

    def opened(view: str = "", *, token: str = TOKEN, job: Job | None = None) -> AppTest:
        page = AppTest.from_file(str(HOME), default_timeout=60)
        page.session_state["workspace"] = token
        if job is not None:
            page.query_params["job"] = job.id
        page.run()
        if view:
            page.switch_page(f"views/{view}.py").run()
        assert not page.exception, page.exception
        return page

    return opened


def html(page: AppTest) -> str:
    """Everything that a page says in its own markup."""
    return "\n".join(str(element.proto.body) for element in page.get("html"))


def scored_folder(
    store: JobStore, classifier: Classifier, folder: Path, *, owner: str = TOKEN, count: int = 6
) -> Job:
    """A finished batch of noise patches, one of which is no image."""
    write_patches(folder, count)
    (folder / "broken.png").write_bytes(b"not an image")
    job = store.add_server_path(owner, folder.name, folder)
    store.start(job, classifier)
    store.wait(job, timeout_s=60)
    assert store.progress(job).state == "done"
    return job
