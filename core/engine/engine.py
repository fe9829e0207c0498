"""What every inference engine offers: patches in, tumour logits out, safe from many threads."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import RunError
from core.patches import PATCH_SIZE_PX, ImageU8
from core.patches.patch import ORIENTATIONS, turn

if TYPE_CHECKING:
    from core.engine.pytorch import TorchEngine

D4_VIEWS: Final = ORIENTATIONS
FAST_TOLERANCE_LOGIT: Final = 0.4
"""Bfloat16 keeps 8 bits of a factor; measured on the shipped model's golden patches: 0.15."""


class Precision(StrEnum):
    """EXACT computes in float32; FAST in 16 bits where the device has them.

    EXACT gives the calls of PyTorch in float32. FAST moves logits by some hundredths; what that
    changes on the validation patches is what `python -m training measure` writes into the card.
    """

    EXACT = "exact"
    FAST = "fast"


@dataclass(frozen=True)
class Layer:
    """A layer whose output can be weighed into a map.

    Attributes:
        name: As in `network.named_modules()`.
        grid: Rows and columns of its map.
        channels: Channels of its map.
    """

    name: str
    grid: tuple[int, int]
    channels: int


@dataclass(frozen=True, eq=False)
class Details:
    """What one pass knows of patches beside their logits.

    Attributes:
        logits: (N,) float32 before temperature, the very values of `Engine.logits`.
        evidence: (N, h, w) float32; the share of each cell of the last map in the logit: a map
            and the head's bias sum to the logit. None where the network has no such closed form.
        features: (N, F) float32 what the last layer reads; None where timm names none.
        grad_cams: (N, 1 + T, h, w) float32; Grad-CAM of the last map, raw and signed, for
            the network and then for its T control heads. None where `Engine.last_layer` is.
    """

    logits: NDArray[np.float32]
    evidence: NDArray[np.float32] | None
    features: NDArray[np.float32] | None
    grad_cams: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Finished:
    """What a pass for scores gave.

    Attributes:
        logits: (N,) float32 before temperature.
        statistics: (N, F) what `core.bundle.domain` compares; None where nothing is.
    """

    logits: NDArray[np.float32]
    statistics: NDArray[np.float32] | None = None


Pending = Callable[[], Finished]
"""Waits for a pass that an engine works on; may be called more than once."""


class Engine(ABC):
    """A network ready to score.

    Attributes:
        name: Of the engine ("openvino", "pytorch", "cuda").
        precision: EXACT, or FAST where that is what it computes in.
        offers_fast: Whether FAST is another arithmetic here.
        arithmetic: The precision in words ("float32", "bfloat16").
        place: Where it runs ("cpu", "cuda:0").
        device_name: What the maker calls that ("NVIDIA H200"); "" for a processor.
        batch_size: Patches in one `submit` that keep it busy.
        tolerance_logit: Largest difference from float32 on the golden patches that its precision
            explains; the card's own tolerance holds for EXACT.
        lock: Held while a pass is started.
        last_layer: The last layer that has a map, where `details` give its Grad-CAM in closed
            form; None for networks that do more than average and weigh it.
        crop_px: The network sees the centre of this size alone; None where it sees the patch.
    """

    name: str
    precision: Precision = Precision.EXACT
    offers_fast: bool = False
    arithmetic: str = "float32"
    place: str = "cpu"
    device_name: str = ""
    batch_size: int = 32
    tolerance_logit: float = 0.0
    lock: threading.RLock
    last_layer: Layer | None = None
    crop_px: int | None = None

    @abstractmethod
    def submit(self, images_rgb_u8: ImageU8) -> Pending:
        """Start on patches (N, 96, 96, 3) and return at once, or when there is room again.

        Several may be under way; the logit of a patch does not depend on the others.
        """

    @abstractmethod
    def details(self, images_rgb_u8: ImageU8) -> Details:
        """Return logits with their evidence and features, of one pass."""

    @abstractmethod
    def pytorch(self) -> "TorchEngine":
        """Return the same network in PyTorch and float32, for whoever looks into its layers."""

    def exact(self) -> "Engine | None":
        """Return this network in float32, itself where it is; None where that takes `pytorch`."""
        return self if self.precision is Precision.EXACT else None

    def logits(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return the tumour logits (N,) of patches (N, 96, 96, 3), float32 before temperature.

        Raises:
            RunError: These are no patches.
        """
        check_patches(images_rgb_u8)
        if len(images_rgb_u8) == 0:
            return np.empty(0, np.float32)
        return self.submit(images_rgb_u8)().logits

    def d4_logits(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return the logits of the eight orientations, (N, 8) float32, the given one first."""
        check_patches(images_rgb_u8)
        views = d4_views(images_rgb_u8)
        return self.logits(np.concatenate(views)).reshape(D4_VIEWS, -1).T

    @property
    def device(self) -> str:
        """Where it runs, in words: "cpu", "cuda:0 NVIDIA H200"."""
        return f"{self.place} {self.device_name}".rstrip()

    @property
    def description(self) -> str:
        """Engine, arithmetic and device in one line."""
        return f"{self.name}, {self.arithmetic}, {self.device}"


def d4_views(images_rgb_u8: ImageU8) -> list[ImageU8]:
    """Return the eight orientations of square images (N, H, H, C): 4 rotations, 4 of the mirror."""
    return [np.ascontiguousarray(turn(images_rgb_u8, view)) for view in range(D4_VIEWS)]


def in_passes(
    images_rgb_u8: ImageU8, ask: Callable[[ImageU8], NDArray[np.float32]], size: int = 128
) -> NDArray[np.float32]:
    """Return what a network is asked of patches (N, 96, 96, 3), so many at a time, (N, ...)."""
    parts = [ask(images_rgb_u8[at : at + size]) for at in range(0, len(images_rgb_u8), size)]
    return np.concatenate(parts)


def check_patches(images_rgb_u8: ImageU8) -> None:
    """Raise unless these are patches.

    Raises:
        RunError: The shape is not (N, 96, 96, 3) or the type not uint8.
    """
    expected = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
    if images_rgb_u8.shape[1:] != expected or images_rgb_u8.dtype != np.uint8:
        raise RunError(
            f"Found an array {images_rgb_u8.shape} {images_rgb_u8.dtype}; "
            "expected (N, 96, 96, 3) uint8."
        )
