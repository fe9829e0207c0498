import numpy as np
import pytest
from numpy.typing import NDArray

from core.explanation import CamMap, Method, Target, measure_centre


def cam(values: NDArray[np.float64], span_px: tuple[int, int] = (0, 96)) -> CamMap:
    return CamMap(values.astype(np.float32), Method.CAM, "last", Target.TUMOUR, span_px)


@pytest.mark.parametrize("side", [3, 4, 5, 6, 7, 12, 96])
def test_an_even_map_has_a_ninth_in_the_centre_whatever_its_grid(side: int) -> None:
    centre = measure_centre(cam(np.ones((side, side))))
    assert centre.share == pytest.approx(1 / 9)
    assert centre.expected_share == pytest.approx(1 / 9)


def test_a_model_that_sees_a_crop_expects_more_in_the_centre() -> None:
    assert measure_centre(cam(np.ones((4, 4)), (16, 80))).expected_share == pytest.approx(0.25)


@pytest.mark.parametrize("side", [3, 5, 6, 8])
def test_the_share_equals_that_of_the_map_drawn_in_pixels(side: int) -> None:
    values = np.random.default_rng(side).normal(size=(side, side))
    scale = 480 // side
    drawn = np.maximum(values, 0).repeat(scale, 0).repeat(scale, 1)
    inside = drawn[160:320, 160:320].sum() / drawn.sum()
    assert measure_centre(cam(values)).share == pytest.approx(inside, abs=1e-6)


def test_the_pointing_game_is_hit_only_by_a_peak_in_the_centre() -> None:
    values = np.zeros((3, 3))
    values[1, 1] = 2
    assert measure_centre(cam(values)).peak_in_centre is True
    values[0, 1] = 2
    assert measure_centre(cam(values)).peak_in_centre is False


def test_a_map_without_positive_values_has_no_share_and_no_peak() -> None:
    centre = measure_centre(cam(np.full((3, 3), -1.0)))
    assert (centre.share, centre.peak_in_centre) == (None, None)
    assert (centre.evidence_for, centre.evidence_against) == (0.0, -9.0)
    assert (centre.evidence_centre, centre.evidence_ring) == (-1.0, -8.0)


def test_the_evidence_of_both_regions_sums_to_that_of_both_signs() -> None:
    centre = measure_centre(cam(np.random.default_rng(0).normal(size=(5, 7))))
    assert centre.evidence_centre + centre.evidence_ring == pytest.approx(
        centre.evidence_for + centre.evidence_against
    )
