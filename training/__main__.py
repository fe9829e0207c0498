"""`python -m training`."""

import os
import sys

# Both before PyTorch loads: threads that wait must not spin against other programs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# PyTorch's own switch: large tensors on the CPU get huge pages where the kernel grants them.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

from training.commands import main

if __name__ == "__main__":
    sys.exit(main())
