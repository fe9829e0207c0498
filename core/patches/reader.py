"""Foreign files read in a process of their own, which may crash, hang or fill up alone."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from queue import LifoQueue
from typing import Any, Final

import numpy as np

from core.errors import Fault, PatchError, SourceError
from core.patches.decoding import MAX_PATCH_BYTES, decode_patch, decode_plain
from core.patches.patch import PATCH_SIZE_PX, DecodedImage, ImageU8
from core.patches.refusals import damaged

_ROOT: Final = Path(__file__).resolve().parents[2]
_SHAPE: Final = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
DECODING_S: Final = 2.0
"""Of the processor's time, for one image; the largest real one takes a hundredth."""
HDF5_S: Final = 10.0
_PATIENCE: Final = 30.0
"""Seconds on the clock for each of the processor's: the machine may be busy."""


class ReaderEndedError(Exception):
    """The process ended before it answered: it crashed, or took too long or too much memory."""


class Reader:
    """A process that reads foreign files, started at the first request and again when it ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None

    def ask(
        self, what: str, data: bytes = b"", *, seconds: float, **header: object
    ) -> tuple[dict[str, Any], bytes]:
        """Return the answer to one request; one at a time.

        Args:
            what: "decode", "open" or "rows"; see `core.patches.reader_process`.
            data: To decode.
            seconds: Of the processor's time that it may take.
            header: Further values of the request.

        Raises:
            PatchError: The input was refused.
            SourceError: The file was refused.
            ReaderEndedError: The process did not outlive the request.
        """
        request = message({"do": what, "seconds": seconds, **header}, data)
        with self._lock:
            process = self._running()
            watch = threading.Timer(seconds * _PATIENCE, process.kill)
            watch.start()
            try:
                reply, payload = _exchange(process, request)
            except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
                self._stop()  # what is still in the pipe answers no other request
                raise ReaderEndedError from None
            finally:
                watch.cancel()
        if "refused" in reply:
            raise PatchError(str(reply["refused"]), Fault(str(reply["kind"])))
        if "closed" in reply:
            raise SourceError(str(reply["closed"]))
        if "failed" in reply:
            raise damaged(str(reply["failed"]))
        return reply, payload

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.patches.reader_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
                env=os.environ | quiet | {"PYTHONPATH": str(_ROOT)},
            )
            self._end = weakref.finalize(self, _ended, self._process)
        return self._process

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()


def message(header: Mapping[str, object], data: bytes) -> bytes:
    """Return a line of JSON with its number of further bytes, and those."""
    return json.dumps({**header, "bytes": len(data)}).encode() + b"\n" + data


def _exchange(process: "subprocess.Popen[bytes]", request: bytes) -> tuple[dict[str, Any], bytes]:
    if process.stdin is None or process.stdout is None:  # pragma: no cover - both are pipes
        raise ValueError
    process.stdin.write(request)
    process.stdin.flush()
    reply: dict[str, Any] = json.loads(process.stdout.readline())
    data = process.stdout.read(reply["bytes"])
    if len(data) < reply["bytes"]:
        raise ValueError("cut off")
    return reply, data


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was still to be written has no reader
                pipe.close()


READERS: Final = max(2, min(8, (os.cpu_count() or 2) // 2))
"""As many as threads that read ahead; the last one used is the first used again."""
_READERS: "Final[LifoQueue[Reader]]" = LifoQueue()
for _reader in range(READERS):
    _READERS.put(Reader())


def read_image(data: bytes) -> DecodedImage:
    """Return the pixels of one image file; see `decode_patch`, which another process runs.

    An uncompressed TIFF whose header says exactly that is read here: there is nothing to decode.

    Raises:
        PatchError: See `decode_patch`; or reading it crashed, or took too long or too much memory.
    """
    plain = decode_plain(data)
    if plain is not None:
        return plain
    if not 0 < len(data) <= MAX_PATCH_BYTES:
        return decode_patch(data)  # which says so
    reader = _READERS.get()
    try:
        reply, pixels = reader.ask("decode", data, seconds=DECODING_S)
    except ReaderEndedError:
        raise PatchError(
            f"Reading the image took more than {DECODING_S:g} seconds or too much memory. Export "
            "it again as an ordinary TIFF or PNG."
        ) from None
    finally:
        _READERS.put(reader)
    image: ImageU8 = np.frombuffer(pixels, np.uint8).reshape(_SHAPE).copy()
    return DecodedImage(image, str(reply["note"]))
