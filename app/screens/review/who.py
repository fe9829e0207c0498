"""Who is reading: asked once, shown on each page of the review."""

import json
from typing import Final

import streamlit as st
from markupsafe import escape

from app.screens.review import words
from app.screens.shared.listing import badge
from app.screens.shared.parts import empty
from app.state import identity
from core.review import Person, person
from core.settings import Settings

_NAME: Final = "reader-name"
_KEEP_NAME: Final = """
<script>
(() => {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `%(name)s=${%(value)s}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
})();
</script>
"""


def current_person(settings: Settings) -> Person | None:
    """Return who is here, None while nobody has given a name."""
    name = identity.reader_name()
    if name is None:
        return None
    return person(name, leads=settings.leads, logged_in=identity.login_name() is not None)


def person_or_ask(settings: Settings) -> Person | None:
    """Return who is here; without a name, draw the question for it and return None."""
    who = current_person(settings)
    if who is None:
        _ask()
    return who


def _ask() -> None:
    empty(*words.WHO)
    with st.form("who", border=False):
        given = st.text_input("Your name", max_chars=80, key=_NAME, placeholder="Dr Ann Example")
        sent = st.form_submit_button("Continue", type="primary", icon=":material/badge:")
    if sent and given and given.strip().isprintable() and given.strip():
        identity.be_reader(given)
        st.rerun()
    elif sent:
        st.warning(words.BAD_NAME, icon=":material/badge:")


def who_line(who: Person) -> None:
    """Draw who reads, in which role, and the way to read under another name."""
    cookie = identity.reader_cookie()
    with st.container(horizontal=True, vertical_alignment="center", key="nl-who"):
        st.html(
            f'<div class="nl-batch"><span>Reading as</span><b>{escape(who.name)}</b>'
            f"{badge(str(who.role))}</div>"
        )
        if cookie is not None:
            st.button(
                "Switch reader",
                icon=":material/switch_account:",
                type="tertiary",
                on_click=identity.be_reader,
                args=("",),
                key="other-reader",
            )
            with st.container(key="nl-keep-name"):
                st.html(
                    _KEEP_NAME % {"name": identity.READER_COOKIE, "value": json.dumps(cookie)},
                    unsafe_allow_javascript=True,
                )
