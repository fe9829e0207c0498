"""Who is here where a login says so, and what is shown to whom it does not name."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from app.state import identity
from core.errors import SettingsError
from core.roles import Role, person
from core.settings import Settings
from tests.app.conftest import HOME, html, logged_in, markup


@pytest.mark.parametrize(
    "chosen_by_oneself",
    [
        {"email": "lead@x.org", "email_verified": False},
        {"email": "lead@x.org", "email_verified": "false"},
        {"email": "lead@x.org", "email_verified": None},
        {"email": "", "name": "lead@x.org"},
        {"email": "", "name": "lead@x.org\n"},
    ],
)
def test_nobody_becomes_a_lead_by_an_address_or_name_of_their_own_choosing(
    chosen_by_oneself: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(monkeypatch)
    assert person(str(identity.login_name()), leads=["ann@x.org"], logged_in=True).role == Role.LEAD
    logged_in(monkeypatch, **chosen_by_oneself)
    name = identity.login_name()
    assert name == "lead@x.org · 7"
    assert person(name, leads=["lead@x.org"], logged_in=True).role == Role.READER


def test_two_people_of_one_long_name_are_two_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for sub in ("7", "8"):
        logged_in(monkeypatch, email="", name="N" * 300, sub=sub)
        names.append(identity.login_name())
    assert names[0] != names[1]
    assert max(map(len, map(str, names))) <= 200


def test_capitals_of_an_address_make_neither_another_reader_nor_no_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged_in(monkeypatch, email="Ann@X.org")
    name = str(identity.login_name())
    assert name == "ann@x.org"
    leads = Settings.from_environment({"NODELENS_LEADS": "Lea Lead, ANN@x.org"}).leads
    assert person(name, leads=leads, logged_in=True).role == Role.LEAD
    assert person("Lea Lead", leads=leads, logged_in=True).role == Role.LEAD


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that an installation names for its secrets."""
    monkeypatch.setattr(identity, "_ASKS_PROVIDER", Event())
    monkeypatch.setattr("streamlit.user", {})  # as Streamlit has it without [auth]
    named = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(tmp_path / "secrets.toml")], "a test")
    st.secrets._reset()
    yield tmp_path / "secrets.toml"
    config.set_option("secrets.files", named)
    config.set_option("server.trustedUserHeaders", {})
    st.secrets._reset()


def test_secrets_that_cannot_be_read_or_name_two_logins_end_the_start(secrets: Path) -> None:
    with pytest.raises(SettingsError, match="is not there"):
        identity.settle_login()
    for broken in (b'[auth]\nclient_secret = "x', b"\xff\xfe"):
        secrets.write_bytes(broken)
        with pytest.raises(SettingsError, match="cannot be read"):
            identity.settle_login()
    secrets.write_text("[auth]\nclient_id = 'x'\n")
    config.set_option("server.trustedUserHeaders", {"X-Forwarded-Email": "email"})
    with pytest.raises(SettingsError, match="Two logins"):
        identity.settle_login()


def test_a_login_stays_while_its_secrets_are_edited(secrets: Path) -> None:
    secrets.write_text("[other]\n")
    identity.settle_login()
    assert not identity.must_sign_in()
    secrets.write_text("[auth]\nclient_id = 'x'\n")
    st.secrets._reset()
    identity.settle_login()
    secrets.write_text("[auth")
    assert identity.must_sign_in()


@pytest.mark.parametrize("view", ["batch", "review"])
@pytest.mark.usefixtures("data_dir")
def test_where_there_is_a_login_nothing_is_shown_until_someone_signs_in(
    monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    monkeypatch.setattr("streamlit.user", {"is_logged_in": False})
    monkeypatch.setenv("NODELENS_LEADS", "ann@x.org")
    found = AppTest.from_file(str(HOME), default_timeout=90).run()
    found.switch_page(f"views/{view}.py").run()
    assert [button.label for button in found.button] == ["Sign in"]
    assert not found.warning
    assert "nl-title" not in markup(found)
    found.button[0].click().run()
    (problem,) = found.error  # nothing is set up here
    assert problem.value.startswith("Sign-in is not set up correctly: ")
    logged_in(monkeypatch)
    found.run()
    assert "nl-title" in markup(found)
    assert "Sign out" in [button.label for button in found.button]


@pytest.mark.usefixtures("data_dir")
def test_a_proxy_says_who_is_here_where_its_headers_are_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streamlit.user", {"email": "ann@x.org"})
    assert not identity.must_sign_in()
    assert identity.login_name() is None, "no header was named as trusted"
    config.set_option("server.trustedUserHeaders", {"X-Forwarded-Email": "email"})
    try:
        assert not identity.must_sign_in()
        assert identity.login_name() == "ann@x.org"
        assert identity.owner() == "login  ann@x.org"
        monkeypatch.setattr("streamlit.user", {"email": "Ann@X.org"})
        assert identity.owner() == "login  ann@x.org"
        monkeypatch.setattr("streamlit.user", {"email": "CLINIC\\AnnB"})  # no address
        leads = Settings.from_environment({"NODELENS_LEADS": "CLINIC\\AnnB"}).leads
        assert leads == {identity.login_name()}
        monkeypatch.setattr("streamlit.user", {"email": None})
        found = AppTest.from_file(str(HOME), default_timeout=90).run()
        assert "Not signed in" in html(found)
        assert not found.button
    finally:
        config.set_option("server.trustedUserHeaders", {})
