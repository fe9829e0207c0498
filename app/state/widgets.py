"""What widgets hold, and what the browser tells of itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

_TURNS: Final = "turns"
_NOTICE: Final = "notice"


def chosen(key: str, default: object = None) -> object:
    """Return what a widget with this key holds."""
    return st.session_state.get(key, default)


def choose(key: str, value: object) -> None:
    """Make a widget with this key hold something when it is next drawn."""
    st.session_state[key] = value


def forget(key: str) -> None:
    """Make a widget with this key begin anew."""
    st.session_state.pop(key, None)


def start(key: str, value: object) -> None:
    """Make a widget with this key hold something, unless it holds something already."""
    if st.session_state.get(key) is None:
        st.session_state[key] = value


def fresh_key(name: str) -> str:
    """Return the key of a widget that begins anew after `renew`."""
    return f"{name}-{st.session_state.get(f'{_TURNS}-{name}', 0)}"


def renew(name: str) -> None:
    """Give a widget another key: an uploader forgets its files, see `release` for their memory."""
    st.session_state[f"{_TURNS}-{name}"] = st.session_state.get(f"{_TURNS}-{name}", 0) + 1


def kept(name: str) -> str:
    """Return the key of a widget that is drawn next and whose value is kept under a name."""
    key = fresh_key(name)
    if key in st.session_state:
        st.session_state[name] = st.session_state[key]
    elif st.session_state.get(name) is not None:
        st.session_state[key] = st.session_state[name]
    return key


def give(name: str, value: object) -> None:
    """Make a `kept` widget hold something, though it may be on the screen; None begins anew.

    The browser sends what its widgets hold with each run, so that a run of that moment would put
    the old value back; the widget gets another key, of which the browser holds nothing.
    """
    if st.session_state.get(name) != value:
        st.session_state[name] = value
        renew(name)


def release(files: Iterable[UploadedFile]) -> None:
    """Free the memory of uploaded files now; the server would keep them for the whole visit."""
    context = get_script_run_ctx(suppress_warning=True)
    manager = None if context is None else context.uploaded_file_mgr
    if context is None or not isinstance(manager, MemoryUploadedFileManager):
        return
    for file in files:
        manager.remove_file(context.session_id, file.file_id)


@dataclass(frozen=True)
class KeptFile:
    """An uploaded file, held in memory for this visit; its name is hostile text."""

    name: str
    data: bytes


def uploaded(key: str) -> KeptFile | None:
    """Return what the uploader with this key holds."""
    file: Any = st.session_state.get(key)
    return None if file is None else KeptFile(str(file.name), file.getvalue())


def keep_file(key: str, file: KeptFile | None) -> None:
    """Keep a file for this visit, because an uploader forgets it when the page changes."""
    st.session_state[f"kept-{key}"] = file


def kept_file(key: str) -> KeptFile | None:
    """Return the file that was kept under a key."""
    return st.session_state.get(f"kept-{key}")


def selected_rows(key: str) -> tuple[int, ...]:
    """Return the rows that are selected in the table with this key."""
    held: Any = st.session_state.get(key) or {}
    return tuple(held.get("selection", {}).get("rows", ()))


def points(key: str) -> list[dict[str, Any]]:
    """Return the points that are selected in the chart with this key."""
    held: Any = st.session_state.get(key) or {}
    return list(held.get("selection", {}).get("points", ()))


def component_value(key: str, name: str) -> Any:  # noqa: ANN401 - whatever the browser sent
    """Return what an own component with this key has just sent under a name."""
    held: Any = st.session_state.get(key) or {}
    return held.get(name)


def notify(sentence: str) -> None:
    """Keep a sentence for the next time the page is drawn."""
    st.session_state[_NOTICE] = sentence


def pop_notice() -> str | None:
    """Return the sentence that was kept, once."""
    sentence = st.session_state.pop(_NOTICE, None)
    return str(sentence) if sentence else None


def is_dark() -> bool:
    """Return whether the page is shown on a dark background."""
    return st.context.theme.get("type") == "dark"


def local_time(at: datetime | str, *, seconds: bool = False) -> str:
    """Return a moment, or ISO 8601's text of one, in the browser's time zone.

    Where that is not known, in UTC, and so named.
    """
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    try:
        zone = ZoneInfo(str(st.context.timezone or ""))
    except (ZoneInfoNotFoundError, ValueError):
        zone = None
    pattern = "%d %b %Y, %H:%M:%S" if seconds else "%d %b %Y, %H:%M"
    return f"{moment.astimezone(zone or UTC):{pattern}}" + ("" if zone else " UTC")
