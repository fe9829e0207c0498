"""The app served as a user starts it, and a real browser to look at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, sync_playwright

PROJECT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on the path"),
]
"""Marks of a module whose tests drive a browser."""


@contextmanager
def served(
    data: Path,
    bundle: Path,
    *,
    folder: Path = PROJECT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Give the address of the app on a free port, with its own data folder and model.

    Args:
        data: The data folder.
        bundle: The model.
        folder: Where it is started.
        environment: Further variables.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT / "app" / "Home.py")]
    command += ["--server.port", str(port), "--server.headless", "true"]
    variables = os.environ | {
        "NODELENS_DATA_DIR": str(data),
        "NODELENS_MODEL": str(bundle),
        "NODELENS_DEVICE": "cpu",
        "NODELENS_SERVER_ROOTS": "",
        "PYTHONPATH": str(PROJECT),
        **(environment or {}),
    }
    with (data.parent / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://localhost:{port}"
            _wait_for(f"{address}/_stcore/health", server)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the app ended at once"
        try:
            with urlopen(address, timeout=2) as answer:  # noqa: S310 - our own server
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(address)


@contextmanager
def browser() -> Iterator[Browser]:
    """Give a headless Chromium that asks nobody for updates."""
    with sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=CHROMIUM,
            headless=True,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
            ],
        )
        yield opened
        opened.close()
