"""Locked operating points: the threshold that was decided, and the evidence it rests on."""

from core.operating_points.record import Decision, LockedPoint
from core.operating_points.store import (
    SHIPPED,
    OperatingPointStore,
    apply_locked_point,
    read_locked_point,
)

__all__ = [
    "SHIPPED",
    "Decision",
    "LockedPoint",
    "OperatingPointStore",
    "apply_locked_point",
    "read_locked_point",
]
