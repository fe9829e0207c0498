import numpy as np
from PIL import Image, ImageFilter

from core.patches import ImageU8
from core.review.quality import image_quality, poor_quality
from tests.toys import noise_patches


def tissue(number: int) -> ImageU8:
    """Return a sharp, pink patch without glass."""
    grain = noise_patches(1, seed=number)[0] // 4
    pink: ImageU8 = (grain + np.array([150, 60, 130], np.uint8)).astype(np.uint8)
    return pink


def ranked(worse: ImageU8) -> dict[str, float]:
    found = {str(number): image_quality(tissue(number)) for number in range(9)}
    return poor_quality(found | {"worse": image_quality(worse)})


def test_the_blurred_the_empty_and_the_pale_are_the_worst_of_their_batch() -> None:
    blurred = np.asarray(Image.fromarray(tissue(3)).filter(ImageFilter.GaussianBlur(4)))
    empty = tissue(4).copy()
    empty[:60] = 240
    pale = (tissue(5) // 8 + 170).astype(np.uint8)
    for worse in (blurred, empty, pale):
        found = ranked(worse)
        assert found["worse"] == max(found.values()) == 0.95  # of ten, half of itself left out
        assert sum(rank == 0.95 for rank in found.values()) <= 3  # the worst of each measure


def test_alike_patches_share_their_rank() -> None:
    found = poor_quality({name: image_quality(tissue(1)) for name in "abcd"})
    assert found == dict.fromkeys("abcd", 0.5)


def test_glass_alone_is_told_by_the_tissue_and_not_by_the_stain() -> None:
    glass = image_quality(np.full((96, 96, 3), 245, np.uint8))
    assert (glass.tissue, glass.stain, glass.sharpness) == (0.0, 1.0, 0.0)
    assert poor_quality({}) == {}
