import base64
import io

import numpy as np
from PIL import Image

from core import pictures
from core.patches import CENTRE
from tests.toys import noise_patches


def pixels(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image)


def test_enlarging_keeps_every_pixel_as_it_is() -> None:
    (patch,) = noise_patches(1)
    large = pixels(pictures.enlarged_png(patch, scale=7))
    assert large.shape == (672, 672, 3)
    np.testing.assert_array_equal(large[3::7, 3::7][: CENTRE.start - 1], patch[: CENTRE.start - 1])


def test_the_outline_hides_no_pixel_of_the_centre_and_shows_on_any_colour() -> None:
    for grey in (0, 255):
        patch = np.full((96, 96, 3), grey, np.uint8)
        large = pixels(pictures.enlarged_png(patch, scale=7))
        inside = slice(CENTRE.start * 7, CENTRE.stop * 7)
        assert (large[inside, inside] == grey).all()
        changed = (large != grey).any(axis=2)
        assert changed.any()
        assert not changed[: 32 * 7 - 7].any()


def test_a_thumbnail_is_a_small_png() -> None:
    (patch,) = noise_patches(1)
    head, data = pictures.thumbnail_uri(patch).split(",")
    assert head == "data:image/png;base64"
    assert pixels(base64.b64decode(data)).shape == (64, 64, 3)
