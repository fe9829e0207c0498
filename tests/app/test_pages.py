from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

HOME = Path(__file__).parents[2] / "app" / "Home.py"


@pytest.fixture
def environment(tmp_path: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODELENS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NODELENS_MODEL", str(toy_bundle))
    monkeypatch.setenv("NODELENS_DEVICE", "cpu")
    monkeypatch.delenv("NODELENS_SERVER_ROOTS", raising=False)


def home() -> AppTest:
    return AppTest.from_file(str(HOME), default_timeout=60)


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


@pytest.mark.usefixtures("environment")
def test_overview_shows_the_model_and_that_it_is_no_medical_device() -> None:
    page = home().run()
    assert not page.exception
    assert "not a medical device" in html(page)
    assert "toy" in html(page)


@pytest.mark.usefixtures("environment")
def test_batch_page_starts_empty() -> None:
    page = home().run().switch_page("views/batch.py").run()
    assert not page.exception
    assert "No batch yet" in html(page)
