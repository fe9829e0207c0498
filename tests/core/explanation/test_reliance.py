from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.engine import Engine
from core.explanation import (
    CentreTest,
    CentreTestSettings,
    Decisive,
    DonorPool,
    FillerKind,
    shipped_donors,
)
from core.explanation.fillers import centre_mask
from core.patches import CENTRE, ImageU8
from core.scoring import Classifier
from tests.toys import ToyEngine, noise_patches


class DarkFinder(ToyEngine):
    """Calls dark patches tumour: looks at the centre or at the ring only, or at both."""

    def __init__(self, centre: float, ring: float) -> None:
        super().__init__()
        self.centre, self.ring = centre, ring

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        dark = (images_rgb_u8.mean(axis=3) < 100).astype(np.float32)
        inside = dark[:, CENTRE, CENTRE].sum(axis=(1, 2)) / 1024
        outside = (dark.sum(axis=(1, 2)) - inside * 1024) / 8192
        return np.asarray(self.centre * inside + self.ring * outside - 3, np.float32)


@pytest.fixture
def pale() -> DonorPool:
    return DonorPool.of(["a", "b"], np.full((2, 96, 96, 3), (230, 170, 200), np.uint8))


def dark_patches(count: int) -> ImageU8:
    return np.full((count, 96, 96, 3), 50, np.uint8)


def run(
    classifier: Classifier, engine: Engine, donors: DonorPool, settings: CentreTestSettings
) -> list[float | Decisive | None]:
    test = CentreTest(replace(classifier, engine=engine), donors=donors, settings=settings)
    (found,) = test.run(dark_patches(1))
    return [found.score, found.ring_score, found.centre_part, found.decisive]


HARD = CentreTestSettings(edge_px=0, blur=False, mean=False)


def test_a_model_of_the_centre_relies_on_it_wholly_and_one_of_the_ring_not_at_all(
    toy_classifier: Classifier, pale: DonorPool
) -> None:
    loss = 1 - np.exp(-9 / 1.5)  # the toy's temperature is 1.5
    assert run(toy_classifier, DarkFinder(9, 0), pale, HARD) == [
        pytest.approx(loss), 0.0, 1.0, Decisive.CENTRE
    ]  # fmt: skip
    assert run(toy_classifier, DarkFinder(0, 9), pale, HARD) == [
        0.0, pytest.approx(loss), 0.0, Decisive.RING
    ]  # fmt: skip


def test_calls_that_hang_on_either_or_on_both_regions_are_told_apart(
    toy_classifier: Classifier, pale: DonorPool
) -> None:
    assert run(toy_classifier, DarkFinder(9, 9), pale, HARD)[2:] == [0.5, Decisive.EITHER]
    assert run(toy_classifier, DarkFinder(2, 2), pale, HARD)[2:] == [0.5, Decisive.TOGETHER]
    assert run(toy_classifier, DarkFinder(0, 0), pale, HARD) == [0, 0, None, Decisive.NO_CALL]


def test_the_rises_of_both_regions_sum_to_what_the_patch_has_above_the_filler(
    toy_classifier: Classifier,
) -> None:
    for reliance in CentreTest(toy_classifier).run(noise_patches(2)):
        for one in reliance.fillers:
            assert one.centre_rise_logit + one.ring_rise_logit == pytest.approx(
                one.logit_original - one.logit_neither
            )


def test_the_score_is_bounded_and_lies_within_the_spread_of_alike_fillers(
    toy_classifier: Classifier,
) -> None:
    for reliance in CentreTest(toy_classifier).run(noise_patches(4)):
        assert [one.kind for one in reliance.fillers] == [
            FillerKind.BLUR,
            FillerKind.MEAN,
            *[FillerKind.DONOR] * 3,
        ]
        assert 0 <= reliance.low <= reliance.high <= 1
        assert 0 <= reliance.score <= 1
        assert reliance.spread >= 0


def test_the_pictures_keep_what_they_say_and_replace_the_rest(toy_classifier: Classifier) -> None:
    (image,) = noise_patches(1)
    test = CentreTest(toy_classifier, settings=CentreTestSettings(edge_px=0))
    pictures = test.counterfactuals(image)
    assert len(pictures) == 5
    for one in pictures:
        inside = np.zeros((96, 96), bool)
        inside[CENTRE, CENTRE] = True
        centre_kept, ring_kept, neither = one.pictures
        np.testing.assert_array_equal(centre_kept[inside], image[inside])
        np.testing.assert_array_equal(centre_kept[~inside], neither[~inside])
        np.testing.assert_array_equal(ring_kept[~inside], image[~inside])
        np.testing.assert_array_equal(ring_kept[inside], neither[inside])


def test_a_soft_edge_changes_only_its_own_width() -> None:
    hard, soft = centre_mask(0.0), centre_mask(4.0)
    assert hard.sum() == 32 * 32
    differs = np.argwhere(hard != soft)
    middle = np.abs(differs - 47.5).max(axis=1)
    assert (np.abs(middle - 16) <= 2).all()
    assert soft.sum() == pytest.approx(1024, rel=0.02)


def test_the_nearest_donor_has_the_nearest_stain_and_is_never_the_patch_itself() -> None:
    rng = np.random.default_rng(0)
    colours = np.array([(200, 100, 160), (120, 60, 140), (210, 140, 180)])
    noise = rng.normal(0, 9, (3, 96, 96, 3))
    images: ImageU8 = np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8)
    pool = DonorPool.of(["pink", "violet", "pale"], images)
    query = np.clip(images[1].astype(int) + 4, 0, 255).astype(np.uint8)
    assert pool.nearest(query, 1)[0].name == "donor violet"
    assert "donor pink" not in [one.name for one in pool.nearest(images[0], 3)]


def test_the_shipped_donors_hold_no_tumour() -> None:
    pool = shipped_donors()
    assert len(pool.ids) >= 3
    assert pool.images_rgb_u8.shape[1:] == (96, 96, 3)
