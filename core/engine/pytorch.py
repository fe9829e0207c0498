"""The PyTorch engine: CPU or CUDA, float32, channels last."""

import threading

import numpy as np
import torch
from numpy.typing import NDArray

from core.bundle.card import Architecture, Preprocessing
from core.bundle.network import InputTransform, build_network, load_weights, tumour_logit
from core.engine.engine import Engine
from core.errors import RunError
from core.patches import ImageU8


def resolve_device(wish: str) -> torch.device:
    """Return the device for "auto", "cpu" or "cuda".

    Raises:
        RunError: CUDA is asked for and not there.
    """
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    if wish.startswith("cuda") and not torch.cuda.is_available():
        raise RunError(
            "Found no CUDA device; --device cuda needs one. Use --device cpu, or check the driver."
        )
    return torch.device(wish)


class TorchEngine(Engine):
    """A timm network in PyTorch.

    Float32 everywhere (TensorFloat-32 off): the golden patches then agree between devices, and a
    96-px network is limited by reading files long before it is by arithmetic.
    """

    def __init__(
        self,
        architecture: Architecture,
        preprocessing: Preprocessing,
        weights: dict[str, torch.Tensor],
        *,
        device: str = "auto",
    ) -> None:
        """Build the network and put it on the device.

        Raises:
            BundleError: Network and weights do not fit.
            RunError: The device is not there.
        """
        self.lock = threading.RLock()
        self.torch_device = resolve_device(device)
        self.network = build_network(architecture)
        load_weights(self.network, weights)
        self.network.requires_grad_(requires_grad=False)
        self.network.to(self.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.transform = InputTransform(preprocessing).to(self.torch_device)
        self.device = (
            f"{self.torch_device.type}:{torch.cuda.current_device()} "
            f"{torch.cuda.get_device_name(self.torch_device)}"
            if self.torch_device.type == "cuda"
            else "cpu"
        )

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return tumour logits (N,) before temperature."""
        with torch.inference_mode(), full_precision():
            images = torch.from_numpy(images_rgb_u8).to(self.torch_device, non_blocking=True)
            logits = tumour_logit(self.network(self.transform(images)))
            return logits.float().cpu().numpy()


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
