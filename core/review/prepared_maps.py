"""The maps of patches under review, made ahead by one thread; no Streamlit in here."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from core.patches import ImageU8
from core.review.maps import MapMaker
from core.review.patch_map import PatchMap

KEPT_MAPS: Final = 256
_MOST_WAITING: Final = 6


class PreparedMaps:
    """Maps by the hash of their patch, the latest ones kept.

    One thread makes them one by one, so that scoring gets its turn at the model in between.
    Nobody waits for a map: a patch is drawn at once, and its map when it is there.

    Attributes:
        maker: Makes the maps.
    """

    def __init__(self, maker: MapMaker, image: Callable[[str], ImageU8]) -> None:
        """Start with none.

        Args:
            maker: Makes the maps.
            image: Gives a patch (96, 96, 3) by its SHA-256.
        """
        self.maker = maker
        self._image = image
        self._known: OrderedDict[str, Future[PatchMap]] = OrderedDict()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="review-maps")

    def ready(self, sha256: str) -> PatchMap | None:
        """Return the map of a patch; None while it is being made, which this begins.

        Raises:
            NodelensError: The patch is gone or has changed, or the model failed on it.
        """
        future = self._future(sha256)
        return future.result() if future.done() else None

    def prepare(self, hashes: Iterable[str]) -> None:
        """Have some maps made in the background, unless enough wait already."""
        for sha256 in hashes:
            with self._lock:
                waiting = sum(not future.done() for future in self._known.values())
            if waiting < _MOST_WAITING:
                self._future(sha256)

    def _future(self, sha256: str) -> Future[PatchMap]:
        with self._lock:
            future = self._known.get(sha256)
            if future is None:
                future = self._thread.submit(self._make, sha256)
                self._known[sha256] = future
            self._known.move_to_end(sha256)
            while len(self._known) > KEPT_MAPS:
                self._known.popitem(last=False)
            return future

    def _make(self, sha256: str) -> PatchMap:
        return next(self.maker.maps(self._image(sha256)[None]))
