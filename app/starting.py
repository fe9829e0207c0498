"""What the server does as it starts: libraries and model are ready before the first visitor."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st


@asynccontextmanager
async def getting_ready(_: "st.App") -> AsyncIterator[dict[str, Any]]:
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
