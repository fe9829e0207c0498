"""Inference behind one interface: OpenVINO on the processor, CUDA, PyTorch where neither is."""

from typing import TYPE_CHECKING

from core.engine.choice import EngineKind, open_engine
from core.engine.engine import (
    D4_VIEWS,
    Details,
    Engine,
    Finished,
    Pending,
    Precision,
    check_patches,
    d4_views,
)
from core.late_exports import late_exports

if TYPE_CHECKING:
    from core.engine.pytorch import TorchEngine, full_precision, resolve_device
else:
    __getattr__ = late_exports(
        __name__, {"pytorch": ("TorchEngine", "full_precision", "resolve_device")}
    )

__all__ = [
    "D4_VIEWS",
    "Details",
    "Engine",
    "EngineKind",
    "Finished",
    "Pending",
    "Precision",
    "TorchEngine",
    "check_patches",
    "d4_views",
    "full_precision",
    "open_engine",
    "resolve_device",
]
