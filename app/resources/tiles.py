"""What a slide viewer fetches: tiles and cells of slides that a page has shown, and its library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from app.resources.addresses import NOT_KEPT, Addresses, missing
from core.errors import NodelensError

TILES: Final = "/tiles/"
_LIBRARY: Final = Path(__file__).parents[1] / "screens" / "slides" / "openseadragon.min.js"
_YEAR: Final = {"cache-control": "max-age=31536000"}


@dataclass(frozen=True)
class ShownSlide:
    """What can be fetched of a slide.

    Attributes:
        tile: Gives the JPEG of a level, column and row, None where there is none.
        cells: Gives all cells as bytes.
    """

    tile: Callable[[int, int, int], bytes | None]
    cells: Callable[[], bytes]


_shown: Final = Addresses[ShownSlide](TILES)
show_slide: Final = _shown.tell
"""Let whoever knows the address fetch a slide, and return it; its owner's page alone is told."""
hide_slide: Final = _shown.forget
"""Let nobody fetch a slide any more."""


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
    slide = _shown.asked(request)
    if slide is None:
        return missing("slide")
    try:
        found = fetch(slide)
    except NodelensError:  # the page says why, when it is drawn again
        found = None
    return missing("part") if found is None else Response(found, 200, NOT_KEPT, kind)
