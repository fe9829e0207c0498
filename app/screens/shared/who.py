"""Who is at work, asked once for the whole app, and who may decide for everyone."""

from typing import Any, Final

import streamlit as st
from markupsafe import escape

from app import resources
from app.screens.shared import words
from app.screens.shared.parts import badge, button, empty
from app.state import identity, widgets
from core.roles import Permission, Person, person
from core.settings import Settings

_NAME: Final = "reader-name"


def current_person(settings: Settings) -> Person | None:
    """Return who is here, None while nobody has given a name."""
    name = identity.reader_name()
    return None if name is None else person_of(settings, name)


def person_of(settings: Settings, name: str) -> Person:
    """Return who somebody of a name is here."""
    return person(name, leads=settings.leads, logged_in=identity.login_name() is not None)


def seen_by() -> str:
    """Return who can see what stands in a workspace."""
    return words.SEEN_BY_BROWSER if identity.login_name() is None else words.SEEN_BY_YOU


def person_or_ask(settings: Settings) -> Person | None:
    """Return who is here; without a name, draw the question for it and return None."""
    who = current_person(settings)
    if who is not None:
        return who
    empty(*words.WHO)
    with st.form("who", border=False):
        given = st.text_input(
            "Your name", max_chars=80, key=_NAME, width=400, placeholder="Dr Ann Example"
        )
        sent = st.form_submit_button("Continue", type="primary", icon=":material/badge:")
    if sent and given and given.strip().isprintable() and given.strip():
        identity.be_reader(given)
        st.rerun()
    elif sent:
        st.warning(words.BAD_NAME, icon=":material/badge:")
    return None


def who_line(who: Person) -> None:
    """Draw who reads, in which role where there are two, and the way to read under another name."""
    role = badge(str(who.role)) if resources.settings().leads else ""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-who"):
        st.html(
            f'<div class="nl-batch"><span>Reading as</span><b>{escape(who.name)}</b>{role}</div>'
        )
        if identity.login_name() is None:
            icon = "switch_account"
            button("Switch reader", "other-reader", icon, identity.be_reader, "", type="tertiary")


def name_field(label: str, key: str, **more: Any) -> str:  # noqa: ANN401 - what Streamlit takes
    """Draw the field for the name of whoever decides something; return what it holds.

    It holds the name that was given anywhere before, so that nobody is asked twice.
    """
    login = identity.login_name()
    if login or not widgets.chosen(key):
        widgets.choose(key, identity.reader_name() or "")
    given = st.text_input(label, key=key, disabled=login is not None, **more)
    return login or (given or "").strip()


def require_lead(name: str) -> None:
    """Raise unless a person of this name may lock thresholds here; else remember the name.

    Raises:
        ReviewError: They may not; the message says who can change that.
    """
    person_of(resources.settings(), name).require(Permission.LOCK_THRESHOLDS)
    identity.decided_by(name)
