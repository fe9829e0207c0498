"""`python -m training`."""

import os
import sys

# Before PyTorch loads: threads that wait must not spin against other programs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training.commands import main

if __name__ == "__main__":
    sys.exit(main())
