"""Addresses that only a page tells: whoever knows one may ask for what stands behind it.

So the tiles and cells of a slide, and the patches and verdicts of a desk, pass without a run of a
page, which takes a good part of a second. Before them stands the guard. An address tells no path
and no name, and holds for as long as this process runs.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from core.errors import NodelensError

T = TypeVar("T")

TILES: Final = "/tiles/"
DESK: Final = "/desk/"
_SECRET: Final = secrets.token_bytes(32)
_MOST_TOLD: Final = 200
_THIS_PAGE: Final = frozenset({"same-origin", "none", ""})
_NOT_KEPT: Final = {"cache-control": "no-store"}
_YEAR: Final = {"cache-control": "max-age=31536000"}
_LIBRARY: Final = Path(__file__).parents[1] / "screens" / "slides" / "openseadragon.min.js"
_MOST_BYTES: Final = 65_536


class Addresses(Generic[T]):
    """What can be asked for, by its token; the longest unused go."""

    def __init__(self, prefix: str) -> None:
        """Begin with none, below a prefix such as "/tiles/"."""
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

    def subject(self, request: Request) -> T | None:
        """Return what a request of this page is about; None if it is of another, or unknown."""
        if request.headers.get("sec-fetch-site", "") not in _THIS_PAGE:
            return None
        return self._told.get(request.path_params["token"])

    def answer(
        self, request: Request, fetch: Callable[[T], bytes | None], media_type: str
    ) -> Response:
        """Return what is fetched of what a request is about, or that there is no such thing."""
        thing = self.subject(request)
        content = None
        if thing is not None:
            with suppress(NodelensError):  # the page says why, when it is drawn again
                content = fetch(thing)
        return _missing() if content is None else Response(content, 200, _NOT_KEPT, media_type)

    def _token(self, name: str) -> str:
        return hmac.digest(_SECRET, f"{self._prefix}{name}".encode(), "sha256").hex()


def _missing() -> Response:
    return Response("There is no such thing.", 404, _NOT_KEPT, "text/plain")


@dataclass(frozen=True)
class ShownSlide:
    """What can be fetched of a slide.

    Attributes:
        tile: Gives the JPEG of a level, column and row, None where there is none.
        cells: Gives all cells as bytes.
    """

    tile: Callable[[int, int, int], bytes | None]
    cells: Callable[[], bytes]


@dataclass(frozen=True)
class OpenDesk:
    """What the desk of a reader answers.

    Attributes:
        answer: Takes what the browser says as JSON and gives what is to be shown. ValueError if
            it is not understood.
        picture: Gives the PNG of a place in the worklist: "" the bare patch, "-map" under its map,
            "-around" with what lies around it; None if there is none that may be seen.
        held: What is held open until the answer is out, so that it comes sooner.
    """

    answer: Callable[[bytes], dict[str, Any]]
    picture: Callable[[int, str], bytes | None]
    held: Callable[[], AbstractContextManager[None]]


_slides: Final = Addresses[ShownSlide](TILES)
_desks: Final = Addresses[OpenDesk](DESK)

show_slide: Final = _slides.tell
"""Let whoever knows the address fetch a slide, and return it; its owner's page alone is told."""

hide_slide: Final = _slides.forget
"""Let nobody fetch a slide any more."""

open_desk: Final = _desks.tell
"""Let a reader's browser speak with their desk, and return its address."""


def routes() -> Sequence[BaseRoute]:
    """Return the routes; each is worked on in a thread of its own."""
    return [
        Route(f"{TILES}openseadragon-6.1.1.js", _library),
        Route(f"{TILES}{{token}}/cells", _cells),
        Route(f"{TILES}{{token}}/{{level:int}}/{{column:int}}_{{row:int}}.jpg", _tile),
        Route(f"{DESK}{{token}}", _say, methods=["POST"]),
        *(
            Route(f"{DESK}{{token}}/{{place:int}}{kind}.png", partial(_picture, kind=kind))
            for kind in ("", "-map", "-around")
        ),
    ]


def _library(_: Request) -> Response:
    return FileResponse(_LIBRARY, media_type="text/javascript", headers=_YEAR)


def _tile(request: Request) -> Response:
    place = (request.path_params[name] for name in ("level", "column", "row"))
    return _slides.answer(request, lambda slide: slide.tile(*place), "image/jpeg")


def _cells(request: Request) -> Response:
    return _slides.answer(request, lambda slide: slide.cells(), "application/octet-stream")


def _picture(request: Request, *, kind: str) -> Response:
    place = request.path_params["place"]
    return _desks.answer(request, lambda desk: desk.picture(place, kind), "image/png")


async def _say(request: Request) -> Response:
    desk = _desks.subject(request)
    if desk is None:
        return _missing()
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return Response("More than a verdict has.", 413, _NOT_KEPT, "text/plain")
    held = ExitStack()
    let_go = BackgroundTask(held.close)
    try:
        answer = await run_in_threadpool(_answer, desk, body, held)
    except ValueError:
        return Response("This is not understood.", 400, _NOT_KEPT, "text/plain", let_go)
    return JSONResponse(answer, headers=_NOT_KEPT, background=let_go)


def _answer(desk: OpenDesk, body: bytes, held: ExitStack) -> dict[str, Any]:
    with suppress(NodelensError):  # the answer says what is wrong
        held.enter_context(desk.held())
    return desk.answer(body)
