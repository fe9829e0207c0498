"""How a page is looked at, kept in its URL where a reload finds it and Back does not count it.

`st.query_params` makes an entry of the browser's history with each change, so that Back would lead
through every patch that was looked at. This replaces the entry of the page.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


@cache
def _in_url() -> Callable[..., Any]:
    script = Path(__file__).with_name("in_url.js").read_text("utf-8")
    return st.components.v2.component("nodelens_url", js=script, html="<i></i>")


def keep_in_url(page: str, shown: Mapping[str, str], *, job: str = "") -> None:
    """Bring what is shown into the URL of the open page.

    Args:
        page: Its name in the URL; on another page nothing happens.
        shown: Values by name; "" takes a name out.
        job: Only while the URL is of this batch; "" always.
    """
    with st.container(key="nl-keep-url"):
        _in_url()(
            key=f"url-{page}",
            data={"page": page, "job": job, "shown": dict(shown)},
            height="content",
        )
