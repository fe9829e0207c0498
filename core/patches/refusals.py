"""What is said of images that are no patch, or no ordinary one: written once for all formats."""

from typing import Final

from core.errors import Fault, PatchError
from core.patches.patch import PATCH_SIZE_PX, SPACING_UM_PX

_MAGIC: Final = (
    (0, b"GIF8", "a GIF image"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\xff\x10\xff\x50", "a JPEG XS image"),
    (0, b"II\xbc\x01", "a JPEG XR image"),
    (0, b"qoif", "a QOI image"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyphe", "an HEIC image"),
    (4, b"ftypmif1", "an HEIC image"),
    (4, b"ftypmsf1", "an HEIC image"),
    (4, b"ftyp", "a video or an image of another kind"),
    (128, b"DICM", "a DICOM file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"version https://git-lfs", "a pointer of Git LFS to the image (git lfs pull gets it)"),
    (0, b"P5", "a PGM image"),
    (0, b"P6", "a PPM image"),
)
_ZEROS: Final = 32
_SECTOR: Final = bytes(512)
"""What a disk loses at once."""
_TEXT: Final = bytes([9, 10, 13, *range(32, 127)])


def require_patch_size(width: int, height: int) -> None:
    """Raise unless an image has the size of a patch.

    Raises:
        PatchError: It has another.
    """
    if (width, height) != (PATCH_SIZE_PX, PATCH_SIZE_PX):
        raise PatchError(
            f"Patch is {width} × {height} px; this model needs {PATCH_SIZE_PX} × {PATCH_SIZE_PX}. "
            f"Cut patches at {SPACING_UM_PX} µm/px, do not resize them.",
            Fault.WRONG_SIZE,
        )


def too_many_images(count: str) -> PatchError:
    """Return the refusal of a file with more than one image."""
    return PatchError(
        f"The file contains {count} images; a patch file contains 1. Save each image on its own.",
        Fault.WRONG_MODE,
    )


def wrong_depth(reason: str) -> PatchError:
    """Return the refusal of an image of another depth."""
    return PatchError(
        f"{reason}; this model needs 8-bit RGB. Export it as 8-bit RGB.", Fault.WRONG_MODE
    )


def not_read(reason: str, remedy: str = "Export it as TIFF or PNG.") -> PatchError:
    """Return the refusal of an intact file in a form that is not read here."""
    return PatchError(f"{reason}, which cannot be read here. {remedy}", Fault.UNSUPPORTED)


def damaged(detail: str) -> PatchError:
    """Return the refusal of a file whose contents are not what its format demands."""
    return PatchError(f"The image is damaged or cut off ({detail}). Export or copy it again.")


def require_whole(packed: bytes) -> None:
    """Raise if packed pixels end in zeros or hold many: no packer writes such, a lost part does.

    Raises:
        PatchError: They do.
    """
    if packed.endswith(bytes(_ZEROS)):
        raise damaged("its data end in zeros, as after an interrupted copy")
    require_no_hole(packed)


def require_no_hole(packed: bytes) -> None:
    """Raise if packed pixels hold many zeros in a row.

    Raises:
        PatchError: They do.
    """
    if _SECTOR in packed:
        raise damaged("a part of its data is all zeros, as from a failing disk")


def known_kind(data: bytes) -> str:
    """Return what a file is that is intact and not read, by how it begins; "" if not known."""
    kinds = (what for at, magic, what in _MAGIC if data[at : at + len(magic)] == magic)
    return next(kinds, "")


def no_image(data: bytes) -> PatchError:
    """Return the refusal of a file that is none of the images that are read, by what it is."""
    if what := known_kind(data):
        return not_read(f"The file is {what}")
    if not any(data):
        return damaged("it contains only zeros, as after an interrupted copy")
    head = data[:256]
    if head.lstrip()[:1] == b"<":
        return not_read("The file is a web page or other text", "Download the image itself.")
    if not head.translate(None, _TEXT):
        return PatchError(
            "Not a readable image: the file contains text. Download or export the image itself.",
            Fault.NOT_AN_IMAGE,
        )
    return PatchError(
        "Not a readable image: expected TIFF, PNG, JPEG, BMP or WebP content. "
        "Check that the file opens in an image viewer and export it again."
    )
