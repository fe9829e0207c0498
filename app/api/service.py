"""The routes: score, model, operating points, and whether the service is well."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, File, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from app.api.access import PROBLEM_JSON, Access, Gate, problem
from app.api.batching import Batcher
from core.errors import NodelensError, PatchError
from core.patches import Patch, PatchEntry, UnreadablePatch, decode_patch, stem
from core.patches.naming import shown_path
from core.scoring import Classifier, apply_locked_point, open_classifier
from core.settings import Settings
from core.thresholds import OperatingPointStore

MOST_FILES: Final = 64
Files = Annotated[list[UploadFile], File(min_length=1, max_length=MOST_FILES)]
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    int(status): {"description": status.phrase, "content": {PROBLEM_JSON: {}}}
    for status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
}


class Scores(BaseModel):
    """What scoring returns: the rows of `python -m core score`, one per file, in order."""

    model_id: str
    operating_point: str
    threshold: float
    rows: list[dict[str, Any]]


def create_api(
    open_model: Callable[[], Classifier] | None = None, access: Access | None = None
) -> FastAPI:
    """Return the service.

    Args:
        open_model: Opens the model when the service starts; None takes this installation's.
        access: Who may ask; None means what the environment says.

    Raises:
        SettingsError: The environment says what cannot be done.
    """
    settings = Settings.from_environment(os.environ)
    allowed = access or Access.from_environment(os.environ)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.batcher, app.state.classifier, app.state.why_not = None, None, ""
        try:
            classifier = (open_model or _installed(settings))()
        except NodelensError as error:  # told by /readyz; the process stays to be asked
            app.state.why_not = str(error)
            yield
            return
        app.state.classifier = classifier
        app.state.batcher = Batcher(classifier)
        app.state.batcher.start()
        yield
        await app.state.batcher.stop()

    api = FastAPI(
        title="NodeLens",
        description="Research software, not a medical device.",
        lifespan=lifespan,
        responses=_PROBLEMS,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    api.add_middleware(Gate, access=allowed)
    _tell_problems(api)
    _add_routes(api, settings)
    return api


def _installed(settings: Settings) -> Callable[[], Classifier]:
    def opened() -> Classifier:
        classifier = open_classifier(settings.model_dir, device=settings.device)
        points = OperatingPointStore(settings.operating_points_dir)
        locked = points.in_force(classifier.bundle.card.weights_sha256)
        return classifier if locked is None else apply_locked_point(classifier, locked)

    return opened


def _classifier(request: Request) -> Classifier:
    classifier: Classifier | None = request.app.state.classifier
    if classifier is None:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, request.app.state.why_not)
    return classifier


def _add_routes(api: FastAPI, settings: Settings) -> None:
    @api.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Return that the process answers."""
        return {"status": "ok"}

    @api.get("/readyz")
    async def readyz(request: Request) -> dict[str, str]:
        """Return that the model has reproduced its golden scores on this machine."""
        return {"status": "ready", "model_id": _classifier(request).model_id}

    @api.get("/api/v1/model")
    async def model(request: Request) -> dict[str, Any]:
        """Return the model's card and where it runs."""
        classifier = _classifier(request)
        return {
            "model_id": classifier.model_id,
            "engine": classifier.engine.description,
            "card": classifier.bundle.card.model_dump(mode="json"),
        }

    @api.get("/api/v1/operating-points")
    def operating_points(request: Request) -> dict[str, Any]:
        """Return the operating point in force here and those that were locked for this model."""
        classifier = _classifier(request)
        weights = classifier.bundle.card.weights_sha256
        locked = OperatingPointStore(settings.operating_points_dir).versions(weights)
        return {
            "in_force": classifier.operating_point.model_dump(mode="json"),
            "locked": [point.model_dump(mode="json") for point in locked],
        }

    @api.post("/api/v1/score")
    async def score(request: Request, files: Files) -> Scores:
        """Score 1 to 64 patches of 96 × 96 px; each file has its row, or the row says why not."""
        classifier = _classifier(request)
        inputs = [
            _read(index, file.filename, await file.read()) for index, file in enumerate(files)
        ]
        rows = await request.app.state.batcher.score(inputs)
        point = classifier.operating_point
        return Scores(
            model_id=classifier.model_id,
            operating_point=point.name,
            threshold=point.threshold,
            rows=[row.as_dict() for row in rows],
        )


def _read(index: int, name: str | None, data: bytes) -> Patch | UnreadablePatch:
    path = shown_path(name or f"patch-{index}")
    entry, digest = PatchEntry(stem(path), path), hashlib.sha256(data).hexdigest()
    try:
        decoded = decode_patch(data)
    except PatchError as error:
        return UnreadablePatch(index, entry, str(error), digest, error.kind)
    return Patch(index, entry, decoded.image_rgb_u8, digest, decoded.note)


def _tell_problems(api: FastAPI) -> None:
    def answer(status: HTTPStatus, detail: str) -> JSONResponse:
        return JSONResponse(problem(status, detail), int(status), media_type=PROBLEM_JSON)

    @api.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        told = answer(HTTPStatus(error.status_code), str(error.detail))
        told.headers.update(error.headers or {})
        return told

    @api.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{where}: {first['msg']}.")

    @api.exception_handler(NodelensError)
    async def known(_: Request, error: NodelensError) -> JSONResponse:
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @api.exception_handler(Exception)
    async def unexpected(_: Request, __: Exception) -> JSONResponse:
        why = "This is a fault of the service; its log says more."
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, why)
