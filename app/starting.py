"""What stands around the pages: the guard, the API, and what the server does as it starts."""

import asyncio
import atexit
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.guard import Guard
from app.state.identity import settle_login
from core import log
from core.errors import NodelensError, SettingsError

_SLOW_S: Final = 0.005
_LOOK_AGAIN_AFTER_S: Final = 900.0
_FIRST_PAGE_S: Final = 1.0
"""A browser that opens with the server has drawn its first page by then, or asks for the model."""


def parts() -> dict[str, Any]:
    """Return what `st.App` is given beside the script of the pages."""
    from app.resources.addresses import routes  # noqa: PLC0415 - light; no library is loaded

    spare_the_garbage_collector()
    try:
        log.begin(os.environ)
        settle_login()
    except SettingsError as error:
        sys.exit(str(error))
    return {
        "lifespan": _getting_ready,
        "middleware": [Middleware(Guard, api=_ApiLater())],
        "routes": routes(),
        "on_script_error": _told,
    }


def _told(error: Exception) -> bool:
    from app.screens.shared.shell import tell_fault  # noqa: PLC0415 - a page has loaded it

    return tell_fault(error)


class _ApiLater:
    """The API, made when it is first asked: whoever only looks at pages does not wait for it."""

    def __init__(self) -> None:
        self._made: ASGIApp | None = None
        self._making = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        await self._made(scope, receive, send)

    def _make(self) -> ASGIApp:
        from app.api import create_api  # noqa: PLC0415 - the model brings the libraries

        with self._making:
            if self._made is None:
                self._made = create_api()
            return self._made


@asynccontextmanager
async def _getting_ready(_: "st.App") -> AsyncIterator[dict[str, Any]]:
    """Open the model in a thread of its own; the server answers meanwhile."""
    threading.Thread(target=_open_model, name="getting-ready", daemon=True).start()
    yield {}


def spare_the_garbage_collector() -> None:
    """Have what a slow collection of garbage leaves not looked at again for a quarter of an hour.

    Streamlit collects all garbage after each run of a script, and no session gets an answer
    meanwhile. With the libraries of a few pages and a batch of 12,000 patches that was most of
    what a move of the slider cost.
    """
    began, thawed = 0.0, time.monotonic()

    def collected(phase: str, collection: dict[str, int]) -> None:
        nonlocal began, thawed
        if phase == "start":
            began = time.thread_time()
        elif collection["generation"] == 2 and time.thread_time() - began > _SLOW_S:
            if time.monotonic() - thawed < _LOOK_AGAIN_AFTER_S:
                gc.freeze()
            else:  # what was given up since is found by the next collection
                gc.unfreeze()
                thawed = time.monotonic()

    gc.callbacks.append(collected)
    atexit.register(gc.unfreeze)  # or libraries report what they take for leaks at the end


def _open_model() -> None:
    # In the order in which the first visitor needs them: opening takes every processor.
    from app.screens.overview import overview  # noqa: F401, PLC0415 - it brings the libraries

    time.sleep(_FIRST_PAGE_S)
    from app import resources  # noqa: PLC0415 - the model brings the libraries
    from core.command_line import settings  # noqa: PLC0415

    try:
        opened = resources.shipped_classifier(settings())
    except NodelensError as error:  # each page says it, when somebody is there to read it
        log.event("model.refused", level=logging.ERROR, error=log.where(error))
        return
    log.event(
        "model.opened",
        model_id=opened.model_id,
        engine=opened.engine.description,
        self_test_logit=opened.self_test.largest_difference_logit,
    )
