"""Files that are made when they are asked for, and kept until the browser has come for them.

Streamlit (1.67) drops such a file once any two runs of anybody's pages have ended, on a busy server
before the browser's request is there; the reader's download fails then.
"""

import itertools
import threading
from collections.abc import Callable
from typing import Final

from streamlit import runtime

_KEPT_S: Final = 10.0
_MOST: Final = 16
_turns: Final = itertools.count()
_ends: list[threading.Timer] = []
_LOCK: Final = threading.Lock()


def kept_a_while(make: Callable[[], bytes], mime: str, name: str) -> Callable[[], bytes]:
    """Return what makes a file and keeps it for ten seconds.

    Args:
        make: Makes it. Called by no session, as Streamlit calls what a download defers.
        mime: Its media type, and
        name: its name, both as the button has them: they are a part of what it is found by.
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
        place = f"download {next(_turns) % _MOST}"
        files.add(data, mime, place, name, is_for_static_download=True)
        while _ends:
            _ends.pop().cancel()
        # Outside of any session, as here: all that is kept goes, ten seconds after the last.
        _ends.append(threading.Timer(_KEPT_S, files.clear_session_refs))
        _ends[0].daemon = True
        _ends[0].start()
