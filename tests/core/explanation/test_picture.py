from dataclasses import replace

import numpy as np
import pytest

from core.explanation import (
    Explainer,
    ExplanationRow,
    MapState,
    OverlayStyle,
    TwinTest,
    draw_pair,
    explained_picture,
)
from core.scoring import Classifier
from tests.core.explanation.conftest import patch_of
from tests.toys import noise_patches

STYLE = OverlayStyle(zoom=2)
TISSUE = slice(0, 192)
FAILED, PASSED = TwinTest(0.1, (0.5,) * 9, 1.0), TwinTest(0.9, (0.5,) * 9, 1.0)
IMAGE = noise_patches(1)[0]


@pytest.fixture
def row(toy_classifier: Classifier) -> ExplanationRow:
    (score,) = toy_classifier.score([patch_of(0, IMAGE)])
    return ExplanationRow(score, Explainer(toy_classifier).explain(IMAGE[None])[0])


def test_a_map_is_drawn_whatever_its_check_says_and_the_caption_says_which(
    row: ExplanationRow,
) -> None:
    assert row.explanation is not None
    pair = draw_pair(IMAGE, row.explanation.cam, scale=0.1, style=STYLE)
    pictures = [
        explained_picture(IMAGE, one, scale=0.1, style=STYLE)
        for one in (replace(row, twins=PASSED), replace(row, twins=FAILED), row)
    ]
    for picture in pictures:
        np.testing.assert_array_equal(picture[TISSUE], pair)
    captions = {picture[192:].tobytes() for picture in pictures}
    assert len(captions) == 3


def test_a_patch_without_a_map_stands_alone(row: ExplanationRow) -> None:
    picture = explained_picture(IMAGE, replace(row, explanation=None), style=STYLE)
    assert picture.shape[1] == 192


def test_a_measured_map_is_not_said_to_have_beaten_random_networks(row: ExplanationRow) -> None:
    assert row.explanation is not None
    strong = np.full_like(row.explanation.cam.values, 1.0)
    cam = replace(row.explanation.cam, values=strong, agreement=0.9)
    measured = replace(row, explanation=replace(row.explanation, cam=cam))
    assert measured.map_state is MapState.RELIABLE
    estimated = replace(
        row,
        explanation=replace(row.explanation, cam=replace(cam, agreement=None)),
        twins=PASSED,
    )
    pictures = [
        explained_picture(IMAGE, one, scale=1.0, style=STYLE) for one in (measured, estimated)
    ]
    np.testing.assert_array_equal(pictures[0][TISSUE], pictures[1][TISSUE])
    assert not np.array_equal(pictures[0][192:], pictures[1][192:])
