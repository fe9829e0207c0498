"""Inference behind one interface; PyTorch now."""

from core.engine.engine import D4_VIEWS, Engine, d4_views
from core.engine.pytorch import TorchEngine, full_precision, resolve_device

__all__ = ["D4_VIEWS", "Engine", "TorchEngine", "d4_views", "full_precision", "resolve_device"]
