"""Inference behind one interface; PyTorch now."""

from typing import TYPE_CHECKING

from core.engine.engine import D4_VIEWS, Engine, d4_views
from core.late_exports import late_exports

if TYPE_CHECKING:
    from core.engine.pytorch import TorchEngine, full_precision, resolve_device
else:
    __getattr__ = late_exports(
        __name__, {"pytorch": ("TorchEngine", "full_precision", "resolve_device")}
    )

__all__ = ["D4_VIEWS", "Engine", "TorchEngine", "d4_views", "full_precision", "resolve_device"]
