"""What is said of images that are no patch, or no ordinary one: written once for all formats."""

from core.errors import Fault, PatchError
from core.patches.patch import PATCH_SIZE_PX, SPACING_UM_PX


def require_patch_size(width: int, height: int) -> None:
    """Raise unless an image has the size of a patch.

    Raises:
        PatchError: It has another.
    """
    if (width, height) != (PATCH_SIZE_PX, PATCH_SIZE_PX):
        raise PatchError(
            f"Patch is {width} × {height} px; this model judges {PATCH_SIZE_PX} × {PATCH_SIZE_PX}. "
            f"Cut patches at {SPACING_UM_PX} µm/px, do not resize them.",
            Fault.WRONG_SIZE,
        )


def too_many_images(count: str) -> PatchError:
    """Return the refusal of a file with more than one image."""
    return PatchError(
        f"The file holds {count} images; a patch file holds 1. Save each image on its own.",
        Fault.WRONG_MODE,
    )


def wrong_depth(found: str) -> PatchError:
    """Return the refusal of an image of another depth."""
    return PatchError(
        f"{found}; this model judges 8-bit RGB. Export it as 8-bit RGB.", Fault.WRONG_MODE
    )


def not_read(found: str, remedy: str = "Export it as TIFF or PNG.") -> PatchError:
    """Return the refusal of an intact file in a form that is not read here."""
    return PatchError(f"{found}, which is not read here. {remedy}", Fault.UNSUPPORTED)


def damaged(detail: str) -> PatchError:
    """Return the refusal of a file whose contents are not what its format demands."""
    return PatchError(f"The image is damaged or cut off ({detail}). Export or copy it again.")
