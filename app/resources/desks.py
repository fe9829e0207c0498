"""The desk of a reader, spoken with by the browser and not by a run of the page.

A run of a page takes a good part of a second; a verdict must not wait for it, and the key after it
must not go astray meanwhile.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.resources.addresses import NOT_KEPT, Addresses, missing
from core.errors import NodelensError

DESK: Final = "/desk/"
_MOST_BYTES: Final = 65_536


@dataclass(frozen=True)
class OpenDesk:
    """What a desk answers.

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


_open: Final = Addresses[OpenDesk](DESK)
open_desk: Final = _open.tell
"""Let a reader's browser speak with their desk, and return its address."""


def desk_routes() -> Sequence[BaseRoute]:
    """Return the routes."""
    return [
        Route(f"{DESK}{{token}}", _say, methods=["POST"]),
        *(
            Route(f"{DESK}{{token}}/{{place:int}}{kind}.png", partial(_picture, kind=kind))
            for kind in ("", "-map", "-around")
        ),
    ]


async def _say(request: Request) -> Response:
    desk = _open.asked(request)
    if desk is None:
        return missing("desk")
    said = b""
    async for part in request.stream():
        said += part
        if len(said) > _MOST_BYTES:
            return Response("More than a verdict has.", 413, NOT_KEPT, "text/plain")
    held = ExitStack()
    let_go = BackgroundTask(held.close)
    try:
        answer = await run_in_threadpool(_answer, desk, said, held)
    except ValueError:
        return Response("This is not understood.", 400, NOT_KEPT, "text/plain", let_go)
    return JSONResponse(answer, headers=NOT_KEPT, background=let_go)


def _answer(desk: OpenDesk, said: bytes, held: ExitStack) -> dict[str, Any]:
    with suppress(NodelensError):  # the answer says what is wrong
        held.enter_context(desk.held())
    return desk.answer(said)


def _picture(request: Request, *, kind: str) -> Response:
    desk = _open.asked(request)
    if desk is None:
        return missing("desk")
    try:
        found = desk.picture(request.path_params["place"], kind)
    except NodelensError:  # the desk says why, when it is asked
        found = None
    return missing("patch") if found is None else Response(found, 200, NOT_KEPT, "image/png")
