"""Who is here and what they look at: the only module that touches session state, URL and cookies.

A workspace is named by a random token in a cookie, so that its jobs survive a reload and nobody
else sees them. Whoever is logged in has the workspace of their identity instead. The token is
never part of a URL, a log or a file.
"""

import re
import secrets
import time
from collections.abc import Hashable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

COOKIE: Final = "nodelens_workspace"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_WORKSPACE: Final = "workspace"
_JOB: Final = "job"
_ROW: Final = "row"
_UPLOADERS: Final = "uploaders"
_NOTICE: Final = "notice"
_TUNING: Final = "tuning"
_URL_NAMES: Final = {
    "source": "scores",
    "place": "at",
    "threshold": "threshold",
    "lower": "lower",
    "prevalence": "prevalence",
    "miss_cost": "miss",
    "false_alarm_cost": "alarm",
    "rule": "rule",
}
READER_COOKIE: Final = "nodelens_reader"
_READER: Final = "reader"
_CASE: Final = "case"
_PLACE: Final = "place"
_DRAWN: Final = "drawn"
_AGAIN: Final = "again"
_BACK: Final = "looks-back"


def owner() -> str:
    """Return the secret that names the workspace of whoever is here."""
    identity = _identity()
    if identity is not None:
        return identity
    if _WORKSPACE not in st.session_state:
        found = str(st.context.cookies.get(COOKIE, ""))
        token = found if _TOKEN.fullmatch(found) else secrets.token_urlsafe(32)
        st.session_state[_WORKSPACE] = token
    token = st.session_state[_WORKSPACE]
    return str(token)


def _identity() -> str | None:
    if not st.user.get("is_logged_in"):
        return None
    return f"login {st.user.get('iss', '')} {st.user.get('sub') or st.user.get('email', '')}"


def token_to_keep() -> str | None:
    """Return the token that the browser is to keep for a year from now; None if logged in."""
    return owner() if _identity() is None else None


def job_id() -> str | None:
    """Return the batch that is looked at; it stands in the URL, where a reload finds it."""
    return _in_url(_JOB)


def look_at_job(job: str | None) -> None:
    """Look at another batch, or at the list of them."""
    st.session_state.pop(_ROW, None)
    _keep_in_url(_JOB, job)


def _in_url(key: str) -> str | None:
    """Return what the URL holds under a key, else what this visit does, and let both hold it."""
    if key in st.query_params:
        st.session_state[key] = st.query_params[key]
    elif st.session_state.get(key):
        st.query_params[key] = st.session_state[key]
    found = st.session_state.get(key)
    return str(found) if found else None


def _keep_in_url(key: str, value: str | None) -> None:
    """Keep a value for this visit and in the URL; None forgets it."""
    if value is None:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)
    else:
        st.session_state[key] = st.query_params[key] = value


def row() -> int | None:
    """Return the row of the batch whose patch is looked at."""
    found = st.session_state.get(_ROW)
    return int(found) if found is not None else None


def look_at_row(position: int | None) -> None:
    """Look at the patch of another row."""
    st.session_state[_ROW] = position


def uploader_key(name: str) -> str:
    """Return the key of a file uploader; another one after `clear_uploader`."""
    return f"{name}-{st.session_state.get(f'{_UPLOADERS}-{name}', 0)}"


def clear_uploader(name: str) -> None:
    """Forget what an uploader holds, so that its memory is free."""
    st.session_state[f"{_UPLOADERS}-{name}"] = st.session_state.get(f"{_UPLOADERS}-{name}", 0) + 1


def chosen(key: str, default: object = None) -> object:
    """Return what a widget with this key holds."""
    return st.session_state.get(key, default)


def choose(key: str, value: object) -> None:
    """Make a widget with this key hold something when it is next drawn."""
    st.session_state[key] = value


def say(sentence: str) -> None:
    """Keep a sentence for the next time the page is drawn."""
    st.session_state[_NOTICE] = sentence


def said() -> str | None:
    """Return the sentence that was kept, once."""
    found = st.session_state.pop(_NOTICE, None)
    return str(found) if found else None


def is_dark() -> bool:
    """Return whether the page is shown on a dark background."""
    return st.context.theme.get("type") == "dark"


def time_zone() -> ZoneInfo | None:
    """Return the browser's time zone, None where it is not known."""
    try:
        return ZoneInfo(str(st.context.timezone or ""))
    except (ZoneInfoNotFoundError, ValueError):
        return None


@dataclass(frozen=True)
class Selection:
    """What was clicked in a table.

    Attributes:
        rows: Selected rows of the page.
        columns: Selected columns, by name.
        cell_rows: Rows of selected cells.
    """

    rows: tuple[int, ...]
    columns: tuple[str, ...]
    cell_rows: tuple[int, ...]


def selection(key: str) -> Selection:
    """Return what was clicked in the table with this key."""
    held: Any = st.session_state.get(key) or {}
    found: Any = held.get("selection", {})
    return Selection(
        tuple(found.get("rows", ())),
        tuple(found.get("columns", ())),
        tuple(row for row, _ in found.get("cells", ())),
    )


@dataclass(frozen=True)
class Tuning:
    """What the threshold page is set to; it stands in the URL, so that it can be shared.

    Attributes:
        source: Which scores: "part", "all", "run" or "csv".
        place: The run's folder, or the beginning of the CSV's hash.
        threshold: Flag from here.
        lower: Start of a grey zone; None without one.
        prevalence: Assumed.
        miss_cost: Assumed.
        false_alarm_cost: Assumed.
        rule: Text of the rule that chose the threshold; "" if chosen by hand.
    """

    source: str = "part"
    place: str = ""
    threshold: float = 0.5
    lower: float | None = None
    prevalence: float = 0.05
    miss_cost: float = 10.0
    false_alarm_cost: float = 1.0
    rule: str = ""


def tuning(start: Tuning) -> Tuning:
    """Return what the threshold page is set to: in this visit, else by the URL, else `start`."""
    if _TUNING not in st.session_state:
        st.session_state[_TUNING] = _tuning_in_url(start)
    found: Tuning = st.session_state[_TUNING]
    return found


def tune(**changes: Any) -> None:  # noqa: ANN401 - the fields of Tuning
    """Change what the threshold page is set to; `share_tuning` brings it into the URL."""
    st.session_state[_TUNING] = replace(st.session_state[_TUNING], **changes)


def share_tuning() -> None:
    """Write what the threshold page is set to into the URL."""
    found: Tuning = st.session_state[_TUNING]
    told = {
        _URL_NAMES[name]: str(value)
        for name, value in asdict(found).items()
        if value not in {"", None}
    }
    if {name: st.query_params.get(name) for name in told} == told and not (
        set(_URL_NAMES.values()) - set(told)
    ) & set(st.query_params):
        return
    for name in _URL_NAMES.values():
        if name not in told:
            st.query_params.pop(name, None)
    st.query_params.update(told)


def _tuning_in_url(start: Tuning) -> Tuning:
    if _URL_NAMES["threshold"] not in st.query_params:
        return start
    told: dict[str, Any] = {"lower": None}
    for name, short in _URL_NAMES.items():
        text = st.query_params.get(short)
        if text is None:
            continue
        if isinstance(getattr(start, name), str):
            told[name] = text[:500]
            continue
        try:
            told[name] = float(text)
        except ValueError:
            continue
    found = replace(start, **told)
    shares = 0 <= found.threshold <= 1 and 0 < found.prevalence < 1
    costs = 0 < found.miss_cost < float("inf") and 0 < found.false_alarm_cost < float("inf")
    zone = found.lower is None or 0 <= found.lower < found.threshold
    if shares and costs and zone:
        return found
    say("The link holds a setting that cannot be used; the page starts anew.")
    return start


@dataclass(frozen=True)
class KeptFile:
    """An uploaded file, held in memory for this visit.

    Attributes:
        name: From somebody's disk; hostile text.
        data: Its bytes.
    """

    name: str
    data: bytes


def uploaded(key: str) -> KeptFile | None:
    """Return what the uploader with this key holds."""
    found: Any = st.session_state.get(key)
    return None if found is None else KeptFile(str(found.name), found.getvalue())


def keep_file(key: str, file: KeptFile | None) -> None:
    """Keep a file for this visit, because an uploader forgets it when the page changes."""
    st.session_state[f"kept-{key}"] = file


def kept_file(key: str) -> KeptFile | None:
    """Return the file that was kept under a key."""
    found: KeptFile | None = st.session_state.get(f"kept-{key}")
    return found


def component_value(key: str, name: str) -> Any:  # noqa: ANN401 - whatever the browser sent
    """Return what an own component with this key has just sent under a name."""
    held: Any = st.session_state.get(key) or {}
    return held.get(name)


def login_name() -> str | None:
    """Return the name that a login vouches for; None where nobody is logged in."""
    if _identity() is None:
        return None
    return str(st.user.get("email") or st.user.get("name") or st.user.get("sub"))[:200]


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
    _leave_desk()


def reader_cookie() -> str | None:
    """Return what the browser is to keep of the reader's name; None where a login tells it."""
    return quote(reader_name() or "", safe="") if _identity() is None else None


def case_id() -> str | None:
    """Return the case that is looked at; it stands in the URL, where a reload finds it."""
    return _in_url(_CASE)


def look_at_case(case: str | None) -> None:
    """Look at another case, or at the list of them."""
    _leave_desk()
    _keep_in_url(_CASE, case)


def _leave_desk() -> None:
    for key in (_PLACE, _DRAWN, _AGAIN, _BACK):
        st.session_state.pop(key, None)


def looks_back() -> bool:
    """Whether the reader's own earlier verdicts are listed."""
    return bool(st.session_state.get(_BACK))


def look_back(on: bool) -> None:
    """List the reader's own earlier verdicts, or go on reading."""
    st.session_state[_BACK] = on
    st.session_state.pop(_AGAIN, None)
    st.session_state.pop(_DRAWN, None)


def again() -> int | None:
    """Return the position whose verdict is to be corrected; None while reading on."""
    found = st.session_state.get(_AGAIN)
    return None if found is None else int(found)


def look_again(position: int | None) -> None:
    """Look at a patch again to correct its verdict, or at no such patch any more."""
    st.session_state[_AGAIN] = position
    st.session_state[_BACK] = False
    st.session_state.pop(_DRAWN, None)


def place() -> int:
    """Return the position in the worklist behind which to go on; -1 at first."""
    return int(st.session_state.get(_PLACE, -1))


def go_on_behind(position: int) -> None:
    """Go on with the first unread patch behind a position."""
    st.session_state[_PLACE] = position
    st.session_state.pop(_DRAWN, None)


@dataclass(frozen=True)
class Drawn:
    """Something that was drawn for a verdict.

    Attributes:
        what: What, as given.
        action: The token under which its verdict is recorded, once.
        since_s: When it was drawn, by a clock that only counts.
    """

    what: Hashable
    action: str
    since_s: float

    @property
    def seconds(self) -> float:
        """How long ago it was drawn."""
        return time.monotonic() - self.since_s


def drawn(what: Hashable) -> Drawn:
    """Return when something was first drawn, which is now unless it was drawn last time too."""
    found = st.session_state.get(_DRAWN)
    if not isinstance(found, Drawn) or found.what != what:
        found = Drawn(what, secrets.token_hex(16), time.monotonic())
        st.session_state[_DRAWN] = found
    return found


def still_drawn(earlier: Drawn) -> bool:
    """Whether nothing was drawn since; false for a second press on the same button."""
    return st.session_state.get(_DRAWN) == earlier
