from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.patches.plain import plain_tiff
from tests.toys import noise_patches


def test_a_plain_tiff_reads_as_the_decoder_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    Image.fromarray(noise_patches(1)[0]).save(file)
    pixels = plain_tiff(file.read_bytes())
    assert pixels is not None
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(file)))


@pytest.mark.parametrize(
    ("size", "mode", "options"),
    [
        (96, "RGB", {"compression": "tiff_lzw"}),
        (96, "RGBA", {}),
        (96, "L", {}),
        (128, "RGB", {}),
        (96, "RGB", {"tiffinfo": {274: 3}}),
    ],
)
def test_any_other_tiff_is_left_to_the_decoder(
    tmp_path: Path, size: int, mode: str, options: dict[str, object]
) -> None:
    file = tmp_path / "a.tif"
    Image.new(mode, (size, size)).save(file, "TIFF", **options)
    assert plain_tiff(file.read_bytes()) is None


def test_a_cut_or_garbled_tiff_is_never_read_as_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    Image.fromarray(noise_patches(1)[0]).save(file)
    data = file.read_bytes()
    assert all(plain_tiff(data[:length]) is None for length in (0, 7, 200, 9_000, len(data) - 1))
    rng = np.random.default_rng(0)
    for _ in range(300):
        garbled = bytearray(data)
        for place in rng.integers(0, 200, 3):
            garbled[place] = rng.integers(256)
        found = plain_tiff(bytes(garbled))
        assert found is None or found.shape == (96, 96, 3)
