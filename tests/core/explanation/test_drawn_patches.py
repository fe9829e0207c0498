"""Claims about the shipped model on drawn patches, where the place of the tumour is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from core.explanation import CentreTest, Explainer, Method
from core.scoring import open_classifier
from core.settings import SHIPPED_MODEL
from tools.drawing import TissueKind, TumourPlace, draw_patch

PER_KIND = 60  # of twenty the AUROCs below vary by a tenth from one draw to the next
TISSUES = (TissueKind.LYMPHOCYTES, TissueKind.GERMINAL_CENTRE, TissueKind.STROMA)
PLACES = (TumourPlace.CENTRE, TumourPlace.RING)


@dataclass(frozen=True, eq=False)
class Measured:
    in_centre: NDArray[np.bool_]
    called: NDArray[np.bool_]
    reliance: NDArray[np.float64]
    share: NDArray[np.float64]


@pytest.fixture(scope="module")
def measured() -> Measured:
    if not (SHIPPED_MODEL / "card.json").is_file():
        pytest.skip("there is no shipped model in this checkout")
    classifier = open_classifier(SHIPPED_MODEL, device="cpu")
    kinds = [(tissue, place) for tissue in TISSUES for place in PLACES]
    drawn = [
        draw_patch(place=place, tissue=tissue, seed=900_000 + 1_000 * kind + number)
        for kind, (tissue, place) in enumerate(kinds)
        for number in range(PER_KIND)
    ]
    images = np.stack([one.image_rgb_u8 for one in drawn])
    logits = classifier.engine.logits(images)
    layers = Explainer(classifier).layer_choices
    twice = (2 * layers[-1].grid[0], 2 * layers[-1].grid[1])
    finer = [layer.name for layer in layers if layer.grid == twice]
    maps = Explainer(classifier, method=Method.HIRES_CAM, layer=finer[-1]).explain(images)
    return Measured(
        in_centre=np.array([one.place is TumourPlace.CENTRE for one in drawn]),
        called=classifier.probability(logits) >= classifier.operating_point.threshold,
        reliance=np.array([one.score for one in CentreTest(classifier).run(images, logits)]),
        share=np.array([one.centre.share or 0.0 for one in maps]),
    )


def test_reliance_on_the_centre_tells_where_the_tumour_is_in_patches_scored_right(
    measured: Measured,
) -> None:
    right = measured.called == measured.in_centre
    assert roc_auc_score(measured.in_centre[right], measured.reliance[right]) >= 0.9


def test_it_also_does_so_among_patches_that_are_all_called_tumour(measured: Measured) -> None:
    # The fairer question: among patches scored right the logit alone tells the two apart.
    chosen = measured.called
    assert roc_auc_score(measured.in_centre[chosen], measured.reliance[chosen]) >= 0.75
    assert roc_auc_score(measured.in_centre[chosen], measured.share[chosen]) >= 0.7
