"""What surrounds every page: the look, the notice, and the cookie of the reader's name."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import streamlit as st

from app import charts, resources
from app.screens.shared import words
from app.screens.shared.parts import plain, show_problem
from app.state import identity, widgets
from core.errors import NodelensError, why
from core.files import existing_above
from core.jobs.folder import why_unchanged
from core.log import event, where

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
    _installation()


@contextmanager
def faults_told() -> Iterator[None]:
    """Say which file or folder a page cannot use; the other pages may still work.

    A fragment's own run does not come through here: Streamlit itself tells what fails in it.
    """
    try:
        yield
    except NodelensError as error:
        event("fault", level=logging.ERROR, error=where(error))
        show_problem(error)
    except OSError as error:
        event("fault", level=logging.ERROR, error=where(error))
        part = Path(str(error.filename or "A file")).name
        st.error(words.CANNOT_USE.format(part=plain(part), why=plain(why(error))))


def _installation() -> None:
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
