import colorsys

import numpy as np
import pytest

from core.audit import MEASURES
from core.audit.measures import measure
from core.patches import ImageU8
from tests.core.audit.reference import measure_plainly
from tests.toys import noise_patches

SHARES = {"ink_share", "saturation_max"}
"""They rest on a saturation that is rounded to 8 bits here and not in the reference."""


@pytest.mark.parametrize("kind", ["drawn", "noise", "edges"])
def test_measures_are_those_of_an_independent_implementation(kind: str, drawn: ImageU8) -> None:
    edges = np.stack([np.full((96, 96, 3), value, np.uint8) for value in (0, 30, 31, 220, 255)])
    images = {"drawn": drawn[:16], "noise": noise_patches(8), "edges": edges}[kind]
    measured = measure(images)
    for image, row in zip(images, measured, strict=True):
        expected = measure_plainly(image)
        assert set(expected) == set(MEASURES)
        for name, value in zip(MEASURES, row.tolist(), strict=True):
            if name.endswith("hue_mean"):
                if expected[f"{name.split('_')[0]}_saturation_mean"] < 0.02:
                    continue  # grey has no hue
                apart = (value - expected[name] + 180) % 360 - 180
                assert abs(apart) < 0.1, name
                continue
            room = 0.02 if name in SHARES else 0.004 if "saturation" in name else 2e-3
            assert value == pytest.approx(expected[name], rel=2e-3, abs=room, nan_ok=True), name


def test_the_hue_of_one_colour_is_that_of_the_standard_library_within_its_circle() -> None:
    image = np.full((1, 96, 96, 3), (180, 90, 170), np.uint8)
    hue = measure(image)[0, MEASURES.index("whole_hue_mean")]
    assert hue == pytest.approx(360 * colorsys.rgb_to_hsv(180, 90, 170)[0], abs=1.13)


def test_a_mark_in_the_centre_changes_the_centre_and_leaves_the_ring() -> None:
    images = np.full((2, 96, 96, 3), 200, np.uint8)
    images[1, 32:64, 32:64] = (90, 40, 120)
    plain, marked = measure(images)
    for place, name in enumerate(MEASURES):
        if name.startswith("ring_"):
            assert marked[place] == pytest.approx(plain[place], abs=2e-3, nan_ok=True)
    place = MEASURES.index("centre_haematoxylin_mean")
    assert marked[place] > plain[place] + 0.3
