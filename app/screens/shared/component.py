"""Own components of the pages, such as the one that keeps what a page is set to in its URL."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st


@cache
def component(name: str, script: Path, *, isolate_styles: bool = True) -> Any:  # noqa: ANN401 - Streamlit's
    """Return an own component, made once; HTML and CSS, if it has any, lie beside its script."""
    texts = {
        kind: file.read_text("utf-8")
        for kind in ("html", "css", "js")
        if (file := script.with_suffix(f".{kind}")).is_file()
    }
    return st.components.v2.component(name, isolate_styles=isolate_styles, **texts)


_SCRIPT: Final = Path(__file__).with_name("url.js")


def keep_in_url(page: str, values: Mapping[str, str], *, job: str = "", heard: int = 0) -> None:
    """Bring values into the URL of the open page; Back does not count it.

    Streamlit's own way adds an entry to the browser's history with each change, so that Back would
    go through every patch that was looked at before it leaves the page.

    Args:
        page: The end of its path, such as "threshold".
        values: By name in the URL; "" takes one out.
        job: Only while the URL is of this batch; "" always.
        heard: The last click that was done, for the component that sends each until it was heard.
    """
    with st.container(key="nl-keep-url"):
        component("nodelens_url", _SCRIPT)(
            key=f"url-{page}",
            data={"page": page, "job": job, "values": dict(values), "heard": heard},
            height="content",
        )
