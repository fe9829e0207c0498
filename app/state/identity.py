"""Who is here: the owner of the workspace, and the reader of patches.

A workspace is named by a random token in a cookie, so that its jobs survive a reload and nobody
else sees them. Whoever is logged in has the workspace of their identity instead. The token is
never part of a URL, a log or a file.
"""

import re
import secrets
import tomllib
from pathlib import Path
from threading import Event
from typing import Final
from urllib.parse import quote, unquote

import streamlit as st
from streamlit import config

from app.state import reading
from core.errors import SettingsError, why

COOKIE: Final = "nodelens_workspace"
READER_COOKIE: Final = "nodelens_reader"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_WORKSPACE: Final = "workspace"
_READER: Final = "reader"
_GIVEN_HERE: Final = "reader-given-here"
_ASKS_PROVIDER: Final = Event()


def settle_login() -> None:
    """Settle for as long as the app runs whether it has a login.

    Streamlit takes secrets that it cannot read for none, also those that are just being edited:
    neither may open the pages to everyone.

    Raises:
        SettingsError: Secrets cannot be read, or there would be two logins.
    """
    for name in st.get_option("secrets.files"):
        try:
            if not Path(name).is_dir():
                tomllib.loads(Path(name).read_text("utf-8"))
        except FileNotFoundError:
            if config.is_manually_set("secrets.files"):
                raise SettingsError(f"{name} is named for secrets, but is not there.") from None
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{name} cannot be read: {why(error)}. It may hold the login: correct it."
            ) from None
    if not st.secrets.load_if_toml_exists() or "auth" not in st.secrets:
        return
    if proxy_signs_in():
        raise SettingsError(
            "Two logins are set up, [auth] in the secrets and trusted headers. Keep one."
        )
    _ASKS_PROVIDER.set()


def must_sign_in() -> bool:
    """Return whether this installation has a login, and it does not say who is here."""
    has_login = _ASKS_PROVIDER.is_set() or "is_logged_in" in st.user or proxy_signs_in()
    return has_login and _identity() is None


def proxy_signs_in() -> bool:
    """Return whether a proxy in front of the app tells who is here, in headers of its own."""
    return bool(st.get_option("server.trustedUserHeaders"))


def owner() -> str:
    """Return the secret that names the workspace of whoever is here."""
    identity = _identity()
    if identity is not None:
        return identity
    if _WORKSPACE not in st.session_state:
        kept = str(st.context.cookies.get(COOKIE, ""))
        token = kept if _TOKEN.fullmatch(kept) else secrets.token_urlsafe(32)
        st.session_state[_WORKSPACE] = token
    token = st.session_state[_WORKSPACE]
    return str(token)


def login_name() -> str | None:
    """Return the name that a login vouches for; None where nobody is logged in.

    An address that the provider has not verified, and a name, may be of one's own choosing, even
    those of a lead: with them goes what the provider itself calls the person. Addresses are in
    small letters, so that one reader stays one.
    """
    if _identity() is None:
        return None
    email, name, sub = (_visible(st.user.get(claim)) for claim in ("email", "name", "sub"))
    # Some providers say "false", as text; those that know only verified ones say nothing.
    if email and str(st.user.get("email_verified", True)).lower() == "true":
        return (email.lower() if "@" in email else email)[:200]
    return " · ".join(part[:98] for part in (email or name, sub) if part)


def reader_name() -> str | None:
    """Return who reads: the login, or the name given here or kept in a cookie; None if unknown."""
    login = login_name()
    if login is not None:
        return login
    if _READER not in st.session_state:
        kept = unquote(str(st.context.cookies.get(READER_COOKIE, ""))).strip()[:200]
        st.session_state[_READER] = kept if kept.isprintable() else ""
    return str(st.session_state[_READER]) or None


def be_reader(name: str) -> None:
    """Read under another name, or under none yet."""
    st.session_state[_READER] = name.strip()[:200]
    st.session_state[_GIVEN_HERE] = True
    reading.leave_desk()


def decided_by(name: str) -> None:
    """Remember who decided something, unless somebody is known already."""
    if reader_name() is None:
        be_reader(name)


def reader_cookie() -> str | None:
    """Return what the browser is to keep of the name; None if none was given here, or by login."""
    if _identity() is not None or _GIVEN_HERE not in st.session_state:
        return None
    return quote(reader_name() or "", safe="")


def _visible(claim: object) -> str:
    shown = "".join(char if char.isprintable() else " " for char in str(claim or ""))
    return " ".join(shown.split())


def _identity() -> str | None:
    if not proxy_signs_in() and st.user.get("is_logged_in") is not True:
        return None
    who = st.user.get("sub") or str(st.user.get("email") or "").lower()
    return f"login {st.user.get('iss', '')} {who}" if _visible(who) else None
