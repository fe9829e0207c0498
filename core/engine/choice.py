"""Which engine a bundle gets on this machine."""

import sys
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from core.bundle.bundle import Bundle
from core.engine.engine import Engine, Precision
from core.engine.graphs import converted_graph, forget_graph, shipped_graph
from core.errors import RunError

if TYPE_CHECKING:
    import torch

    from core.bundle.card import Architecture, Preprocessing
    from core.engine.pytorch import TorchEngine


class EngineKind(StrEnum):
    """AUTO is CUDA where there is a GPU, else OpenVINO, else PyTorch on the CPU."""

    AUTO = "auto"
    OPENVINO = "openvino"
    PYTORCH = "pytorch"


def open_engine(
    bundle: Bundle,
    *,
    device: str = "auto",
    precision: Precision = Precision.EXACT,
    kind: EngineKind = EngineKind.AUTO,
    graphs: Path,
) -> Engine:
    """Return a bundle on the best engine that this machine has.

    Args:
        bundle: The model.
        device: "auto", "cpu" or "cuda".
        precision: FAST is a wish: an engine without it computes EXACT, and says so.
        kind: Of the engine.
        graphs: Where converted networks are kept.

    Raises:
        BundleError: Network and weights do not fit.
        RunError: Device or engine are asked for and not there.
    """
    if device == "cuda" or (device == "auto" and kind is EngineKind.AUTO and _has_cuda()):
        from core.engine.cuda import CudaEngine  # noqa: PLC0415 - loads PyTorch

        return CudaEngine(*_parts(bundle), layers=bundle.card.domain_layers, precision=precision)
    if kind is EngineKind.PYTORCH:
        return _pytorch(bundle)
    try:
        return _openvino(bundle, precision, graphs)
    except (ImportError, RunError, OSError) as error:
        if kind is EngineKind.OPENVINO:
            raise RunError(f"{error} Use --engine pytorch.") from None
        return _pytorch(bundle)


def _has_cuda() -> bool:
    """Return whether PyTorch finds a GPU; without the driver's device PyTorch is not asked."""
    drivers = ("C:/Windows/System32/nvcuda.dll", "/dev/nvidiactl", "/dev/dxg")
    if "torch" not in sys.modules and not any(Path(one).exists() for one in drivers):
        return False
    import torch  # noqa: PLC0415 - where there is no GPU, it is not needed

    return torch.cuda.is_available()


def _openvino(bundle: Bundle, precision: Precision, graphs: Path) -> Engine:
    if find_spec("openvino") is None:
        raise ImportError("OpenVINO is not installed.")
    from core.engine.openvino_cpu import OpenVinoEngine  # noqa: PLC0415

    def opened(graph: Path) -> OpenVinoEngine:
        return OpenVinoEngine(
            graph,
            precision=precision,
            crop_px=bundle.card.preprocessing.crop_px,
            pytorch=lambda: _pytorch(bundle),
        )

    try:
        return opened(shipped_graph(bundle) or converted_graph(bundle, graphs))
    except RunError:
        forget_graph(bundle, graphs)  # damaged on disk; the next attempt makes it anew
        return opened(converted_graph(bundle, graphs))


def _pytorch(bundle: Bundle) -> "TorchEngine":
    from core.engine.pytorch import TorchEngine  # noqa: PLC0415 - loads PyTorch

    layers = bundle.card.domain_layers
    return TorchEngine(*_parts(bundle), layers=layers, device="cpu")


def _parts(bundle: Bundle) -> "tuple[Architecture, Preprocessing, dict[str, torch.Tensor]]":
    return bundle.card.architecture, bundle.card.preprocessing, bundle.weights
