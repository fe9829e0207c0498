"""Files for the reader: the button that gives one, and the one that makes a PDF first."""

import itertools
import threading
from collections.abc import Callable
from typing import Any, Final, Literal

import streamlit as st
from streamlit import runtime
from streamlit.delta_generator import DeltaGenerator

from app.screens.shared.parts import button, show_problem
from app.state import widgets
from core.errors import NodelensError
from core.wording import percent

_SHORT_NAME: Final = 60
_KEPT_S: Final = 10.0
_MOST_KEPT: Final = 16
_TURNS: Final = itertools.count()
_LOCK: Final = threading.Lock()
_timer: list[threading.Timer] = []


def download(
    label: str,
    data: Callable[[], bytes] | bytes,
    file_name: str,
    key: str,
    **more: Any,  # noqa: ANN401 - what Streamlit's button takes besides
) -> None:
    """Draw a button that gives a file; a function makes it when it is asked for.

    Of its name, the part before the suffix is cut to a sane length. `more`, such as help and width,
    takes the place of what is usual here.
    """
    usual = {"mime": "application/octet-stream", "icon": ":material/download:"}
    stem, dot, suffix = file_name.rpartition(".")
    name = f"{stem[:_SHORT_NAME]}{dot}{suffix}"
    if callable(data):
        data = kept_a_while(data, (usual | more)["mime"], name)
    st.download_button(
        label, data=data, file_name=name, on_click="ignore", key=key, **(usual | more)
    )


def kept_a_while(make: Callable[[], bytes], mime: str, name: str) -> Callable[[], bytes]:
    """Return what makes a file and keeps it for ten seconds, until the browser has come for it.

    Streamlit (1.67) drops a file that is made when it is asked for once any two runs of anybody's
    pages have ended, on a busy server before the browser's request is there; the reader's download
    fails then. It calls what makes the file outside of any session, and finds the file by its media
    type and name as well: both have to be the button's.
    """

    def made() -> bytes:
        data = make()
        if runtime.exists():
            _keep(data, mime, name)
        return data

    return made


def _keep(data: bytes, mime: str, name: str) -> None:
    files = runtime.get_instance().media_file_mgr
    with _LOCK:
        place = f"download {next(_TURNS) % _MOST_KEPT}"
        files.add(data, mime, place, name, is_for_static_download=True)
        while _timer:
            _timer.pop().cancel()
        # Outside of any session, as here: all that is kept goes, ten seconds after the last.
        _timer.append(threading.Timer(_KEPT_S, files.clear_session_refs))
        _timer[0].daemon = True
        _timer[0].start()


MakePdf = Callable[[Callable[[float], None]], bytes]
"""Makes it; tells the share that is done, 0..1."""


def pdf_button(
    label: str,
    name: str,
    make: MakePdf,
    key: str,
    *,
    help: str = "",
    width: Literal["content", "stretch"] = "content",
) -> None:
    """Draw the button that makes a PDF, with a bar meanwhile; once it is made, that to save it.

    The key names what it is made of, so that another state of that is made anew.
    """
    made = f"{key}-made"
    place = st.empty()
    content = widgets.chosen(made)
    if not isinstance(content, bytes):
        with place:
            pressed = button(label, key, "picture_as_pdf", help=help, width=width)
        if not pressed:
            return
        with place:
            bar = st.progress(0.0, text="Preparing …")
        try:
            content = make(lambda share: _tell(bar, share))
        except NodelensError as error:
            place.empty()
            show_problem(error)
            return
        widgets.choose(made, content)
    label = f"Save PDF, {len(content) / 2**20:.1f} MiB"
    with place:
        more = {"mime": "application/pdf", "type": "primary", "help": help, "width": width}
        download(label, content, name, f"{key}-save", **more)


def _tell(bar: DeltaGenerator, share: float) -> None:
    text = f"Drawing the Grad-CAMs, {percent(share, 0)}" if share < 1 else "Setting the pages …"
    bar.progress(share, text=text)
