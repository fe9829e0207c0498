"""The two kinds of job behind the routes: batches of patches, and slides scored cell by cell."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from core.errors import SourceError, SpacingError
from core.jobs import Job, JobStore
from core.jobs.downloads import Download, download
from core.jobs.folder import JobFolder
from core.jobs.runner import State
from core.patches.naming import shown_path
from core.scoring import Classifier

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
class Work:
    """What a job is to score.

    Attributes:
        owner: The caller's secret.
        name: What to call it, "" for the source's name.
        uploads: Files that came with the request.
        place: Or a source on the server that was allowed.
        um_per_px: Spacing of a slide, where its file does not say it.
    """

    owner: str
    name: str
    uploads: Sequence[Upload]
    place: Path | None
    um_per_px: float | None


@dataclass(frozen=True)
class Progress:
    """How far a job is; as in `JobState`."""

    state: State
    done: int
    total: int
    error: str
    notes: Sequence[str] = ()


class Jobs(ABC):
    """The jobs of one kind, kept in a store."""

    folder: JobFolder
    _store: "JobStore | SlideStore"

    @abstractmethod
    def add(self, work: Work) -> Job:
        """Return a new job; SourceError if it cannot be one."""

    def start(self, job: Job, classifier: Classifier) -> None:
        """Have it scored in the background."""
        self._store.start(job, classifier)

    def progress(self, job: Job) -> Progress:
        """Return how far it is."""
        found = self._store.progress(job)
        return Progress(found.state, found.done, found.total, found.error)

    @abstractmethod
    def result(self, job: Job, form: ResultForm) -> tuple[str, bytes]:
        """Return a file's name and content; SourceError if there is none in this form."""

    def remove(self, job: Job) -> None:
        """Stop and delete it."""
        self._store.remove(job)


class PatchJobs(Jobs):
    """Batches of patches, as the batch page has them."""

    def __init__(self, store: JobStore) -> None:
        """Keep them in a store."""
        self._store = self.folder = store

    def add(self, work: Work) -> Job:
        """Return a new batch."""
        if work.place is not None:
            name = work.name or work.place.name
            return self.folder.add_server_path(work.owner, name, work.place)
        name = work.name or shown_path(work.uploads[0].name)
        return self.folder.add_upload(work.owner, name, work.uploads)

    def progress(self, job: Job) -> Progress:
        """Return how far it is; of a finished batch also what is to be said of its input."""
        found = super().progress(job)
        run = self.folder.read_run(job) if found.state == "done" else None
        return replace(found, notes=(run or {}).get("notes", ()))

    def result(self, job: Job, form: ResultForm) -> tuple[str, bytes]:
        """Return a file's name and content."""
        if form not in _OF_PATCHES:
            raise SourceError("Patches have no place on a slide. Ask for csv, parquet or run.")
        return _OF_PATCHES[form].value, download(self.folder, job, _OF_PATCHES[form])


class RegionJobs(Jobs):
    """Slides, as the page of slides has them."""

    _store: "SlideStore"

    def __init__(self, store: "SlideStore") -> None:
        """Keep them in a store."""
        self._store, self.folder = store, store.jobs

    def add(self, work: Work) -> Job:
        """Return a new slide."""
        from core.slides.store import SlideChoices  # noqa: PLC0415 - needs the extra `slides`

        if work.place is not None:
            name = work.name or work.place.name
            job = self.folder.add_server_path(work.owner, name, work.place)
        elif len(work.uploads) == 1:
            job = self._store.add_upload(work.owner, work.uploads[0])
        else:
            raise SourceError(f"Found {len(work.uploads)} files; a job of regions has one slide.")
        try:
            self._store.choose(job, SlideChoices(um_per_px=work.um_per_px))
            self._store.open(job).close()  # what is wrong with it is said at once
        except SpacingError as error:
            self._store.remove(job)
            raise SourceError(
                f"{error.found} Send its micrometres per pixel as um_per_px if you know them."
            ) from None
        except BaseException:
            self._store.remove(job)
            raise
        return job

    def result(self, job: Job, form: ResultForm) -> tuple[str, bytes]:
        """Return a file's name and content."""
        name = _OF_REGIONS[form]
        return name, (self._store.result(job) / name).read_bytes()


def of_stores(jobs: JobStore, slides: "SlideStore | None") -> Mapping[Kind, Jobs]:
    """Return the kinds of job that an installation takes; slides only with the extra `slides`."""
    found: dict[Kind, Jobs] = {Kind.PATCHES: PatchJobs(jobs)}
    if slides is not None:
        found[Kind.REGIONS] = RegionJobs(slides)
    return found
