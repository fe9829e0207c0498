"""Who may ask, under which name, and how much: checked before anything is read."""

import hmac
import ipaddress
import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import SettingsError

LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one request: 64 patches of a generous mebibyte."""
PROBLEM_JSON: Final = "application/problem+json"
_SHORTEST_TOKEN: Final = 16
_TOO_MUCH: Final = f"Send at most {MOST_BYTES // 2**20} MiB at once."
_ONLY_HERE: Final = "Only this machine may ask while there are no tokens: see NODELENS_API_TOKENS."
_OPEN: Final = ("/healthz", "/readyz")
"""What a watchdog asks without a token; they tell nothing but whether there is an answer."""


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        tokens: Bearer tokens; without any, only this machine may ask.
        hosts: Names under which requests may come, without port.
    """

    tokens: tuple[str, ...] = ()
    hosts: tuple[str, ...] = LOOPBACK_HOSTS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Access":
        """Return what this installation's variables say.

        Raises:
            SettingsError: The file of tokens cannot be read or a token is too short.
        """
        hosts = [host.strip() for host in environment.get("NODELENS_API_HOSTS", "").split(",")]
        named = tuple(host.lower() for host in hosts if host) or LOOPBACK_HOSTS
        file = environment.get("NODELENS_API_TOKENS")
        if not file:
            return cls(hosts=named)
        try:
            lines = Path(file).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"NODELENS_API_TOKENS: {error}. Name a readable file.") from None
        tokens = tuple(line.strip() for line in lines if line.strip())
        if not tokens or min(map(len, tokens)) < _SHORTEST_TOKEN:
            raise SettingsError(
                f"NODELENS_API_TOKENS: expected one token a line, of at least {_SHORTEST_TOKEN} "
                "characters. Make one, e.g. with `python -c 'import secrets; "
                "print(secrets.token_urlsafe())'`."
            )
        return cls(tokens, named)

    def refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        """Return with which status and why a request is refused, None if it is not."""
        headers = {name.lower(): value for name, value in scope["headers"]}
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        declared = headers.get(b"content-length", b"0")
        if name not in self.hosts:
            return HTTPStatus.BAD_REQUEST, "The Host header names no host of this service."
        if not declared.isdigit() or int(declared) > MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_MUCH
        why = "" if scope["path"] in _OPEN else self._stranger(scope, headers)
        return (HTTPStatus.UNAUTHORIZED, why) if why else None

    def _stranger(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """Return why whoever asks may not, "" if they may."""
        if not self.tokens:
            return "" if _is_this_machine(scope) else _ONLY_HERE
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        known = [hmac.compare_digest(given.strip(), token.encode()) for token in self.tokens]
        told = scheme.lower() == b"bearer" and any(known)
        return "" if told else "Send a header Authorization: Bearer TOKEN."


def _is_this_machine(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


class Gate:
    """ASGI middleware that refuses, bounds and numbers requests."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Stand before an app."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        received, begun = 0, False

        async def numbered(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        async def answered(message: Message) -> None:
            if received <= MOST_BYTES or begun:  # else the app's words would be of a torn body
                await numbered(message)

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MOST_BYTES:
                raise _TooMuchError
            return message

        refused = self._access.refusal(scope)
        if refused is not None:
            await send_problem(numbered, *refused)
            return
        with suppress(_TooMuchError):
            await self._app(scope, bounded, answered)
        if received > MOST_BYTES and not begun:
            await send_problem(numbered, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_MUCH)


class _TooMuchError(Exception):
    """More came than may."""


def problem(status: HTTPStatus, detail: str) -> dict[str, object]:
    """Return the body of a problem, RFC 9457."""
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
    }


async def send_problem(send: Send, status: HTTPStatus, detail: str) -> None:
    """Answer with a problem."""
    body = json.dumps(problem(status, detail)).encode()
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
