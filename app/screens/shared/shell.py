"""What surrounds every page: the look, the notice, and the cookie of the reader's name."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

import streamlit as st
from markupsafe import escape
from streamlit.errors import StreamlitAuthError

from app import charts, resources
from app.screens.shared import words
from app.screens.shared.parts import button, empty, plain, show_problem
from app.state import identity, widgets
from core.errors import NodelensError, why
from core.files import existing_above
from core.jobs.folder import why_unchanged

_HERE: Final = Path(__file__).parent
_STYLE: Final = _HERE / "theme.css"
_ICON: Final = _HERE / "icon.svg"
_KEEP_NAME: Final = """
<script>
(() => {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `%(name)s=${%(value)s}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
})();
</script>
"""


def shell() -> None:
    """Draw what every page has; called once by the router."""
    # Dialogs and popovers lie outside of what Streamlit gives the theme's colour scheme to.
    scheme = "dark" if widgets.is_dark() else "light"
    above = f':is([data-testid="stDialog"],[data-testid="stPopoverBody"]){{color-scheme:{scheme}}}'
    st.html(f"<style>:root{{{_colour_variables()}}}{above}</style>")
    st.html(_STYLE)
    st.logo(str(_ICON), size="large")
    with st.container(key="nl-shell"):
        st.html(f'<div class="nl-notice" role="note">{words.NOTICE}</div>')
    name = identity.reader_cookie()
    if name is not None:
        with st.container(key="nl-keep-name"):
            st.html(
                _KEEP_NAME % {"name": identity.READER_COOKIE, "value": json.dumps(name)},
                unsafe_allow_javascript=True,
            )


def tell_fault(error: Exception) -> bool:
    """Say what ended a run of a page, of a part of it or of a button, and return True.

    False leaves it to Streamlit, where it is none of what a reader could be told.
    """
    if isinstance(error, NodelensError):
        show_problem(error)
    elif isinstance(error, OSError):
        part = Path(str(error.filename or "A file")).name
        st.error(words.CANNOT_USE.format(part=plain(part), why=plain(why(error))))
    else:
        return False
    return True


def sign_in_or_stop() -> None:
    """Draw who is signed in, where there is a login; end the page where nobody is."""
    if not identity.must_sign_in():
        name = identity.login_name()
        if name is not None and not identity.proxy_signs_in():
            with st.container(horizontal=True, key="nl-login"):
                st.html(f'<span title="{escape(name)}">{escape(name)}</span>')
                button("Sign out", "sign-out", "", st.logout, type="tertiary")
        return
    if identity.proxy_signs_in():
        empty(*words.NOT_SIGNED_IN)
        st.stop()
    empty(*words.SIGN_IN)
    if button("Sign in", "sign-in", "login", type="primary"):
        try:
            st.login()
        except StreamlitAuthError as error:
            why_not = plain(" ".join(str(error).split()))
            st.error(words.SIGN_IN_BROKEN.format(why=why_not))
    st.stop()


def tell_installation() -> None:
    """Say what of this installation keeps people from what they may expect."""
    try:
        chosen = resources.settings()
    except NodelensError:
        return  # the page says so
    if chosen.leads and identity.login_name() is None:
        st.warning(words.LEADS_WITHOUT_LOGIN, icon=":material/badge:")
    if not resources.folder_lock(chosen.data_dir).held():
        st.warning(why_unchanged(chosen.data_dir), icon=":material/lock:")
        if not os.access(existing_above(chosen.data_dir), os.R_OK | os.X_OK):
            st.stop()


def _colour_variables() -> str:
    """Return the palettes as CSS variables that follow the theme at once, without a rerun."""
    light, dark = asdict(charts.LIGHT), asdict(charts.DARK)
    return "".join(
        f"--nl-{name.replace('_', '-')}:light-dark({light[name]},{dark[name]});" for name in light
    )
