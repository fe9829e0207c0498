"""The model's map of a reviewed patch; the same for page and report.

Not among the exports of `core.review`, because it loads the explanation room and PyTorch with it.
"""

from collections.abc import Iterator
from typing import Final

from core.bundle import same_model
from core.errors import RunError
from core.explanation import (
    Explainer,
    Explanation,
    OverlayStyle,
    TwinTest,
    TwinTester,
    Unit,
    draw_overlay,
)
from core.explanation.words import METHODS, twins_text
from core.patches import ImageU8
from core.review.errors import ReviewError
from core.review.events import MapShown
from core.review.patch_map import PatchMap
from core.scoring import Classifier

_STYLE: Final = OverlayStyle(zoom=3, centre_box=False)
"""Whoever draws it marks the centre as on the patch beside it."""
_PASS: Final = 32


class MapMaker:
    """Makes the maps of one model by Grad-CAM, each on its own scale, each with its check.

    The check is whether a map tells more about the score than those of networks with a random last
    layer do; the map is drawn whatever it says. The same patches in the same order give the same
    pictures on the same machine.
    """

    def __init__(self, classifier: Classifier) -> None:
        """Look the network over once.

        Raises:
            RunError: The model cannot be explained.
        """
        self._explainer = Explainer(classifier)
        self._model_id = classifier.model_id
        self.engine = classifier.engine.description
        self._untested = ""
        try:
            self._twins: TwinTester | None = TwinTester(self._explainer)
        except RunError as error:
            self._twins, self._untested = None, str(error)

    def require_model(self, model_id: str) -> None:
        """Do nothing if this is the model; ReviewError otherwise."""
        if not same_model(model_id, self._model_id):
            raise ReviewError(
                f"The patches were scored by {model_id}; installed is {self._model_id}. A map of "
                "another model would explain another score."
            )

    def maps(self, images_rgb_u8: ImageU8) -> Iterator[PatchMap]:
        """Yield what may be shown of each patch (N, 96, 96, 3); some 10 to 50 passes a patch."""
        for start in range(0, len(images_rgb_u8), _PASS):
            images = images_rgb_u8[start : start + _PASS]
            batch = self._explainer.maps(images)
            tests = self._twins.run(images, batch) if self._twins else [None] * len(images)
            for image, explanation, test in zip(
                images, self._explainer.measured(batch), tests, strict=True
            ):
                yield self._patch_map(image, explanation, test)

    def _patch_map(
        self, image_rgb_u8: ImageU8, explanation: Explanation, test: TwinTest | None
    ) -> PatchMap:
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


def _place(explanation: Explanation) -> list[str]:
    centre = explanation.centre
    if centre.share is None:
        return ["Nothing is evidence for tumour: the map shows what speaks against it."]
    what = "evidence for tumour" if explanation.cam.unit is Unit.LOGIT else "map's positive values"
    where = "in" if centre.peak_in_centre else "outside"
    return [
        f"{centre.share:.0%} of the {what} lies in the centre; {centre.expected_share:.0%} would "
        f"by area. Its strongest place lies {where} the centre.",
        "A cell has seen more than its own square, so this does not prove which part decided.",
    ]
