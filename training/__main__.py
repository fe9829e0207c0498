"""`python -m training`."""

import sys

from training.process import prepare_process

prepare_process()

from training.commands import main

if __name__ == "__main__":
    sys.exit(main())
