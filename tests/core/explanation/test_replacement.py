from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import RunError
from core.explanation import DonorPool, Explainer, MapState, Method, Target
from core.explanation.cam import LEAST_AGREEMENT
from core.explanation.replacement import ReplacementMaps, agreement
from core.explanation.rows import ExplanationRow
from core.patches import ImageU8
from core.scoring import Classifier
from tests.core.explanation.conftest import patch_of
from tests.toys import ToyEngine, noise_patches


class DarkSquare(ToyEngine):
    """The logit is the dark part of one of the nine squares, times 9."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self._place = (slice(32 * row, 32 * row + 32), slice(32 * column, 32 * column + 32))

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        dark = (images_rgb_u8.mean(axis=3) < 100).astype(np.float32)
        return np.asarray(9 * dark[:, *self._place].mean(axis=(1, 2)), np.float32)


@pytest.fixture
def pale() -> DonorPool:
    return DonorPool.of(["a", "b"], np.full((2, 96, 96, 3), (230, 170, 200), np.uint8))


@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 1)])
def test_the_map_is_high_where_the_model_looks_and_nowhere_else(
    toy_classifier: Classifier, pale: DonorPool, place: tuple[int, int]
) -> None:
    seeing = replace(toy_classifier, engine=DarkSquare(*place))
    dark = np.full((1, 96, 96, 3), 50, np.uint8)
    maps, logits, agreed = ReplacementMaps(seeing, pale).maps(dark)
    expected = np.zeros((3, 3))
    expected[place] = 9
    np.testing.assert_allclose(maps[0], expected, atol=1.3)  # the seam is 4 px wide
    assert logits[0] == 9
    assert agreed[0] == pytest.approx(1, abs=1e-6)


def test_random_maps_seldom_agree_enough_to_be_shown() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(4_000, 3, 3, 3)).astype(np.float32)
    passed = np.mean([agreement(maps) >= LEAST_AGREEMENT for maps in drawn])
    assert passed <= 0.02
    assert agreement(np.ones((3, 3, 3), np.float32)) == 0  # flat maps agree on nothing


def test_a_measured_map_is_shown_only_if_its_donors_agree(toy_classifier: Classifier) -> None:
    images = noise_patches(6)
    explainer = Explainer(toy_classifier, method=Method.REPLACEMENT)
    rows = [
        ExplanationRow(score, explanation)
        for score, explanation in zip(
            toy_classifier.score([patch_of(n, image) for n, image in enumerate(images)]),
            explainer.explain(images),
            strict=True,
        )
    ]
    for row in rows:
        assert row.explanation is not None
        cam = row.explanation.cam
        assert cam.agreement is not None
        fine = cam.agreement >= 0.5 and np.abs(cam.values).max() >= 0.05
        assert row.map_state is (MapState.RELIABLE if fine else MapState.UNRELIABLE)


def test_evidence_against_is_evidence_for_turned_round(toy_classifier: Classifier) -> None:
    images = noise_patches(1)
    both = [
        Explainer(toy_classifier, method=Method.REPLACEMENT, target=target).maps(images)
        for target in Target
    ]
    np.testing.assert_array_equal(both[0].values, -both[1].values)
    assert both[0].agreements == both[1].agreements


def test_replacing_needs_donors_that_can_disagree_and_no_layer(
    toy_classifier: Classifier, pale: DonorPool
) -> None:
    one = DonorPool.of(["a"], pale.images_rgb_u8[:1])
    with pytest.raises(RunError, match="at least 2"):
        Explainer(toy_classifier, method=Method.REPLACEMENT, donors=one)
    with pytest.raises(RunError, match="not at the layer"):
        Explainer(toy_classifier, method=Method.REPLACEMENT, layer="blocks.2")
