"""The PyTorch engine on the CPU, the reference of all others; and where CUDA's starts."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from core.bundle.card import Architecture, Preprocessing
from core.engine.engine import Details, Engine, Finished, Pending, check_patches
from core.engine.served import serve
from core.errors import RunError
from core.patches import ImageU8


def resolve_device(wish: str) -> torch.device:
    """Return the device for "auto", "cpu" or "cuda".

    Raises:
        RunError: CUDA is asked for and not there.
    """
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    if wish == "cuda" and not torch.cuda.is_available():
        raise RunError(
            "Found no CUDA device; --device cuda needs one. Use --device cpu, or check the driver."
        )
    return torch.device(wish)


class TorchEngine(Engine):
    """A timm network in PyTorch and float32, TensorFloat-32 off, channels last.

    Attributes:
        network: The network; whoever hooks into it holds `lock`, because hooks of one thread
            would otherwise record another thread's pass.
        transform: From patches to its input.
        torch_device: Where both are.
    """

    name = "pytorch"

    def __init__(
        self,
        architecture: Architecture,
        preprocessing: Preprocessing,
        weights: dict[str, torch.Tensor],
        *,
        layers: Sequence[str] = (),
        device: str = "auto",
    ) -> None:
        """Build the network and put it on the device.

        Raises:
            BundleError: Network and weights do not fit.
            RunError: The device is not there.
        """
        self.lock = threading.RLock()
        self.torch_device = resolve_device(device)
        served = serve(architecture, preprocessing, weights, layers)
        served.to(self.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.served = served
        if served.head is not None:
            served.head = served.head.to(self.torch_device)
        self.network = served.network
        self.last_layer = served.last_layer
        self.crop_px = preprocessing.crop_px
        self.transform = served.transform
        if self.torch_device.type == "cuda":
            self.place = f"cuda:{torch.cuda.current_device()}"
            self.device_name = torch.cuda.get_device_name(self.torch_device)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="engine")

    def submit(self, images_rgb_u8: ImageU8) -> Pending:
        """Start on patches in a thread of the engine's own."""
        return self._worker.submit(self._scored, images_rgb_u8).result

    def logits(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return the tumour logits (N,) of patches, computed in the caller's thread."""
        check_patches(images_rgb_u8)
        return self.forward(images_rgb_u8)

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return tumour logits (N,) before temperature."""
        if len(images_rgb_u8) == 0:
            return np.empty(0, np.float32)
        return self._scored(images_rgb_u8).logits

    def _scored(self, images_rgb_u8: ImageU8) -> Finished:
        with self.lock, torch.inference_mode(), full_precision():
            logits, *_, statistics = self.served(self._on_device(images_rgb_u8))
            return Finished(as_array(logits), None if statistics is None else as_array(statistics))

    def details(self, images_rgb_u8: ImageU8) -> Details:
        """Return logits with their evidence and features, of one pass."""
        check_patches(images_rgb_u8)
        with self.lock, torch.inference_mode(), full_precision():
            logits, *others, _ = self.served(self._on_device(images_rgb_u8))
            features, evidence, grad_cams = (
                None if other is None else as_array(other) for other in others
            )
            return Details(as_array(logits), evidence, features, grad_cams)

    def pytorch(self) -> "TorchEngine":
        """Return itself."""
        return self

    def _on_device(self, images_rgb_u8: ImageU8) -> torch.Tensor:
        images = np.ascontiguousarray(images_rgb_u8)
        return torch.from_numpy(images).to(self.torch_device, non_blocking=True)


def as_array(values: torch.Tensor) -> NDArray[np.float32]:
    """Return a tensor's values as float32."""
    return values.float().cpu().numpy()


class full_precision:  # noqa: N801 - reads as a context, like torch.inference_mode
    """Switch TensorFloat-32 off for a pass, and back."""

    def __enter__(self) -> None:
        self._conv = torch.backends.cudnn.allow_tf32
        self._matmul = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        torch.backends.cudnn.allow_tf32 = self._conv
        torch.backends.cuda.matmul.allow_tf32 = self._matmul
