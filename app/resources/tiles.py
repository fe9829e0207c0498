"""What a slide viewer fetches: tiles and cells of slides that a page has shown, and its library.

A slide is named by an address that only the page of its owner was told, like the files that
Streamlit serves; before it stands the guard. No path and no name of a file is ever asked for.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from core.errors import NodelensError

TILES: Final = "/tiles/"
_LIBRARY: Final = Path(__file__).parents[1] / "screens" / "slides" / "openseadragon.min.js"
_SECRET: Final = secrets.token_bytes(32)
_MOST_SHOWN: Final = 200
_PRIVATE: Final = {"cache-control": "no-store"}
_YEAR: Final = {"cache-control": "max-age=31536000"}
_THIS_PAGE: Final = frozenset({"same-origin", "none", ""})


@dataclass(frozen=True)
class ShownSlide:
    """What can be fetched of a slide.

    Attributes:
        tile: Gives the JPEG of a level, column and row, None where there is none.
        cells: Gives all cells as bytes.
    """

    tile: Callable[[int, int, int], bytes | None]
    cells: Callable[[], bytes]


_shown: Final[OrderedDict[str, ShownSlide]] = OrderedDict()


def show_slide(job_id: str, slide: ShownSlide) -> str:
    """Let whoever knows the address fetch a slide, and return it; its owner's page alone is told.

    It is the same for as long as this process runs, so that a page that is drawn again keeps what
    it has.
    """
    token = hmac.digest(_SECRET, job_id.encode(), "sha256").hex()
    _shown[token] = slide
    _shown.move_to_end(token)
    while len(_shown) > _MOST_SHOWN:
        _shown.popitem(last=False)
    return f"{TILES.lstrip('/')}{token}"


def hide_slide(job_id: str) -> None:
    """Let nobody fetch a slide any more."""
    _shown.pop(hmac.digest(_SECRET, job_id.encode(), "sha256").hex(), None)


def tile_routes() -> Sequence[BaseRoute]:
    """Return the routes; each is worked on in a thread of its own."""
    return [
        Route(f"{TILES}openseadragon-6.1.1.js", _library),
        Route(f"{TILES}{{token}}/cells", _cells),
        Route(f"{TILES}{{token}}/{{level:int}}/{{column:int}}_{{row:int}}.jpg", _tile),
    ]


def _library(_: Request) -> Response:
    return FileResponse(_LIBRARY, media_type="text/javascript", headers=_YEAR)


def _tile(request: Request) -> Response:
    place = request.path_params

    def fetch(slide: ShownSlide) -> bytes | None:
        return slide.tile(place["level"], place["column"], place["row"])

    return _answer(request, fetch, "image/jpeg")


def _cells(request: Request) -> Response:
    return _answer(request, lambda slide: slide.cells(), "application/octet-stream")


def _answer(request: Request, fetch: Callable[[ShownSlide], bytes | None], kind: str) -> Response:
    slide = _shown.get(request.path_params["token"])
    asked_by = request.headers.get("sec-fetch-site", "")
    if slide is None or asked_by not in _THIS_PAGE:
        return Response("There is no such slide.", 404, _PRIVATE, "text/plain")
    try:
        found = fetch(slide)
    except NodelensError:  # the page says why, when it is drawn again
        found = None
    if found is None:
        return Response("There is no such part.", 404, _PRIVATE, "text/plain")
    return Response(found, 200, _PRIVATE, kind)
