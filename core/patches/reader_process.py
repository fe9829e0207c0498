"""The process that reads foreign images and HDF5 files: what it is sent, decoded, or a refusal.

It runs as `python -m core.patches.reader_process`, started by `core.patches.reader`. Libraries
that read foreign files crash on some of them; here that costs one file and not the program. The
process may take little memory and little time, writes no file, and ends with its parent.

A message is a line of JSON that tells how many bytes follow, and those; both ways.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from core.errors import PatchError, SourceError, in_a_line
from core.patches.decoding import decode_patch
from core.patches.hdf5_file import Hdf5File
from core.patches.reader import message

_MORE_BYTES: Final = 1024 * 1024 * 1024
_PAUSE_S: Final = 1
"""The clock of the processor's time has whole seconds."""

Reply = tuple[dict[str, Any], bytes]


class _Requests:
    """What the process can be asked."""

    def __init__(self) -> None:
        self.file: Hdf5File | None = None

    def decode(self, _: dict[str, Any], data: bytes) -> Reply:
        """Pixels of one image file."""
        patch_image = decode_patch(data)
        return {"note": patch_image.note}, patch_image.image_rgb_u8.tobytes()

    def open(self, header: dict[str, Any], _: bytes) -> Reply:
        """Open an HDF5 file; how many patches it holds, its labels if there are any, what else."""
        file = self.file = Hdf5File(Path(header["path"]), header["images"])
        others = file.others(header["images"], header["wanted"])
        labels = file.labels(header["wanted"])
        return {"rows": file.rows, "labels": labels, "others": others}, b""

    def rows(self, header: dict[str, Any], _: bytes) -> Reply:
        """Pixels of some rows of the open file."""
        if self.file is None:
            raise SourceError("No file is open.")
        return {}, self.file.images(header["start"], header["stop"]).tobytes()


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until there are no more."""
    requests = _Requests()
    while line := source.readline():
        header: dict[str, Any] = json.loads(line)
        data = source.read(header["bytes"])
        answer: Callable[[dict[str, Any], bytes], Reply] = getattr(requests, header["do"])
        _limit_time(header["seconds"])
        try:
            reply, payload = answer(header, data)
        except PatchError as error:
            reply, payload = {"refused": str(error), "kind": str(error.kind)}, b""
        except SourceError as error:
            reply, payload = {"closed": str(error)}, b""
        except Exception as error:  # noqa: BLE001 - a foreign file fails in any way
            reply, payload = {"failed": in_a_line(error)}, b""
        sink.write(message(reply, payload))
        sink.flush()


def _limit_memory() -> None:
    """Little more memory than the process has now, no file, no core dump; as far as known here."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on Windows

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + _MORE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _limit_time(seconds: float) -> None:
    """End the process once it has used so much more of the processor's time."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(time.process_time() + seconds) + _PAUSE_S
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def main() -> None:
    """Answer on what was the standard output; what a library prints there goes nowhere."""
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    np.empty(0)  # loaded before memory is limited
    _limit_memory()
    serve(sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
