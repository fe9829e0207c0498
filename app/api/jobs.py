"""Routes for jobs: what is too much for one request is scored in the background."""

import asyncio
import json
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from fastapi import APIRouter, File, Form, Header, Query, Request, Response, UploadFile
from fastapi import Path as InPath
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from app.api.problems import documented
from app.api.served import (
    MEDIA_TYPES,
    JobRequest,
    Jobs,
    Kind,
    ResultForm,
    Served,
    Upload,
    caller,
    served,
)
from core.errors import RunError
from core.files import write_json
from core.jobs import Job
from core.jobs.folder import why_unchanged
from core.jobs.runner import State

_REQUEST_FILE: Final = "request.json"
jobs = APIRouter(
    prefix="/api/v1/jobs",
    tags=["jobs"],
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
JobId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$", description="Id of the job, as returned.")]
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


class JobState(BaseModel):
    """A job and how far it is.

    Attributes:
        id: What the other routes take.
        kind: "patches" or "regions".
        name: As it was called.
        created: When, UTC.
        state: "new", "running", "stopped", "done" or "broken".
        done: Inputs with a row.
        total: Inputs in all; 0 while not yet known.
        error: Why it is broken, in words.
        notes: What is to be said of its input as a whole once it is done: tables that were
            mended, red and blue that look swapped; of a slide, what was found and not read.
    """

    id: str
    kind: Kind
    name: str
    created: str
    state: State
    done: int
    total: int
    error: str
    notes: list[str]


class JobStates(BaseModel):
    """The caller's jobs, newest first."""

    jobs: list[JobState]


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
    kind: Annotated[Kind, Form(description="Patches, or the regions of one slide.")] = Kind.PATCHES,
    um_per_px: Annotated[
        float | None,
        Form(
            gt=0,
            le=100,
            description=("Micrometres per pixel, if the slide's file does not state it."),
        ),
    ] = None,
    idempotency_key: Key = None,
) -> JobState:
    """Score files, or a source on the server, in the background: send `files` or `path`."""
    if bool(files) == (path is not None):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "Send either files or a path.")
    service, owner = served(request), caller(request)
    classifier = await service.classifier()
    uploads = [Upload(file.filename or "patches", file.file) for file in files]
    job_request = JobRequest(kind, uploads, path, name, um_per_px, idempotency_key)

    def create() -> JobState:
        jobs = _of_kind(service, kind)
        _require_writable(jobs)
        with service.creating:
            job = _job_for(service, jobs, owner, job_request)
            if jobs.store.progress(job).state == "new":
                jobs.store.start(job, classifier)
        return _state(kind, jobs, job)

    state = await asyncio.to_thread(create)
    response.headers["Location"] = f"/api/v1/jobs/{state.id}"
    return state


@jobs.get("")
def list_jobs(request: Request) -> JobStates:
    """Return the caller's jobs, the newest of each kind first."""
    owner = caller(request)
    return JobStates(
        jobs=[
            _state(kind, jobs, job)
            for kind, jobs in served(request).jobs().items()
            for job in jobs.folder.jobs(owner)
        ]
    )


@jobs.get("/{job_id}", responses=_GONE)
def read_job(request: Request, job_id: JobId) -> JobState:
    """Return how far a job is."""
    return _state(*_own(request, job_id))


@jobs.get(
    "/{job_id}/results",
    responses=_GONE
    | documented(HTTPStatus.CONFLICT)
    | {200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}, "description": "A file"}},
    response_class=Response,
)
def read_results(
    request: Request,
    job_id: JobId,
    form: Annotated[ResultForm, Query(alias="format")] = ResultForm.CSV,
) -> Response:
    """Return the rows of a finished job, or the outlines or cells of a slide, as a file."""
    _, jobs, job = _own(request, job_id)
    state = jobs.store.progress(job)
    if state.state != "done":
        detail = f"The job is {state.state}, {state.done:,} of {state.total:,} parts are done. "
        detail += state.error or "Ask again once it is done."
        raise HTTPException(HTTPStatus.CONFLICT, detail)
    try:
        name, content = jobs.result(job, form)
    except RunError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=disposition)


@jobs.delete(
    "/{job_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=_GONE | documented(HTTPStatus.CONFLICT),
)
def delete_job(request: Request, job_id: JobId) -> None:
    """Stop a job and delete it with its uploads and results."""
    _, jobs, job = _own(request, job_id)
    _require_writable(jobs)
    jobs.store.remove(job)


def _job_for(service: Served, jobs: Jobs, owner: str, job_request: JobRequest) -> Job:
    """Return the job of a request, made unless its key made it before.

    Raises:
        HTTPException: The key was used for something else.
        SourceError: The upload or the path cannot be taken.
    """
    content = job_request.record()
    for job in jobs.folder.jobs(owner) if content else ():
        earlier_request = _request_of(jobs.folder.folder / job.id / _REQUEST_FILE)
        if earlier_request == content:
            return job
        if earlier_request.get("key_sha256") == content["key_sha256"]:
            used = "This Idempotency-Key was used for another request. Use a new one."
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, used)
    settings = service.settings
    place = None if job_request.path is None else settings.server_source(job_request.path)
    if place is None:
        sizes = [_size(upload.file) for upload in job_request.uploads]
        settings.check_upload(sizes)
        jobs.folder.require_room(owner, sum(sizes), quota=settings.quota_bytes)
    made = jobs.add(owner, job_request, place)
    if content:
        write_json(jobs.folder.folder / made.id / _REQUEST_FILE, content, indent=None)
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


def _of_kind(service: Served, kind: Kind) -> Jobs:
    jobs = service.jobs().get(kind)
    if jobs is None:
        lacking = "This installation reads no slides: it lacks the extra `slides`."
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, lacking)
    return jobs


def _require_writable(jobs: Jobs) -> None:
    if not jobs.folder.is_writable:
        raise HTTPException(HTTPStatus.CONFLICT, why_unchanged(jobs.folder.folder.parent))


def _own(request: Request, job_id: str) -> tuple[Kind, Jobs, Job]:
    owner = caller(request)
    for kind, jobs in served(request).jobs().items():
        job = jobs.folder.job(owner, job_id)
        if job is not None:
            return kind, jobs, job
    raise HTTPException(HTTPStatus.NOT_FOUND, "You have no such job. GET /api/v1/jobs lists them.")


def _state(kind: Kind, jobs: Jobs, job: Job) -> JobState:
    progress = jobs.store.progress(job)
    return JobState(
        id=job.id,
        kind=kind,
        name=job.name,
        created=job.created,
        state=progress.state,
        done=progress.done,
        total=progress.total,
        error=progress.error,
        notes=list(jobs.notes(job)) if progress.state == "done" else [],
    )
