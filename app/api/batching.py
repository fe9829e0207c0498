"""Patches of several requests scored as one batch: whoever comes within 5 ms shares a pass."""

import asyncio
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from core.errors import RunError
from core.patches import Patch, UnreadablePatch
from core.scoring import Classifier, ScoreRow

MOST_PATCHES: Final = 32
LONGEST_WAIT_S: Final = 0.005
MOST_WAITING: Final = 4_096
"""Patches that may wait, about 110 MB; whoever comes then is told to come later."""


class BusyError(RunError):
    """More waits than can be taken in."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A patch of a request, the model as it was in force then, and where its row is awaited."""

    item: Patch | UnreadablePatch
    classifier: Classifier
    row: "asyncio.Future[ScoreRow]"


def _decides(one: _Waiting) -> Hashable:
    """Return what decides a row beside the patch; quickly, for each patch is asked."""
    by = one.classifier
    return by.engine, by.operating_point, by.temperature


class Batcher:
    """Collects patches, scores them together and gives each request its own rows."""

    def __init__(self) -> None:
        """Wait for a first request."""
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """End; what waits is given up."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def score(
        self, inputs: Sequence[Patch | UnreadablePatch], classifier: Classifier
    ) -> list[ScoreRow]:
        """Return one row per input, in order.

        Raises:
            BusyError: Too many wait.
        """
        if self._queue.qsize() + len(inputs) > MOST_WAITING:
            raise BusyError("Too many patches wait to be scored. Ask again in a few seconds.")
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._queue = asyncio.Queue()
            self._task = loop.create_task(self._work())
        waiting = [_Waiting(one, classifier, loop.create_future()) for one in inputs]
        for one in waiting:
            self._queue.put_nowait(one)
        return list(await asyncio.gather(*(one.row for one in waiting)))

    async def _work(self) -> None:
        while True:
            batch = await self._collect()
            for _, group in groupby(batch, key=_decides):
                await _score(list(group))

    async def _collect(self) -> list[_Waiting]:
        batch = [await self._queue.get()]
        end = asyncio.get_running_loop().time() + LONGEST_WAIT_S
        while len(batch) < MOST_PATCHES:
            left = end - asyncio.get_running_loop().time()
            try:
                batch.append(await asyncio.wait_for(self._queue.get(), max(left, 0)))
            except TimeoutError:
                break
        return batch


async def _score(batch: list[_Waiting]) -> None:
    inputs = [replace(one.item, index=number) for number, one in enumerate(batch)]
    try:
        rows = await asyncio.to_thread(batch[0].classifier.score, inputs)
    except Exception as error:  # noqa: BLE001 - each request that waits hears of it
        for one in batch:
            if not one.row.done():
                one.row.set_exception(error)
        return
    for one, row in zip(batch, rows, strict=True):
        if not one.row.done():  # its client may be gone
            one.row.set_result(row)
