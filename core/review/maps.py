"""The model's map of a reviewed patch; the same for page and report.

Not among the exports of `core.review`, because it loads the explanation room and PyTorch with it.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Final

from core.bundle import same_model
from core.errors import ReviewError
from core.explanation import (
    CamBatch,
    Explainer,
    Explanation,
    OverlayStyle,
    TwinTest,
    TwinTester,
    Unit,
    draw_overlay,
)
from core.explanation.kept import KeptLines
from core.explanation.words import METHODS, twins_text
from core.patches import ImageU8
from core.review.events import MapShown
from core.review.patches import PatchMap
from core.scoring import Classifier
from core.wording import percent

_STYLE: Final = OverlayStyle(zoom=3, smooth_patch=True, centre_box=False)
"""Whoever draws it marks the centre as on the patch beside it."""


class MapMaker:
    """Makes the maps of one model by Grad-CAM, each on its own scale, each with its check.

    The check is whether a map tells more about the score than those of networks with a random last
    layer do; the map is drawn whatever it says. A patch gives the same picture on the same machine.
    """

    def __init__(self, classifier: Classifier, checks: Path) -> None:
        """Look the network over once; the file `checks` keeps what came of each check.

        Raises:
            RunError: The model cannot be explained.
        """
        self._explainer = Explainer(classifier)
        self._model_id = classifier.model_id
        self.engine = classifier.engine.description
        self._twins, self._untested = TwinTester.of(self._explainer)
        self._checks = KeptLines(checks, self._explainer)

    def require_model(self, model_id: str) -> None:
        """Do nothing if this is the model; ReviewError otherwise."""
        if not same_model(model_id, self._model_id):
            raise ReviewError(
                f"The patches were scored by {model_id}, but the current model is "
                f"{self._model_id}. Its map would explain a different score."
            )

    def map(self, image_rgb_u8: ImageU8, sha256: str) -> PatchMap:
        """Return what may be shown of a patch (96, 96, 3)."""
        batch = self._explainer.maps(image_rgb_u8[None])
        (explanation,) = self._explainer.measured(batch)
        test = self._test(image_rgb_u8, batch, sha256)
        cam = explanation.cam
        shown = MapShown(
            model_id=self._model_id,
            method=str(cam.method),
            layer=cam.layer,
            target=str(cam.target),
            drawn=True,
        )
        picture = draw_overlay(image_rgb_u8, cam, style=_STYLE, strength=explanation.strength)
        check = f"Not checked. {self._untested}" if test is None else f"{twins_text(test)}."
        sentences = [f"{METHODS[cam.method]}. {check}", *_place(explanation)]
        if explanation.weak:
            sentences.append("The evidence is weak: on its own it does not even double the odds.")
        return PatchMap(shown, picture, tuple(sentences))

    def _test(self, image_rgb_u8: ImageU8, batch: CamBatch, sha256: str) -> TwinTest | None:
        if self._twins is None:
            return None
        with suppress(TypeError, ValueError):  # not kept, or garbled
            return TwinTest.of(json.loads(self._checks.get(sha256) or ""))
        (test,) = self._twins.run(image_rgb_u8[None], batch)
        self._checks.put(sha256, json.dumps(astuple(test)))
        return test


def _place(explanation: Explanation) -> list[str]:
    centre = explanation.centre
    if centre.share is None:
        return ["No evidence for tumour: the map shows the evidence against it."]
    what = (
        "evidence for tumour"
        if explanation.cam.method.unit is Unit.LOGIT
        else "map's positive values"
    )
    where = "in" if centre.peak_in_centre else "outside"
    return [
        f"{percent(centre.share, 0)} of the {what} lies in the centre; "
        f"{percent(centre.expected_share, 0)} is expected by area. Its strongest place is {where} "
        "the centre.",
    ]


KEPT_MAPS: Final = 256
_MOST_WAITING: Final = 6


class PreparedMaps:
    """Maps by the hash of their patch, the latest ones kept.

    One thread makes them one by one, so that scoring gets its turn at the model in between.
    Nobody waits for a map: a patch is drawn at once, and its map when it is there.
    """

    def __init__(self, maker: MapMaker, image: Callable[[str], ImageU8]) -> None:
        """Start with none; `image` gives a patch (96, 96, 3) by its SHA-256."""
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

    def wait(self, sha256: str) -> PatchMap:
        """Return the map of a patch once it is made; NodelensError as for `ready`."""
        return self._future(sha256).result()

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
                future = self._thread.submit(lambda: self.maker.map(self._image(sha256), sha256))
                self._known[sha256] = future
            self._known.move_to_end(sha256)
            while len(self._known) > KEPT_MAPS:
                self._known.popitem(last=False)
            return future
