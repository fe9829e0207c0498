"""What a patch shows: one flat colour, or tissue, and where; of a slide see `core.slides`."""

from typing import Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from core.patches.patch import ImageU8, Patch, UnreadablePatch
from core.patches.refusals import wrong_depth

FLAT_SD: Final = 0.5
"""Grey levels; a patch whose every channel varies less holds one colour and no picture."""
_STEP: Final = 8
GLASS_FROM: Final = 215
"""Mean of red, green and blue, 0..255, from which a pixel is glass or fat."""
BLACK_TO: Final = 30
"""Greatest of the three up to which a pixel is ink, a fold or the rim of the scan."""
_PICTURE_SD: Final = 5
"""Grey levels; what varies less may be glass, of which some channel is 255 in every pixel."""
_PALE: Final = 170
"""Mean of green, 0..255, from which a patch may be over-exposed."""
_CHANNELS: Final = ("red", "green", "blue")


def are_flat(images_rgb_u8: ImageU8) -> NDArray[np.bool_]:
    """Return which patches (N, H, W, 3) hold one flat colour: every channel's SD below 0.5, (N,).

    Two pixels of a channel that differ by d give its variance at least d² / 2 HW; where a few
    pixels tell that much apart, the rest need no look.
    """
    count, height, width, channels = images_rgb_u8.shape
    some = images_rgb_u8[:, ::_STEP, ::_STEP].reshape(count, -1, channels)
    spread = np.ptp(some, axis=1).max(axis=1).astype(np.float64)
    flat: NDArray[np.bool_] = spread**2 / (2 * height * width) < FLAT_SD**2
    for number in np.flatnonzero(flat):
        flat[number] = images_rgb_u8[number].std(axis=(0, 1)).max() < FLAT_SD
    return flat


def pixel_note(image_rgb_u8: ImageU8) -> str:
    """Return what the pixels of a patch (H, W, 3) say of the way it was stored, "" if nothing.

    Raises:
        PatchError: A channel is missing, or there are only two values.
    """
    notes = (_without_colour(image_rgb_u8), _cut_off(image_rgb_u8))
    return "; ".join(filter(None, notes))


def _without_colour(image: ImageU8) -> str:
    """Say that a picture has no colour; a flat one has no picture, one of two greys no depth."""
    for row in (image[:1], image):  # the first row spares the others in all but such images
        grey = (row[..., 0] == row[..., 1]).all() and (row[..., 1] == row[..., 2]).all()
        same = np.ptp(row, axis=(0, 1)) == 0
        if not (grey or same.any()):
            return ""
    if image.std(axis=(0, 1)).max() < (1 if grey else _PICTURE_SD):
        return ""
    if not grey:
        channel = int(same.argmax())
        _, green, blue = image.mean(axis=(0, 1))
        # H&E has more blue than green, where alpha in front would have made green of its red.
        if image[0, 0, channel] == 255 and blue >= green >= _PALE:
            return f"the {_CHANNELS[channel]} channel is 255 in every pixel, as if over-exposed"
        raise wrong_depth(
            f"The {_CHANNELS[channel]} channel is {image[0, 0, channel]} in every pixel, as where "
            "the channels have another order or one is missing"
        )
    if len(np.unique(image[..., 0])) == 2:
        raise wrong_depth("The image has only two values, as with 1 bit per pixel")
    return "grey image, without any colour"


def _cut_off(image_rgb_u8: ImageU8) -> str:
    """Say that the first or last rows are all zeros."""
    for rows in (image_rgb_u8[-_STEP:], image_rgb_u8[:_STEP]):
        if not rows[-1].any() and not rows.any() and image_rgb_u8.any():
            return "its first or last rows are pure black, as in a partly copied file"
    return ""


def can_be_judged(item: Patch | UnreadablePatch) -> TypeGuard[Patch]:
    """Return whether an input is scored; a flat patch is withheld, an unreadable one failed."""
    return isinstance(item, Patch) and not are_flat(item.image_rgb_u8[None]).item()


def tissue_mask(image_rgb_u8: ImageU8) -> NDArray[np.bool_]:
    """Return where a patch (H, W, 3) shows tissue, (H, W): neither glass or fat, nor black."""
    total = image_rgb_u8.sum(axis=2, dtype=np.uint16)
    mask: NDArray[np.bool_] = (total < 3 * GLASS_FROM) & (image_rgb_u8.max(axis=2) > BLACK_TO)
    return mask
