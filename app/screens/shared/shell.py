"""What surrounds every page: the look, the notice, and the cookies of workspace and name."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import streamlit as st

from app import charts, resources
from app.screens.shared import words
from app.state import identity
from core.errors import NodelensError
from core.jobs.folder import ANOTHER_APP

_HERE: Final = Path(__file__).parent
_STYLE: Final = _HERE / "theme.css"
_ICON: Final = _HERE / "icon.svg"
_KEEP_WORKSPACE: Final = """
<script>
(() => {
  const name = %(name)s, token = %(token)s;
  const found = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
  const value = found ? found.slice(name.length + 1) : "";
  if (/^[A-Za-z0-9_-]{43}$/.test(value) && value !== token) { location.reload(); return; }
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${token}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
})();
</script>
"""
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
    st.html(f"<style>:root{{{_colour_variables()}}}</style>")
    st.html(_STYLE)
    st.logo(str(_ICON), size="large")
    # Another tab may have named the workspace first: then its name is taken, by loading again.
    token = identity.token_to_keep()
    keep = ""
    if token is not None:
        keep = _KEEP_WORKSPACE % {"name": json.dumps(identity.COOKIE), "token": json.dumps(token)}
    with st.container(key="nl-shell"):
        st.html(
            f'<div class="nl-notice" role="note">{words.NOTICE}</div>{keep}',
            unsafe_allow_javascript=token is not None,
        )
    name = identity.reader_cookie()
    if name is not None:
        with st.container(key="nl-keep-name"):
            st.html(
                _KEEP_NAME % {"name": identity.READER_COOKIE, "value": json.dumps(name)},
                unsafe_allow_javascript=True,
            )
    _installation()


def _installation() -> None:
    """Say what of this installation keeps people from what they may expect."""
    try:
        chosen = resources.settings()
    except NodelensError:
        return  # the page says so
    if chosen.leads and identity.login_name() is None:
        st.warning(words.LEADS_WITHOUT_LOGIN, icon=":material/badge:")
    if not resources.folder_lock(chosen.data_dir).held():
        st.warning(ANOTHER_APP, icon=":material/lock:")


def _colour_variables() -> str:
    """Return the palettes as CSS variables that follow the theme at once, without a rerun."""
    light, dark = asdict(charts.LIGHT), asdict(charts.DARK)
    return "".join(
        f"--nl-{name.replace('_', '-')}:light-dark({light[name]},{dark[name]});" for name in light
    )
