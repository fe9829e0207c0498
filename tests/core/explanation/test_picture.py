from dataclasses import replace

import numpy as np
import pytest

from core.explanation import (
    Explainer,
    ExplanationRow,
    MapState,
    OverlayStyle,
    TwinTest,
    archive_bytes,
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


def test_a_map_that_failed_its_test_is_nowhere_in_the_picture(row: ExplanationRow) -> None:
    failed = replace(row, twins=FAILED)
    picture = explained_picture(IMAGE, failed, scale=0.01, style=STYLE)
    assert len(np.unique(picture[TISSUE, 196:].reshape(-1, 3), axis=0)) == 1
    assert row.explanation is not None
    other = replace(row.explanation.cam, values=-row.explanation.cam.values)
    turned = replace(failed, explanation=replace(row.explanation, cam=other))
    np.testing.assert_array_equal(
        picture, explained_picture(IMAGE, turned, scale=0.01, style=STYLE)
    )


def test_a_map_that_passed_is_drawn_and_an_untested_one_says_that_it_is(
    row: ExplanationRow,
) -> None:
    assert row.explanation is not None
    pair = draw_pair(IMAGE, row.explanation.cam, scale=0.1, style=STYLE)
    passed, untested = (
        explained_picture(IMAGE, one, scale=0.1, style=STYLE)
        for one in (replace(row, twins=PASSED), row)
    )
    np.testing.assert_array_equal(passed[TISSUE], pair)
    np.testing.assert_array_equal(untested[TISSUE], pair)
    assert (passed[192:].shape != untested[192:].shape) or (passed[192:] != untested[192:]).any()


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


def test_the_same_rows_make_the_same_archive(row: ExplanationRow) -> None:
    pictures = [("000000-p0.png", b"one"), ("000001-p1.png", b"two")]
    assert archive_bytes(pictures, [row]) == archive_bytes(pictures, [row])
