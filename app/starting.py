"""What stands around the pages: the guard, and what the server does as it starts.

Both `Home.py` and `server.py` hand these parts to Streamlit, so that whichever is run is guarded.
"""

import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app.guard import HTTP_ONLY, Guard


def parts() -> dict[str, Any]:
    """Return what `st.App` is given beside the script of the pages."""
    os.environ[HTTP_ONLY] = "1"  # the guard keeps the cookie of the workspace, no script does
    return {
        "lifespan": _getting_ready,
        "middleware": [Middleware(Guard)],
        "routes": _routes(),
    }


def _routes() -> Sequence[BaseRoute]:
    """Return what is served beside the pages, in the same process and on the same port."""
    from app.resources.tiles import tile_routes  # noqa: PLC0415 - light; no library is loaded

    return tile_routes()


@asynccontextmanager
async def _getting_ready(_: "st.App") -> AsyncIterator[dict[str, Any]]:
    """Open the model in a thread of its own; the server answers meanwhile."""
    threading.Thread(target=_open_model, name="getting-ready", daemon=True).start()
    yield {}


def _open_model() -> None:
    from app import resources  # noqa: PLC0415 - the model brings the libraries
    from core.command_line import settings  # noqa: PLC0415
    from core.errors import NodelensError  # noqa: PLC0415

    try:
        resources.shipped_classifier(settings())
    except NodelensError:
        return  # each page says it, when somebody is there to read it
