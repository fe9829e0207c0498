"""What stands between the network and the pages: who may ask, and what browsers are told.

A page of another origin on the same machine reaches this one with its cookies, because SameSite
looks at no ports. So whatever changes something, and the stream of a session, must come from the
very origin that it goes to. The cookie is sent with a link from elsewhere, though: a visit that
came without it would get a new one, and lose its workspace.
"""

import logging
import re
import secrets
from collections import OrderedDict
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.state.identity import COOKIE
from core.log import event

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s@/?#:\[\]\\]+))(?::[0-9]*)?")
_YEAR_S: Final = 31_536_000
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
API: Final = "/api/"
HEALTH: Final = ("/healthz", "/readyz")
"""Other programs ask here and below `API`, which has a gate of its own (`app.api.access`)."""
_MEDIA: Final = "/media/"
_ADDRESS: Final = re.compile(rb"(?:media|tiles|desk)/[0-9a-f]{32}")
"""Files have a hash for a name, slides and desks a secret; 128 bits of either tell them apart."""
_MOST_TOLD: Final = 20_000
_CLOSED: Final = (_MEDIA, "/tiles/", "/desk/", "/_stcore/metrics")
"""Places that only the browser of a workspace may ask for."""
_KEPT_NOWHERE: Final = (_MEDIA, "/_stcore/")
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'; object-src 'none'; base-uri 'self'",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware: same origin with its port, known hosts, a cookie no script reads.

    A file, a slide's tile or a desk is for the browsers whose own stream named its address.
    """

    def __init__(
        self, app: ASGIApp, hosts: frozenset[str] | None = None, api: ASGIApp | None = None
    ) -> None:
        """Stand before an application.

        Args:
            app: What is guarded.
            api: Answers other programs at all of its paths, odd ones too, at which what lies
                behind the guard would answer in words of its own; None passes them on.
            hosts: Names that browsers may ask for, "*.lab.example" and "*" among them; None takes
                Streamlit's setting server.allowedHosts, and this machine's where that is empty.
        """
        self._app = app
        self._api = api or app
        self._hosts = hosts
        self._told: OrderedDict[tuple[bytes, str | None], None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if _is_of_the_api(scope):
            await self._api(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = _token("; ".join(headers.getlist("cookie")))  # HTTP/2 may part them
        reason = self._refusal(scope, headers, token)
        if reason:
            event("guard.refused", level=logging.WARNING, reason=reason)
            refused: ASGIApp = PlainTextResponse(reason, 403, _HEADERS)
            if scope["type"] == "websocket":
                refused = WebSocketClose(1008, reason)
            await refused(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope, token)
            elif message["type"] == "websocket.send":
                self._note(message.get("bytes") or b"", token)
            await send(message)

        await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers, token: str | None) -> str:
        host = headers.get("host", "")
        if not _is_named(host, self._hosts if self._hosts is not None else _allowed_hosts()):
            return "This host is not served here."
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _READS
        if changes and origin is not None and not is_own_origin(origin, host):
            return "Requests of other origins are not answered."
        path = scope["path"]
        address = _ADDRESS.match(path.encode(), 1)
        allowed = (address[0], token) in self._told if address else not path.startswith(_MEDIA)
        if path.startswith(_CLOSED) and not (token and allowed):
            return "This is for the browser that it was made for."
        return ""

    def _note(self, sent: bytes, token: str | None) -> None:
        """Remember which workspace's stream was told of which address: no other may ask there."""
        for address in _ADDRESS.findall(sent):
            self._told[address, token] = None
            self._told.move_to_end((address, token))
        while len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)


def _add_headers(headers: MutableHeaders, scope: Scope, token: str | None) -> None:
    headers.update(_HEADERS)
    if scope["path"].startswith(_KEPT_NOWHERE):
        headers["cache-control"] = "no-store"
    elif scope["method"] == "GET" and "/static/" not in scope["path"]:
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        headers.append(
            "set-cookie",
            f"{COOKIE}={token or secrets.token_urlsafe(32)}; Path=/; Max-Age={_YEAR_S}; "
            f"HttpOnly; SameSite=Lax{secure}",
        )


def _token(cookies: str) -> str | None:
    # By hand: at a cookie of another program that breaks the rules, `http.cookies` drops the rest.
    pairs = (part.strip().partition("=") for part in cookies.split(";"))
    token = next((value for name, _, value in pairs if name == COOKIE), "")
    return token if _TOKEN.fullmatch(token) else None


def _is_of_the_api(scope: Scope) -> bool:
    path = scope["path"]
    return scope["type"] == "http" and (path.startswith(API) or path in HEALTH)


def _is_named(host: str, allowed: frozenset[str]) -> bool:
    name = host_name(host)
    parents = {f"*.{name.split('.', count)[-1]}" for count in range(1, name.count(".") + 1)}
    return bool(name) and not allowed.isdisjoint({name, "*"} | parents)


def _allowed_hosts() -> frozenset[str]:
    from streamlit import config  # noqa: PLC0415 - read once the server has read it

    # Started from elsewhere than the root of the project, Streamlit finds no setting.
    hosts = config.get_option("server.allowedHosts") or THIS_MACHINE
    return frozenset(str(host).strip("[]").lower() for host in hosts)


THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def host_name(host: str) -> str:
    """Return a Host header without its port and brackets, in small letters; "" where it is none."""
    found = _HOST.fullmatch(host.lower())
    return (found[1] or found[2]) if found else ""


def is_own_origin(origin: str, host: str) -> bool:
    """Return whether an Origin header is of the very host and port that a request goes to."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
