"""Addresses that only a page tells: whoever knows one may ask for what stands behind it.

So tiles, patches and verdicts pass without a run of a page. Before them stands the guard. An
address tells no path and no name, and holds for as long as this process runs.
"""

import hmac
import secrets
from collections import OrderedDict
from typing import Final, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")
_SECRET: Final = secrets.token_bytes(32)
_MOST_TOLD: Final = 200
_THIS_PAGE: Final = frozenset({"same-origin", "none", ""})
NOT_KEPT: Final = {"cache-control": "no-store"}


class Addresses(Generic[T]):
    """What can be asked for, by its token; the longest unused go."""

    def __init__(self, prefix: str) -> None:
        """Begin with none.

        Args:
            prefix: Of the path, such as "/tiles/".
        """
        self._prefix = prefix
        self._told: OrderedDict[str, T] = OrderedDict()

    def tell(self, name: str, thing: T) -> str:
        """Return the address of something, relative to the page; the same for the same name."""
        token = self._token(name)
        self._told[token] = thing
        self._told.move_to_end(token)
        while len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return f"{self._prefix.lstrip('/')}{token}"

    def forget(self, name: str) -> None:
        """Let nobody ask any more."""
        self._told.pop(self._token(name), None)

    def asked(self, request: Request) -> T | None:
        """Return what a request of this page is about; None if it is of another, or unknown."""
        if request.headers.get("sec-fetch-site", "") not in _THIS_PAGE:
            return None
        return self._told.get(request.path_params["token"])

    def _token(self, name: str) -> str:
        return hmac.digest(_SECRET, f"{self._prefix}{name}".encode(), "sha256").hex()


def missing(what: str) -> Response:
    """Return the answer that there is no such thing."""
    return Response(f"There is no such {what}.", 404, NOT_KEPT, "text/plain")
