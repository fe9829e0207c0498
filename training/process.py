"""What a process that trains on the CPU asks of the system, before PyTorch loads."""

import ctypes
import os
import sys
from typing import Final

# Of glibc's mallopt(3).
_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
_LARGEST_INT: Final = 2**31 - 1


def prepare_process() -> None:
    """Set what cannot be set once PyTorch has loaded; what is set already stays.

    A step frees about what the next one asks for. Together, huge pages and memory that is not given
    back in between make a step on the CPU about a tenth faster
    (`tests.benchmarks.training_speed`).
    """
    # Threads that wait must not spin against other programs on the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # PyTorch's own switch: large tensors on the CPU get huge pages where the kernel grants them.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_MMAP_MAX, 0)
            mallopt(_TRIM_THRESHOLD, _LARGEST_INT)
