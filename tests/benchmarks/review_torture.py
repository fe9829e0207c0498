"""Kill, cut the power of, crowd and damage review stores, and count what is lost or missed.

`python -m tests.benchmarks.review_torture` runs the full numbers (about five minutes); the
tests run small ones. Writes one JSON object; the exit status is 1 if anything was lost, doubled,
broken or missed.
"""

import argparse
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path

from core.review.record import current_verdicts
from core.review.store import ReviewStore
from core.review.verify import export_log, verify_log, verify_store
from tests.core.review.toys import filled_store, given, toy_case, toy_patch

TASKS = 50
RUNS_PER_STORE = 25


def in_child(work: Callable[[], None]) -> int:
    """Run some work in a forked process and return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def stream_verdicts(path: Path, run: int, acknowledge: Callable[[str], None]) -> None:
    """Write verdicts as fast as the store takes them, telling each once it is acknowledged."""
    store = ReviewStore(path)
    case = toy_case(f"case {run}", patches=tuple(toy_patch(number) for number in range(TASKS)))
    store.append(case, action=f"{run}")
    acknowledge(f"{run}")
    for reader in range(1000):
        for task in range(TASKS):
            token = f"{run}-{reader}-{task}"
            store.append(given(case, f"reader {reader}", task), action=token)
            acknowledge(token)


def kills(folder: Path, count: int, rng: random.Random) -> dict[str, int]:
    """Kill a writing process at random moments; reopen the store each time."""
    acknowledged: set[str] = set()
    lost = broken = total = 0
    for run in range(count):
        path = folder / f"killed-{run // RUNS_PER_STORE}.sqlite"
        if run % RUNS_PER_STORE == 0:
            acknowledged = set()
        reading, writing = os.pipe()
        child = in_child(
            lambda path=path, run=run, end=writing: stream_verdicts(  # type: ignore[misc]
                path, run, lambda token: void(os.write(end, token.encode() + b"\n"))
            )
        )
        os.close(writing)
        time.sleep(rng.uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read().decode().split("\n")[:-1]
        acknowledged.update(told)
        total += len(told)
        store = ReviewStore(path)
        lost += len(acknowledged - store.record().actions.keys())
        broken += not verify_store(path).ok
    return {"kills": count, "acknowledged": total, "lost": lost, "broken": broken}


def void(_: object) -> None:
    """Drop a result."""


def power_cuts(folder: Path, count: int, rng: random.Random, synchronous: str) -> dict[str, int]:
    """Cut the power at a random disk operation; reopen what the disk kept.

    Every second run keeps its connection open, so that what is acknowledged is in the log alone.
    """
    from tests.core.review.power_cut import Disk, DiskVfs, HeldOpen  # noqa: PLC0415 - needs apsw

    lost = broken = total = 0
    for run in range(count):
        disk = Disk(rng)
        vfs = DiskVfs(f"cut-{run}", disk, synchronous)
        connect = HeldOpen(vfs).connect if run % 2 else vfs.connect
        disk.steps_left = rng.randrange(200 if run % 2 else 400)
        path = folder / f"cut-{run}.sqlite"
        acknowledged: list[str] = []
        try:
            store = ReviewStore(path, connect=connect)
            case = toy_case(patches=tuple(toy_patch(number) for number in range(TASKS)))
            store.append(case, action="case")
            acknowledged.append("case")
            for task in range(TASKS):
                store.append(given(case, "Ann", task), action=f"{task}")
                acknowledged.append(f"{task}")
        except Exception as error:
            if disk.steps_left != 0:
                raise AssertionError("something else than the power went") from error
        for name, content in disk.after_the_cut().items():
            (folder / name).write_bytes(content)
        total += len(acknowledged)
        again = ReviewStore(path)
        lost += len(set(acknowledged) - again.record().actions.keys())
        broken += not verify_store(path).ok
        for file in folder.glob(f"cut-{run}.*"):
            file.unlink()
    return {"cuts": count, "acknowledged": total, "lost": lost, "broken": broken}


def crowd(folder: Path, readers: int, verdicts: int) -> dict[str, float]:
    """Let several processes write to one store at once."""
    path = folder / "crowd.sqlite"
    each = verdicts // readers
    case = toy_case(patches=tuple(toy_patch(number) for number in range(each)))
    ReviewStore(path).append(case)

    def read(reader: int) -> None:
        store = ReviewStore(path)
        for task in range(each):
            store.append(given(case, f"reader {reader}", task), action=f"{reader}-{task}")

    start = time.monotonic()
    children = [
        in_child(lambda reader=reader: read(reader))  # type: ignore[misc]
        for reader in range(readers)
    ]
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    seconds = time.monotonic() - start
    record = ReviewStore(path).record()
    standing = current_verdicts(record)
    expected = {f"{reader}-{task}" for reader in range(readers) for task in range(each)}
    extra = record.end.sequence - 2 - len(expected)  # the schema's and the case's own event
    start = time.monotonic()
    unbroken = verify_store(path).ok
    return {
        "readers": readers,
        "verdicts": len(expected),
        "seconds": round(seconds, 2),
        "lost": len(expected - record.actions.keys()) + len(expected) - len(standing),
        "doubled": extra,
        "failed_processes": failed,
        "broken": int(not unbroken),
        "verify_seconds": round(time.monotonic() - start, 2),
        "file_bytes": path.stat().st_size,
    }


def flips(folder: Path, count: int, rng: random.Random) -> dict[str, int]:
    """Change one bit at a time of a store and of its exported log.

    In the store a change is missed if it changed an event; bytes that hold none may differ.
    """
    store = filled_store(folder / "whole.sqlite", 40)
    links = store.links()
    log = folder / "whole.jsonl"
    export_log(log, links)
    changed_store, changed_log = folder / "changed.sqlite", folder / "changed.jsonl"
    missed = 0
    for content in changed(store.path.read_bytes(), count, rng):
        changed_store.write_bytes(content)
        if verify_store(changed_store).ok:
            missed += ReviewStore(changed_store).links() != links
    missed_in_log = 0
    for content in changed(log.read_bytes(), count, rng):
        changed_log.write_bytes(content)
        missed_in_log += verify_log(changed_log).ok
    return {"flips": count, "missed": missed, "missed_in_log": missed_in_log}


def changed(data: bytes, count: int, rng: random.Random) -> Iterator[bytes]:
    """Yield the data with one bit changed, at another place each time."""
    for place in rng.sample(range(len(data)), min(count, len(data))):
        copy = bytearray(data)
        copy[place] ^= 1 << rng.randrange(8)
        yield bytes(copy)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--verdicts", type=int, default=10_000)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--synchronous", default="FULL", help="NORMAL shows that the cuts lose what is not synced"
    )
    asked = parser.parse_args()
    outcome: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.kills:
            outcome["kill -9"] = {**kills(folder, asked.kills, random.Random(asked.seed))}
        if asked.cuts:
            with redirect_stderr(io.StringIO()):  # apsw prints each cut that it cannot raise
                outcome["power cut"] = {
                    **power_cuts(folder, asked.cuts, random.Random(asked.seed), asked.synchronous)
                }
        if asked.verdicts:
            outcome["crowd"] = crowd(folder, asked.readers, asked.verdicts)
        if asked.flips:
            outcome["flips"] = {**flips(folder, asked.flips, random.Random(asked.seed))}
    sys.stdout.write(json.dumps(outcome, indent=2) + "\n")
    bad = ("lost", "doubled", "broken", "missed", "missed_in_log", "failed_processes")
    return int(any(part.get(word, 0) for part in outcome.values() for word in bad))


if __name__ == "__main__":
    sys.exit(main())
