"""Routes for jobs: what is too much for one request is scored in the background."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from fastapi import APIRouter, File, Form, Header, Query, Request, Response, UploadFile
from fastapi import Path as InPath
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from app.api.problems import documented
from app.api.served import Served, caller, served
from core.errors import RunError, SourceError
from core.files import replacing
from core.jobs import Job, JobStore
from core.jobs.downloads import Download, download
from core.jobs.folder import ANOTHER_APP
from core.jobs.runner import State
from core.patches.naming import shown_path

_REQUEST_FILE: Final = "request.json"
_BLOCK_BYTES: Final = 1024 * 1024
jobs = APIRouter(
    prefix="/api/v1/jobs",
    tags=["jobs"],
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
JobId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$", description="As the job was told.")]
Key = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern="^[!-~]+$",
        description="The same key and content give the same job, however often they are sent.",
    ),
]
_GONE: Final = documented(HTTPStatus.NOT_FOUND)


class ResultForm(StrEnum):
    """How results come."""

    CSV = "csv"
    PARQUET = "parquet"
    RUN = "run"


_FORMS: Final = {
    ResultForm.CSV: (Download.CSV, "text/csv; charset=utf-8"),
    ResultForm.PARQUET: (Download.PARQUET, "application/vnd.apache.parquet"),
    ResultForm.RUN: (Download.RUN, "application/json"),
}


class JobState(BaseModel):
    """A job and how far it is.

    Attributes:
        id: What the other routes take.
        name: As it was called.
        created: When, UTC.
        state: "new", "running", "stopped", "done" or "broken".
        done: Inputs with a row.
        total: Inputs in all; 0 while not yet known.
        error: Why it is broken, in words.
    """

    id: str
    name: str
    created: str
    state: State
    done: int
    total: int
    error: str


class JobStates(BaseModel):
    """The caller's jobs, newest first."""

    jobs: list[JobState]


@dataclass
class _Upload:
    """An uploaded file as the store of jobs takes it."""

    name: str
    file: BinaryIO

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        return self.file.read(size)


@dataclass(frozen=True)
class _Asked:
    """What a request asks to be scored.

    Attributes:
        uploads: Files that came with it.
        path: Or a source on the server.
        name: What to call the job, "" for the source's name.
        key: Of the request, None if it may make a second job when it is sent again.
    """

    uploads: Sequence[_Upload]
    path: str | None
    name: str
    key: str | None

    @property
    def key_sha256(self) -> str:
        """The key as it is kept."""
        return hashlib.sha256((self.key or "").encode()).hexdigest()

    def fingerprint(self) -> str:
        """Return a hash of all that is asked for."""
        named = [self.path, self.name, [one.name for one in self.uploads]]
        digest = hashlib.sha256(json.dumps(named).encode())
        for upload in self.uploads:
            while block := upload.read(_BLOCK_BYTES):
                digest.update(block)
            digest.update(upload.file.tell().to_bytes(8, "big"))
            upload.file.seek(0)
        return digest.hexdigest()


@jobs.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses=documented(HTTPStatus.CONFLICT),
)
async def create_job(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    response: Response,
    files: Annotated[list[UploadFile], File(description="ZIP files or images.")] = [],  # noqa: B006 - FastAPI copies defaults
    path: Annotated[
        str | None, Form(max_length=4_000, description="A source below an allowed folder.")
    ] = None,
    name: Annotated[str, Form(max_length=200, description="What to call the job.")] = "",
    idempotency_key: Key = None,
) -> JobState:
    """Score files, or a source on the server, in the background: send `files` or `path`."""
    if bool(files) == (path is not None):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "Send either files or a path.")
    service, owner = served(request), caller(request)
    classifier = await service.classifier()
    uploads = [_Upload(file.filename or "patches", file.file) for file in files]
    asked = _Asked(uploads, path, name, idempotency_key)

    def create() -> JobState:
        store = _writable(service)
        with service.creating:
            job = _job_for(service, store, owner, asked)
            if store.progress(job).state == "new":
                store.start(job, classifier)
        return _state(store, job)

    told = await asyncio.to_thread(create)
    response.headers["Location"] = f"/api/v1/jobs/{told.id}"
    return told


@jobs.get("")
def list_jobs(request: Request) -> JobStates:
    """Return the caller's jobs, newest first."""
    store = served(request).jobs()
    return JobStates(jobs=[_state(store, job) for job in store.jobs(caller(request))])


@jobs.get("/{job_id}", responses=_GONE)
def read_job(request: Request, job_id: JobId) -> JobState:
    """Return how far a job is."""
    store = served(request).jobs()
    return _state(store, _own(request, store, job_id))


@jobs.get(
    "/{job_id}/results",
    responses=_GONE
    | documented(HTTPStatus.CONFLICT)
    | {200: {"content": {kind: {} for _, kind in _FORMS.values()}, "description": "A file"}},
    response_class=Response,
)
def read_results(
    request: Request,
    job_id: JobId,
    form: Annotated[ResultForm, Query(alias="format")] = ResultForm.CSV,
) -> Response:
    """Return the rows of a finished job as a file."""
    store = served(request).jobs()
    job = _own(request, store, job_id)
    state = store.progress(job)
    if state.state != "done":
        told = f"The job is {state.state}, {state.done:,} of {state.total:,} inputs have a row. "
        told += state.error or "Ask again once it is done."
        raise HTTPException(HTTPStatus.CONFLICT, told)
    kind, media_type = _FORMS[form]
    try:
        content = download(store, job, kind)
    except RunError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    disposition = f'attachment; filename="{kind.value}"'
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


@jobs.delete(
    "/{job_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=_GONE | documented(HTTPStatus.CONFLICT),
)
def delete_job(request: Request, job_id: JobId) -> None:
    """Stop a job and delete it with its uploads and rows."""
    store = _writable(served(request))
    store.remove(_own(request, store, job_id))


def _job_for(service: Served, store: JobStore, owner: str, asked: _Asked) -> Job:
    """Return the job of a request, made unless its key made it before.

    Raises:
        HTTPException: The key was used for something else.
        SourceError: The upload or the path cannot be taken.
    """
    content = {}
    if asked.key is not None:
        content = {"key_sha256": asked.key_sha256, "asked_sha256": asked.fingerprint()}
    for job in store.jobs(owner) if content else ():
        told = _request_of(store.folder / job.id / _REQUEST_FILE)
        if told == content:
            return job
        if told.get("key_sha256") == content["key_sha256"]:
            used = "This Idempotency-Key was used for another request. Take a new one."
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, used)
    if asked.path is not None:
        place = service.settings.server_source(asked.path)
        made = store.add_server_path(owner, asked.name or place.name, place)
    else:
        sizes = [_size(upload.file) for upload in asked.uploads]
        service.settings.check_upload(sizes)
        store.require_room(owner, sum(sizes), quota=service.settings.quota_bytes)
        name = asked.name or shown_path(asked.uploads[0].name)
        made = store.add_upload(owner, name, asked.uploads)
    if content:
        with replacing(store.folder / made.id / _REQUEST_FILE) as temporary:
            temporary.write_text(json.dumps(content), "utf-8")
    return made


def _request_of(file: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):  # made without a key, or not by this service
        return {}
    return content


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


def _writable(service: Served) -> JobStore:
    store = service.jobs()
    if not store.is_writable:
        raise HTTPException(HTTPStatus.CONFLICT, ANOTHER_APP)
    return store


def _own(request: Request, store: JobStore, job_id: str) -> Job:
    job = store.job(caller(request), job_id)
    if job is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such job of yours.")
    return job


def _state(store: JobStore, job: Job) -> JobState:
    try:
        found = store.progress(job)
    except SourceError as error:
        return JobState(
            id=job.id, name=job.name, created=job.created, state="broken", done=0, total=0,
            error=str(error),
        )  # fmt: skip
    return JobState(
        id=job.id,
        name=job.name,
        created=job.created,
        state=found.state,
        done=found.done,
        total=found.total,
        error=found.error,
    )
