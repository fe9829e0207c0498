import numpy as np
import pytest

from core.explanation import D4Views, score_views
from core.scoring import Classifier
from tests.toys import noise_patches


def test_the_eight_scores_are_those_of_the_engine_with_their_spread(
    toy_classifier: Classifier,
) -> None:
    images = noise_patches(3)
    expected = toy_classifier.engine.d4_logits(images)
    for views, eight in zip(score_views(toy_classifier, images), expected, strict=True):
        np.testing.assert_array_equal(views.logits, eight)
        assert views.mean_logit == pytest.approx(eight.mean())
        assert views.sd_logit == pytest.approx(eight.std(), abs=1e-6)


def test_flips_count_the_orientations_that_are_called_otherwise_than_the_given_one() -> None:
    prob = np.array([0.6, 0.4, 0.5, 0.9, 0.1, 0.6, 0.6, 0.6])
    views = D4Views(np.zeros(8, np.float32), prob, threshold=0.5)
    assert views.flips == 2
    assert views.calls.tolist() == [True, False, True, True, False, True, True, True]
