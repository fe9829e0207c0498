"""What stands before the pages, asked as browsers and strangers ask."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.guard import Guard
from app.state.identity import COOKIE
from core.settings import SHIPPED_MODEL
from tests.browsing import served

TOKEN = "t" * 43
Headers = dict[str, str]


def ask(
    path: str,
    headers: Headers,
    *,
    kind: str = "http",
    method: str = "GET",
    allowed: str = "localhost",
) -> tuple[int | str, list[tuple[str, str]]]:
    """Status and headers of a response, or "open" or "closed" of a stream."""
    sent: list[Message] = []

    async def served(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": kind,
        "path": path,
        "method": method,
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    if kind == "websocket":
        del scope["method"]
    asyncio.run(Guard(served, frozenset({allowed}))(scope, receive, send))
    first = sent[0]
    if kind == "websocket":
        return ("open" if first["type"] == "websocket.accept" else "closed"), []
    found = [(name.decode(), value.decode()) for name, value in first["headers"]]
    return first["status"], found


@pytest.mark.parametrize(
    ("origin", "answer"),
    [
        ("http://localhost:8501", "open"),
        ("http://localhost:8699", "closed"),
        ("http://127.0.0.1:8501", "closed"),
        ("https://evil.example", "closed"),
        ("null", "closed"),
    ],
)
def test_a_stream_is_opened_by_its_own_origin_only_port_included(origin: str, answer: str) -> None:
    headers = {"host": "localhost:8501", "origin": origin}
    assert ask("/_stcore/stream", headers, kind="websocket")[0] == answer


def test_other_origins_and_other_hosts_change_nothing() -> None:
    other = {"host": "localhost:8501", "origin": "http://localhost:8699"}
    assert ask("/_stcore/upload_file/x", other, method="PUT")[0] == 403
    torn = {"host": "localhost:8501", "origin": "http://[::1"}
    assert ask("/_stcore/upload_file/x", torn, method="PUT")[0] == 403
    own = {"host": "localhost:8501", "origin": "http://localhost:8501"}
    assert ask("/_stcore/upload_file/x", own, method="PUT")[0] == 200
    assert ask("/", {"host": "evil.example"})[0] == 403


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("*.lab.example", "a.b.lab.example:8501", 200),
        ("*.lab.example", "lab.example", 403),
        ("*.lab.example", "evillab.example", 403),
        ("*", "anything.example", 200),
        ("*", "", 403),
        ("localhost", "[::1", 403),
        ("localhost", "localhost@evil.example", 403),
    ],
)
def test_hosts_are_matched_as_streamlit_matches_them(allowed: str, host: str, status: int) -> None:
    assert ask("/", {"host": host}, allowed=allowed)[0] == status


def test_metrics_need_the_cookie_and_are_kept_nowhere() -> None:
    host, path = {"host": "localhost:8501"}, "/_stcore/metrics"
    assert ask(path, host)[0] == 403
    assert ask(path, host | {"cookie": f"{COOKIE}=short"})[0] == 403
    # Beside a cookie of another program on this host, which no rule allows.
    status, headers = ask(path, host | {"cookie": f"a b={{1;2; {COOKIE}={TOKEN}"})
    assert status == 200
    assert ("cache-control", "no-store") in headers


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (f"/media/{'a1' * 16}.csv", f"/media/{'a1' * 16}.csv"),
        (f"tiles/{'a1' * 32}", f"/tiles/{'a1' * 32}/3/0_1.jpg"),
        (f"desk/{'a1' * 32}", f"/desk/{'a1' * 32}/7-map.png"),
    ],
)
def test_an_address_is_for_the_browser_that_was_told_of_it(named: str, path: str) -> None:
    host = {"host": "localhost:8501"}
    mine, other = ({"cookie": f"{COOKIE}={letter * 43}"} for letter in "to")

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.send", "bytes": b"\x0a\x40" + named.encode() + b"\x12"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})

    guard = Guard(app, frozenset({"localhost"}))

    def answer(kind: str, headers: Headers, asked: str = path) -> Message:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        encoded = [(name.encode(), value.encode()) for name, value in (host | headers).items()]
        scope = {"type": kind, "path": asked, "method": "GET", "headers": encoded}
        asyncio.run(guard(scope, receive, send))
        return sent[0]

    assert answer("http", mine)["status"] == 403
    answer("websocket", mine, "/_stcore/stream")
    reply = answer("http", mine)
    assert reply["status"] == 200
    assert [answer("http", headers)["status"] for headers in (other, {})] == [403, 403]


def test_a_page_sets_a_cookie_that_no_script_reads_and_keeps_the_one_it_finds() -> None:
    host = {"host": "localhost:8501"}
    first = dict(ask("/batch", host)[1])["set-cookie"]
    other = dict(ask("/batch", host)[1])["set-cookie"]
    assert first != other
    for part in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in first
    kept = dict(ask("/", host | {"cookie": f"a=b; {COOKIE}={TOKEN}"})[1])["set-cookie"]
    assert kept.startswith(f"{COOKIE}={TOKEN};")


def test_browsers_are_told_not_to_frame_nor_to_guess() -> None:
    headers = dict(ask("/", {"host": "localhost"})[1])
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_guard_stands_before_the_app(tmp_path: Path) -> None:
    """The app as its user starts it, from another folder, so that no file of settings is found."""
    with served(tmp_path / "data", SHIPPED_MODEL, folder=tmp_path) as address:
        with urlopen(address, timeout=20) as answer:  # noqa: S310 - our own server
            headers = dict(answer.headers.items())
        assert "HttpOnly" in headers["set-cookie"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        for path, host in (("/", "evil.example"), ("/_stcore/metrics", urlsplit(address).netloc)):
            with pytest.raises(HTTPError, match="403"):
                urlopen(Request(address + path, headers={"Host": host}), timeout=20)  # noqa: S310
        # Streamlit's own answer to such a path is two words without a type.
        with pytest.raises(HTTPError, match="404") as refused:
            urlopen(f"{address}/api/v1/jobs/../../../etc/passwd", timeout=60)  # noqa: S310
        refused.value.close()
        assert refused.value.headers["content-type"] == "application/problem+json"
