"""SQLite's write-ahead log, read as bytes: which frames are whole, and which belong to a commit.

Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. The checksum is a running one
over 32-bit words, in which no change of a single byte can cancel out.
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC: Final = {0x377F0682: "<u4", 0x377F0683: ">u4"}
_WORD: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Frame:
    """A page's content as of some commit.

    Attributes:
        page: Page number, from 1.
        pages_after: Size of the database in pages if this frame ends a commit, else 0.
        content: The page.
    """

    page: int
    pages_after: int
    content: bytes


@dataclass(frozen=True, slots=True)
class WriteAheadLog:
    """What a log file holds.

    Attributes:
        frames: Whole frames up to the last commit.
        commits: How many commits they make up.
        problem: Why the file does not end there, "" if it does.
    """

    frames: tuple[Frame, ...]
    commits: int
    problem: str


def read_wal(data: bytes, page_bytes: int) -> WriteAheadLog:
    """Return the frames of a log, of which only whole commits count, as SQLite counts them."""
    if not data:
        return WriteAheadLog((), 0, "")
    if len(data) < _HEADER.size:
        return WriteAheadLog((), 0, "the write-ahead log ends within its header")
    magic, version, size, _, salt_1, salt_2, *stated = _HEADER.unpack_from(data)
    order = _MAGIC.get(magic)
    if order is None or version != 3_007_000 or size != page_bytes:
        return WriteAheadLog((), 0, "the header of the write-ahead log is not one")
    running = _checksum(data[:24], order, (0, 0))
    if running != tuple(stated):
        return WriteAheadLog((), 0, "the header of the write-ahead log fails its checksum")
    frames: list[Frame] = []
    whole = commits = 0
    problem = ""
    step = _FRAME.size + page_bytes
    for start in range(_HEADER.size, len(data), step):
        frame = data[start : start + step]
        number = len(frames) + 1
        if len(frame) < step:
            problem = f"the write-ahead log ends within frame {number}"
            break
        page, pages_after, frame_salt_1, frame_salt_2, *stated = _FRAME.unpack_from(frame)
        running = _checksum(frame[:8] + frame[_FRAME.size :], order, running)
        if (frame_salt_1, frame_salt_2) != (salt_1, salt_2) or running != tuple(stated):
            problem = f"frame {number} of the write-ahead log fails its checksum"
            break
        frames.append(Frame(page, pages_after, frame[_FRAME.size :]))
        if pages_after:
            whole, commits = len(frames), commits + 1
    if not problem and whole < len(frames):
        problem = "the write-ahead log ends within a transaction"
    return WriteAheadLog(tuple(frames[:whole]), commits, problem)


def _checksum(data: bytes, order: str, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    words = np.frombuffer(data, dtype=order).tolist()
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first, second
