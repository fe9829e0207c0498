from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.patches.decoding import decode_plain
from tests.toys import noise_patches


def test_a_plain_tiff_reads_as_the_decoder_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    Image.fromarray(noise_patches(1)[0]).save(file)
    pixels = decode_plain(file.read_bytes())
    assert pixels is not None
    np.testing.assert_array_equal(pixels.image_rgb_u8, np.asarray(Image.open(file)))


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
    assert decode_plain(file.read_bytes()) is None


def test_a_cut_or_garbled_tiff_is_never_read_as_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    Image.fromarray(noise_patches(1)[0]).save(file)
    data = file.read_bytes()
    assert all(decode_plain(data[:length]) is None for length in (0, 7, 200, 9_000, len(data) - 1))
    rng = np.random.default_rng(0)
    for _ in range(300):
        garbled = bytearray(data)
        for place in rng.integers(0, 200, 3):
            garbled[place] = rng.integers(256)
        found = decode_plain(bytes(garbled))
        assert found is None or found.image_rgb_u8.shape == (96, 96, 3)
