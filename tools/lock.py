"""Write the lock files: `python -m tools.lock`, which needs uv and the network."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PINNED: Final = Path("requirements.txt")
WHOLE: Final = Path("requirements.lock")
CPU: Final = Path("requirements-cpu.lock")
_PYTHON: Final = "3.11"
_TO_BUILD: Final = "wheel"
"""grad-cam comes as source: without a network it can be built only with what builds it."""
_OF_CUDA: Final = re.compile(r"(torch|torchvision|triton|nvidia-|cuda-)")
_WHOLE_HEAD: Final = """\
# The pinned set with all it needs, each file by its hash: pip install --require-hashes -r requirements.lock
# Then, for this project itself: pip install --no-deps -e .
# Made by `make lock`.
"""  # noqa: E501 - a command on one line
_CPU_HEAD: Final = """\
# As requirements.lock, for machines without a GPU: PyTorch's CPU build, and no CUDA libraries (4 GB).
# uv pip install --torch-backend cpu --require-hashes -r requirements-cpu.lock; uv pip install --no-deps -e .
# Made by `make lock`.
"""  # noqa: E501 - a command on one line
_CPU_REST_HEAD: Final = """\
# As requirements.lock, for machines without a GPU: without PyTorch and the CUDA libraries (4 GB).
# First install torch and torchvision of the versions in requirements.txt from PyTorch's CPU index,
# then: pip install --no-deps --require-hashes -r requirements-cpu.lock; pip install --no-deps -e .
# Made by `make lock` where that index cannot be asked; where it can, the CPU build is locked too.
"""


def main() -> int:
    """Compile the pinned set and write both files."""
    pinned = [line for line in PINNED.read_text("utf-8").splitlines() if not line.startswith("-e")]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "requirements.in")
        source.write_text("\n".join([*pinned, _TO_BUILD]) + "\n", "utf-8")
        text = _compiled(source)
        WHOLE.write_text(_WHOLE_HEAD + text, "utf-8")
        try:
            CPU.write_text(_CPU_HEAD + _compiled(source, ["--torch-backend", "cpu"]), "utf-8")
        except subprocess.CalledProcessError:
            CPU.write_text(_CPU_REST_HEAD + without_cuda(text), "utf-8")
    return 0


def _compiled(source: Path, further: Sequence[str] = ()) -> str:
    locked = source.with_name("locked.txt")
    options = ["--generate-hashes", "--no-annotate", "--no-header", "--universal", *further]
    subprocess.run(  # noqa: S603 - our own files
        ["uv", "pip", "compile", source, *options, "--python-version", _PYTHON, "-o", locked],  # noqa: S607 - whichever uv is used here
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return locked.read_text("utf-8")


def without_cuda(text: str) -> str:
    """Return a compiled lock without PyTorch and what only its CUDA build needs."""
    blocks = re.split(r"\n(?=[a-z])", text.rstrip("\n"))
    return "\n".join(block for block in blocks if not _OF_CUDA.match(block)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
