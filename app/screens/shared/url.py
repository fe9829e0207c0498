"""What a page is set to, in the URL: a reload or a colleague finds it, and Back does not count it.

Streamlit's own way adds an entry to the browser's history with each change, so that Back would go
through every patch that was looked at before it leaves the page.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import streamlit as st

from app.screens.shared.component import component

_SCRIPT: Final = Path(__file__).with_name("url.js")


def keep_in_url(page: str, values: Mapping[str, str], *, job: str = "") -> None:
    """Bring values into the URL of the open page.

    Args:
        page: The end of its path, such as "threshold".
        values: By name in the URL; "" takes one out.
        job: Only while the URL is of this batch; "" always.
    """
    with st.container(key="nl-keep-url"):
        component("nodelens_url", _SCRIPT)(
            key=f"url-{page}",
            data={"page": page, "job": job, "values": dict(values)},
            height="content",
        )
