"""Many readers at once: every page is drawn, and nobody is shown another's batch.

By hand, longer: `NODELENS_LOAD_SESSIONS=20 NODELENS_LOAD_S=600 pytest tests/app/test_load.py -s`.
"""

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from app.state.identity import COOKIE
from core.jobs import Job, JobStore
from core.scoring import Classifier
from tests.app.conftest import scored_folder
from tests.browsing import served

SESSIONS = int(os.environ.get("NODELENS_LOAD_SESSIONS", "12"))
SECONDS = float(os.environ.get("NODELENS_LOAD_S", "0"))
"""Every session draws each page once, and then on until so long has passed."""
PAGES = ("batch", "", "threshold", "review", "audit", "batch")
SLOWEST_S = 240
"""Of a page, on a machine that does much else."""


@dataclass
class Reader:
    """One session as a browser has it, without the browser."""

    number: int
    job: Job
    token: str
    seconds: list[float] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    async def read(self, address: str, until: float) -> None:
        """Draw page after page."""
        origin = urlsplit(address)
        headers = {"Cookie": f"{COOKIE}={self.token}"}
        stream = f"ws://{origin.netloc}/_stcore/stream"
        async with connect(
            stream,
            origin=address,  # type: ignore[arg-type]
            additional_headers=headers,
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            open_timeout=SLOWEST_S,
            ping_timeout=None,
        ) as opened:
            done = 0
            while done < len(PAGES) or time.monotonic() < until:
                clock = time.monotonic()
                await self._draw(opened, PAGES[done % len(PAGES)])
                self.seconds.append(time.monotonic() - clock)
                done += 1

    async def _draw(self, opened: ClientConnection, page: str) -> None:
        asked = BackMsg()
        asked.rerun_script.page_name = page
        asked.rerun_script.query_string = f"job={self.job.id}"
        await opened.send(asked.SerializeToString())
        async with asyncio.timeout(SLOWEST_S):
            async for message in opened:
                assert isinstance(message, bytes)
                told = ForwardMsg()
                told.ParseFromString(message)
                if told.WhichOneof("type") == "script_finished":
                    if told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                        return
                elif told.delta.new_element.WhichOneof("type") == "exception":
                    self.faults.append(f"{page}: {told.delta.new_element.exception.message}")
                else:
                    self.drawn.append(str(told.delta))


def test_readers_at_once_see_their_own_batches_and_no_fault(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    store = JobStore(tmp_path / "data" / "jobs")
    readers = []
    for number in range(SESSIONS):
        token = f"{number:02d}" + "t" * 41
        folder = tmp_path / f"only-of-reader-{number:02d}"
        job = scored_folder(store, toy_classifier, folder, owner=token, count=3)
        readers.append(Reader(number, job, token))
    roots = {"NODELENS_SERVER_ROOTS": str(tmp_path)}
    with served(tmp_path / "data", toy_bundle, environment=roots) as address:

        async def all_at_once() -> None:
            until = time.monotonic() + SECONDS
            await asyncio.gather(*(reader.read(address, until) for reader in readers))

        asyncio.run(all_at_once())
    for reader in readers:
        seen = "\n".join(reader.drawn)
        others = [one.job.name for one in readers if one is not reader]
        assert not reader.faults
        assert len(reader.seconds) >= len(PAGES)
        assert reader.job.name in seen
        assert not [name for name in others if name in seen]
    times = np.concatenate([reader.seconds for reader in readers])
    sys.stdout.write(
        f"{SESSIONS} sessions, {len(times)} pages, median {np.median(times):.2f} s, "
        f"95 % within {np.quantile(times, 0.95):.2f} s, slowest {times.max():.2f} s\n"
    )
