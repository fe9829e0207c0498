"""Bytes of one image file in, 96 x 96 RGB pixels out, or a clear refusal; never a silent squash."""

import io
import struct
import warnings
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.errors import Fault, PatchError
from core.patches.patch import PATCH_SIZE_PX, SPACING_UM_PX, DecodedImage
from core.patches.plain import plain_tiff

PATCH_SUFFIXES: Final = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp"})
MAX_PATCH_BYTES: Final = 8 * 1024 * 1024
"""A 96 x 96 RGB patch is about 28 kB uncompressed; anything near this limit is something else."""

_FORMATS: Final = ("TIFF", "PNG", "JPEG", "BMP", "WEBP")
_TIFF_BITS_PER_SAMPLE: Final = 258
_PNG_BIT_DEPTH_OFFSET: Final = 24


def decode_patch(data: bytes) -> DecodedImage:
    """Return the pixels of one image file.

    8-bit RGB passes unchanged. Grey, palette and fully opaque RGBA images hold the same colours
    as their RGB form, so they are converted and the note says so. The header is checked before
    any pixel is decoded, so a decompression bomb costs nothing.

    Args:
        data: The whole file, TIFF, PNG, JPEG, BMP or WebP, whatever its name says.

    Returns:
        Pixels (96, 96, 3) uint8 and the conversion note.

    Raises:
        PatchError: The file is no such image, damaged, animated, of another size or depth, or
            cannot become RGB without loss.
    """
    if not data:
        raise PatchError("The file is empty (0 bytes). Export or copy it again.")
    if len(data) > MAX_PATCH_BYTES:
        raise PatchError(
            f"The file has {len(data) / 2**20:.1f} MiB; a patch has at most "
            f"{MAX_PATCH_BYTES // 2**20} MiB. Whole slides must be cut into 96 × 96 patches first."
        )
    plain = plain_tiff(data)
    if plain is not None:
        return DecodedImage(plain, "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata of a foreign file is no news to anyone
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check_header(image, data)
                return _to_rgb(image)
    except PatchError:
        raise
    except UnidentifiedImageError:
        raise PatchError(
            "Not a readable image: expected TIFF, PNG, JPEG, BMP or WebP content. "
            "Check that the file opens in an image viewer and export it again."
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, IndexError) as error:
        raise PatchError(_damaged(error)) from None
    except (KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        # Decoders of hostile files fail in these ways too.
        raise PatchError(_damaged(error)) from None
    except Image.DecompressionBombError as error:
        raise PatchError(_damaged(error)) from None


def _damaged(error: BaseException) -> str:
    detail = " ".join(str(error).split())[:120]
    return (
        f"The image is damaged or cut off ({detail or type(error).__name__}). "
        "Export or copy it again."
    )


def _check_header(image: Image.Image, data: bytes) -> None:
    width, height = image.size
    if (width, height) != (PATCH_SIZE_PX, PATCH_SIZE_PX):
        raise PatchError(
            f"Patch is {width} × {height} px; this model judges {PATCH_SIZE_PX} × {PATCH_SIZE_PX}. "
            f"Cut patches at {SPACING_UM_PX} µm/px, do not resize them.",
            Fault.WRONG_SIZE,
        )
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        raise PatchError(
            f"The file holds {frames} images; a patch file holds 1. Save each image on its own.",
            Fault.WRONG_MODE,
        )
    bits = _bits_per_sample(image, data)
    if bits > 8:
        raise PatchError(
            f"The image has {bits} bits per channel; this model judges 8-bit RGB. "
            "Export it as 8-bit RGB.",
            Fault.WRONG_MODE,
        )


def _bits_per_sample(image: Image.Image, data: bytes) -> int:
    """Bits per channel as the file says; Pillow cuts 16-bit colour to 8 without a word."""
    if image.format == "PNG":
        return data[_PNG_BIT_DEPTH_OFFSET]
    if image.format == "TIFF":
        bits = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
        return int(max(bits)) if isinstance(bits, tuple) else int(bits)
    return 8


def _to_rgb(image: Image.Image) -> DecodedImage:
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return DecodedImage(np.array(image, dtype=np.uint8), "")
    if mode in {"1", "L"} and "transparency" not in image.info:
        return DecodedImage(_pixels(image), "grey image repeated in the three colour channels")
    if mode in {"RGBA", "LA", "PA", "RGBX"} or (
        mode in {"P", "RGB", "L", "1"} and "transparency" in image.info
    ):
        rgba = np.array(image.convert("RGBA"), dtype=np.uint8)
        if mode != "RGBX" and rgba[..., 3].min() != 255:
            raise PatchError(
                "The image has transparent pixels, whose colour is not defined; this model judges "
                "8-bit RGB. Export it without an alpha channel.",
                Fault.WRONG_MODE,
            )
        note = f"{mode} image without transparent pixels, alpha channel dropped"
        return DecodedImage(np.ascontiguousarray(rgba[..., :3]), note)
    if mode == "P":
        return DecodedImage(_pixels(image), "palette image expanded to RGB")
    raise PatchError(
        f"The image is in colour mode {mode}; this model judges 8-bit RGB, and the conversion "
        "would change its colours. Export it as 8-bit RGB.",
        Fault.WRONG_MODE,
    )


def _pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array(image.convert("RGB"), dtype=np.uint8)
