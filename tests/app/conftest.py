import json
import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.testing.v1 import AppTest

from app.screens.shared.shell import tell_fault
from core.jobs import Job, JobStore
from core.scoring import Classifier
from tests.toys import write_patches

HOME = Path(__file__).parents[2] / "app" / "Home.py"
TOKEN = "t" * 43
"""The token of the workspace that the tests' pages open."""


@pytest.fixture(autouse=True)
def faults_are_told_as_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """`AppTest` knows nothing of what the server calls when a run of a page ends in a fault."""
    told = property(lambda _: tell_fault, lambda *_: None)
    monkeypatch.setattr(ScriptRunner, "_on_script_error", told, raising=False)


@pytest.fixture
def data_dir(tmp_path: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation with the toy model; its caches are empty before and after."""
    for name in ("SERVER_ROOTS", "MAX_UPLOAD_FILES", "MAX_UPLOAD_MIB", "LEADS"):
        monkeypatch.delenv(f"NODELENS_{name}", raising=False)
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


def open_view(
    view: str = "",
    *,
    token: str = TOKEN,
    reader: str = "",
    job: Job | None = None,
    query: Mapping[str, str] | None = None,
) -> AppTest:
    """Open a page of the app as the owner of a workspace, without an exception.

    Args:
        view: File name of the page; "" is the first one.
        token: Of the workspace.
        reader: Who reads; "" leaves it to the page to ask.
        job: The batch that is looked at.
        query: What else the URL holds.
    """
    page = AppTest.from_file(str(HOME), default_timeout=90)
    page.session_state["workspace"] = token
    page.session_state["reader"] = reader  # AppTest's own cookies are mocks
    asked = dict(query or {}) | ({"job": job.id} if job else {})
    for name, value in asked.items():
        page.query_params[name] = value
    page.run()
    if view:
        page.switch_page(f"views/{view}.py")
        for name, value in asked.items():
            page.query_params[name] = value
        page.run()
    assert not page.exception, page.exception
    return page


@pytest.fixture
def open_page(data_dir: Path) -> Callable[..., AppTest]:
    """Open a page of an installation with the toy model, see `open_view`."""
    return open_view


def markup(page: AppTest) -> str:
    """Everything that a page draws in its own markup as it stands, style sheets left out."""
    bodies = [str(element.proto.body) for element in page.get("html")]
    return "\n".join(body for body in bodies if "<style" not in body)


def html(page: AppTest) -> str:
    """Everything that a page draws in its own markup, as a reader reads its characters."""
    return unescape(markup(page))


def plain(page: AppTest) -> str:
    """The same without its markup, as a reader reads its words."""
    return unescape(re.sub("<[^>]*>", "", markup(page)))


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


def told_url(found: AppTest) -> dict[str, str]:
    """Return what a page brings into its URL where Back does not count it."""
    protos = (one.proto for one in found.get("bidi_component"))
    (told,) = (one.json for one in protos if one.component_name.endswith("_url"))
    return dict(json.loads(told)["values"])


def logged_in(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:  # noqa: ANN401 - claims
    """Let Streamlit tell of somebody whom an identity provider vouches for."""
    claims = {"is_logged_in": True, "iss": "https://id.example", "sub": "7", "email": "ann@x.org"}
    monkeypatch.setattr("streamlit.user", claims | more)
