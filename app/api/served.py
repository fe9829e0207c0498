"""What the routes work with: the model in force, and batches of patches and slides as jobs."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from fastapi import Request
from starlette.exceptions import HTTPException

from app import resources
from app.api.access import CALLER
from app.api.batching import Batcher
from core.errors import NodelensError, SourceError, SpacingError, why
from core.jobs import Job, JobStore
from core.jobs.downloads import Download, download
from core.patches.naming import shown_path
from core.scoring import Classifier
from core.settings import Settings

if TYPE_CHECKING:
    from core.slides.store import SlideStore


class Kind(StrEnum):
    """What a job scores."""

    PATCHES = "patches"
    REGIONS = "regions"


class ResultForm(StrEnum):
    """How results come: CELLS and GEOJSON of slides only, RUN says what was run on what."""

    CSV = "csv"
    PARQUET = "parquet"
    GEOJSON = "geojson"
    CELLS = "cells"
    RUN = "run"


MEDIA_TYPES: Final = {
    ResultForm.CSV: "text/csv; charset=utf-8",
    ResultForm.PARQUET: "application/vnd.apache.parquet",
    ResultForm.GEOJSON: "application/geo+json",
    ResultForm.CELLS: "application/gzip",
    ResultForm.RUN: "application/json",
}
_BLOCK_BYTES: Final = 1024 * 1024
_OF_PATCHES: Final = {
    ResultForm.CSV: Download.CSV,
    ResultForm.PARQUET: Download.PARQUET,
    ResultForm.RUN: Download.RUN,
}
_OF_REGIONS: Final = {
    ResultForm.CSV: "cells.csv",
    ResultForm.PARQUET: "cells.parquet",
    ResultForm.GEOJSON: "regions.geojson",
    ResultForm.CELLS: "cells.geojson.gz",
    ResultForm.RUN: "summary.json",
}


@dataclass
class Upload:
    """An uploaded file as the stores take it."""

    name: str
    file: BinaryIO

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        return self.file.read(size)


@dataclass(frozen=True)
class JobRequest:
    """What a request asks to be scored: files that came with it, or a path on the server.

    The name is "" for the source's own, the spacing for a slide whose file does not say it, the key
    None if a second job may be made when the request is sent again.
    """

    kind: Kind
    uploads: Sequence[Upload]
    path: str | None
    name: str
    um_per_px: float | None
    key: str | None

    def record(self) -> dict[str, str]:
        """Return hashes of the key and of all that is asked for; nothing without a key."""
        if self.key is None:
            return {}
        files = [one.name for one in self.uploads]
        named = [self.kind, self.path, self.name, self.um_per_px, files]
        digest = hashlib.sha256(json.dumps(named).encode())
        for upload in self.uploads:
            while block := upload.read(_BLOCK_BYTES):
                digest.update(block)
            digest.update(upload.file.tell().to_bytes(8, "big"))
            upload.file.seek(0)
        key_sha256 = hashlib.sha256(self.key.encode()).hexdigest()
        return {"key_sha256": key_sha256, "asked_sha256": digest.hexdigest()}


class PatchJobs:
    """Batches of patches, as the batch page has them."""

    def __init__(self, store: JobStore) -> None:
        """Keep them in a store."""
        self.store = self.folder = store

    def add(self, owner: str, job_request: JobRequest, place: Path | None) -> Job:
        """Return a new batch of a caller, of a place on the server or else of what was uploaded.

        Raises:
            SourceError: It cannot be one.
        """
        if place is not None:
            return self.folder.add_server_path(owner, job_request.name or place.name, place)
        name = job_request.name or shown_path(job_request.uploads[0].name)
        return self.folder.add_upload(owner, name, job_request.uploads)

    def notes(self, job: Job) -> Sequence[str]:
        """Return what is to be said of a finished job's input as a whole."""
        return self.folder.run_notes(job)

    def result(self, job: Job, form: ResultForm) -> tuple[str, bytes]:
        """Return a file's name and content; SourceError if there is none in this form."""
        if form not in _OF_PATCHES:
            raise SourceError("Patches have no place on a slide. Ask for csv, parquet or run.")
        return _OF_PATCHES[form].value, download(self.folder, job, _OF_PATCHES[form])


class RegionJobs:
    """Slides, as the page of slides has them."""

    def __init__(self, store: "SlideStore") -> None:
        """Keep them in a store."""
        self.store, self.folder = store, store.jobs

    def add(self, owner: str, job_request: JobRequest, place: Path | None) -> Job:
        """Return a new slide, see `PatchJobs.add`."""
        from core.slides.store import SlideChoices  # noqa: PLC0415 - needs the extra `slides`

        if place is not None:
            job = self.folder.add_server_path(owner, job_request.name or place.name, place)
        elif len(job_request.uploads) == 1:
            job = self.store.add_upload(owner, job_request.uploads[0])
        else:
            raise SourceError(
                f"Found {len(job_request.uploads)} files; a job of regions has one slide."
            )
        try:
            self.store.choose(job, SlideChoices(um_per_px=job_request.um_per_px))
            self.store.open(job).close()  # what is wrong with it is said at once
        except SpacingError as error:
            self.store.remove(job)
            raise SourceError(
                f"{error.fault} Send its micrometres per pixel as um_per_px if you know them."
            ) from None
        except BaseException:
            self.store.remove(job)
            raise
        return job

    def notes(self, job: Job) -> Sequence[str]:
        """Return what was found in words: how many cells are flagged, and what was not read."""
        return [self.store.summary(job)["in_words"]]

    def result(self, job: Job, form: ResultForm) -> tuple[str, bytes]:
        """Return a file's name and content."""
        name = _OF_REGIONS[form]
        return name, (self.store.result(job) / name).read_bytes()


Jobs = PatchJobs | RegionJobs


@dataclass(eq=False)
class Served:
    """One service, with the jobs of the pages: opened once for both.

    Attributes:
        settings: What the operator decided.
        current: Gives the model in force; its first call may take seconds.
        batcher: Where patches of requests come together.
        explaining: Held while patches are explained: a map changes hooks of the one network.
        creating: Held while a job is made, so that a key never makes two.
    """

    settings: Settings
    current: Callable[[], Classifier]
    batcher: Batcher = field(default_factory=Batcher)
    explaining: threading.Lock = field(default_factory=threading.Lock)
    creating: threading.Lock = field(default_factory=threading.Lock)

    def jobs(self) -> Mapping[Kind, Jobs]:
        """Return the jobs of each kind; of slides only with the extra `slides`."""
        kinds: dict[Kind, Jobs] = {Kind.PATCHES: PatchJobs(resources.job_store(self.settings))}
        with suppress(ImportError):
            kinds[Kind.REGIONS] = RegionJobs(resources.slide_store(self.settings))
        return kinds

    async def classifier(self) -> Classifier:
        """Return the model in force.

        Raises:
            HTTPException: There is no usable one, or the lock in force was damaged.
        """
        try:
            return await asyncio.to_thread(self.current)
        except NodelensError as error:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
        except OSError as error:
            detail = f"The data folder cannot be used: {why(error)}. Tell whoever runs NodeLens."
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail) from None


def served(request: Request) -> Served:
    """Return what a request works with."""
    service: Served = request.app.state.served
    return service


def caller(request: Request) -> str:
    """Return the secret that owns a caller's jobs."""
    return str(request.scope[CALLER])
