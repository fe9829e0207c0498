"""Who may ask, under which name, and how much: checked before anything is read."""

import hmac
import ipaddress
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import REQUEST_ID, problem
from app.guard import THIS_MACHINE, host_name, is_own_origin
from core.errors import SettingsError, why
from core.log import event

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one request but those that upload a job: 64 patches of a generous mebibyte."""
CALLER: Final = "nodelens.caller"
"""Where the ASGI scope says who asks; the secret that owns their jobs."""
_SHORTEST_TOKEN: Final = 16
_LONGEST_END: Final = 80
_ONLY_HERE: Final = "Only this machine may ask while there are no tokens: see NODELENS_API_TOKENS."
_OPEN: Final = ("/healthz", "/readyz")
"""What a watchdog asks without a token; they tell nothing but whether there is an answer."""
_UPLOADS: Final = "/api/v1/jobs"
_FORWARDED: Final = frozenset({"forwarded", "x-forwarded-for", "x-real-ip", "via"})
"""What a proxy adds: whoever asks through one is not known to sit at this machine."""
_HEADERS: Final = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        tokens: Bearer tokens; without any, only this machine may ask.
        hosts: Names under which requests may come, without port, beside this machine's own.
        most_upload_bytes: Of a request that uploads a job.
    """

    tokens: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    most_upload_bytes: int = MOST_BYTES

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], most_upload_bytes: int = MOST_BYTES
    ) -> "Access":
        """Return what this installation's variables say.

        Raises:
            SettingsError: The file of tokens cannot be read or a token is too short.
        """
        hosts = environment.get("NODELENS_API_HOSTS", "").split(",")
        named = tuple(filter(None, (host.strip().strip("[]").lower() for host in hosts)))
        file = environment.get("NODELENS_API_TOKENS")
        if not file:
            return cls((), named, most_upload_bytes)
        try:
            lines = Path(file).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"NODELENS_API_TOKENS: {why(error)}. Name a readable file."
            ) from None
        tokens = tuple(line.strip() for line in lines if line.strip())
        if not tokens or min(map(len, tokens)) < _SHORTEST_TOKEN:
            raise SettingsError(
                f"NODELENS_API_TOKENS: expected one token a line, of at least {_SHORTEST_TOKEN} "
                "characters. Make one, e.g. with `python -c 'import secrets; "
                "print(secrets.token_urlsafe())'`."
            )
        return cls(tokens, named, most_upload_bytes)

    def most_bytes(self, scope: Scope) -> int:
        """Return how large a request's body may be."""
        return self.most_upload_bytes if scope["path"] == _UPLOADS else MOST_BYTES

    def refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        """Return with which status and why a request is refused, None if it is not."""
        headers = Headers(scope=scope)
        host, declared = headers.get("host", ""), headers.get("content-length", "0")
        if host_name(host) not in {*self.hosts, *THIS_MACHINE}:
            return HTTPStatus.BAD_REQUEST, "The Host header names no host of this service."
        origin = headers.get("origin")
        if origin is not None and not is_own_origin(origin, host):
            return HTTPStatus.FORBIDDEN, "Pages of other origins are not answered."
        if not (declared.isascii() and declared.isdigit()) or int(declared) > self.most_bytes(
            scope
        ):
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_much(self.most_bytes(scope))
        if scope["path"] in _OPEN or self.caller(scope):
            return None
        known = "Send a header Authorization: Bearer TOKEN."
        return HTTPStatus.UNAUTHORIZED, known if self.tokens else _ONLY_HERE

    def caller(self, scope: Scope) -> str:
        """Return the secret of whoever asks, "" if they may not."""
        headers = Headers(scope=scope)
        if not self.tokens:
            host = host_name(headers.get("host", ""))
            forwarded = not _FORWARDED.isdisjoint(headers)
            here = _is_this_machine(scope) and host in THIS_MACHINE and not forwarded
            return "api of this machine" if here else ""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        token = given.encode("latin-1").strip()  # as it came
        same = [one for one in self.tokens if hmac.compare_digest(token, one.encode())]
        return f"api {same[0]}" if same and scheme.lower() == "bearer" else ""


def _too_much(most: int) -> str:
    return f"Send at most {most // 2**20} MiB at once."


def _is_this_machine(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return False
    # A server that listens on every address of both kinds sees 127.0.0.1 as ::ffff:127.0.0.1.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


class Gate:
    """ASGI middleware that refuses, bounds, numbers and notes requests."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Stand before an app."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID] = request_id = str(uuid.uuid4())
        scope[CALLER] = self._access.caller(scope)
        most = self._access.most_bytes(scope)
        received, begun, status, clock = 0, False, 0, time.perf_counter()
        parts = Headers(scope=scope).get("content-type", "").lower().startswith("multipart/")
        end = b""

        async def numbered(message: Message) -> None:
            nonlocal begun, status
            if message["type"] == "http.response.start":
                begun, status = True, message["status"]
                MutableHeaders(scope=message).update(_HEADERS | {"x-request-id": request_id})
            await send(message)

        async def answered(message: Message) -> None:
            if received <= most or begun:  # else the app's words would be of a torn body
                await numbered(message)

        async def bounded() -> Message:
            nonlocal received, end
            message = await receive()
            body = message.get("body", b"")
            received, end = received + len(body), (end + body)[-_LONGEST_END:]
            if received > most:
                raise _TooMuchError
            last = message["type"] == "http.request" and not message.get("more_body")
            if parts and last and not end.rstrip().endswith(b"--"):
                # The parser would pass what is there on as all there is.
                raise HTTPException(HTTPStatus.BAD_REQUEST, "it ends before its last boundary")
            return message

        refused = self._access.refusal(scope)
        if refused is not None:
            await problem(scope, *refused)(scope, receive, numbered)
        else:
            with suppress(_TooMuchError):
                await self._app(scope, bounded, answered)
            if received > most and not begun:
                too_large = problem(scope, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_much(most))
                await too_large(scope, receive, numbered)
        route = getattr(scope.get("route"), "path", "")  # of the schema, never what was typed
        ms = round(1000 * (time.perf_counter() - clock), 1)
        event("api.request", request_id=request_id, route=route, status=status, ms=ms)


class _TooMuchError(Exception):
    """More came than may."""
