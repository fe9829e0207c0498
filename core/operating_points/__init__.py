"""Locked operating points: the threshold that was decided, and the evidence it rests on."""

from core.operating_points.record import Decision, LockedPoint
from core.operating_points.store import (
    OperatingPointStore,
    apply_locked_point,
    read_locked_point,
)

__all__ = [
    "Decision",
    "LockedPoint",
    "OperatingPointStore",
    "apply_locked_point",
    "read_locked_point",
]
