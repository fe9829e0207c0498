"""What a process that trains on the CPU asks of the system, before PyTorch loads."""

import os


def prepare_process() -> None:
    """Set what PyTorch reads once, when it loads; what the environment says already stays.

    Keeping freed memory as well (mallopt) made a step a twentieth faster, but `ours_lite0_192` then
    took 0.8 GB more.
    """
    # Threads that wait must not spin against other programs on the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # PyTorch's own switch: large tensors on the CPU get huge pages where the kernel grants them.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
