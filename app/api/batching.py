"""Patches of several requests scored as one batch: whoever comes within 5 ms shares a pass."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from core.patches import Patch, UnreadablePatch
from core.scoring import Classifier, ScoreRow

MOST_PATCHES: Final = 32
LONGEST_WAIT_S: Final = 0.005

_Waiting = tuple[Patch | UnreadablePatch, "asyncio.Future[ScoreRow]"]


class Batcher:
    """Collects patches, scores them together and gives each request its own rows."""

    def __init__(self, classifier: Classifier) -> None:
        """Prepare for a model; `start` begins."""
        self._classifier = classifier
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin scoring what comes, in the running event loop."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End; what waits is given up."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def score(self, inputs: Sequence[Patch | UnreadablePatch]) -> list[ScoreRow]:
        """Return one row per input, in order."""
        loop = asyncio.get_running_loop()
        waiting = [(one, loop.create_future()) for one in inputs]
        for pair in waiting:
            self._queue.put_nowait(pair)
        return list(await asyncio.gather(*(future for _, future in waiting)))

    async def _work(self) -> None:
        while True:
            batch = await self._collect()
            inputs = [replace(one, index=number) for number, (one, _) in enumerate(batch)]
            try:
                rows = await asyncio.to_thread(self._classifier.score, inputs)
            except Exception as error:  # noqa: BLE001 - each request that waits hears of it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), row in zip(batch, rows, strict=True):
                if not future.done():  # its client may be gone
                    future.set_result(row)

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
