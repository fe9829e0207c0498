"""The service: its routes, who may ask, and what it says of itself."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from streamlit import logger as streamlit_log

from app import resources
from app.api.access import Access, Gate
from app.api.jobs import jobs
from app.api.patches import patches
from app.api.problems import Problem, documented, tell_problems
from app.api.served import Served, served
from core import log
from core.pages import page
from core.settings import Settings
from core.thresholds import OperatingPointStore

_NO_DIAGNOSIS = "Nothing it says is a diagnosis."
_ABOUT = (
    "Scores of lymph-node patches for tumour in the centre 32 × 32. Research software, not a "
    f"medical device. {_NO_DIAGNOSIS}"
)
_DOCS = Path(__file__).with_name("docs.html.j2")
_BEARER = [Depends(HTTPBearer(auto_error=False))]
"""The gate asks for the token; this tells the schema."""
about = APIRouter(responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))


class Health(BaseModel):
    """Whether the service is well."""

    status: str
    model_id: str | None = None


class Model(BaseModel):
    """The model, where it runs, and its card."""

    model_id: str
    engine: str
    card: dict[str, Any]


class Points(BaseModel):
    """Operating points as the app locks them."""

    in_force: dict[str, Any]
    locked: list[dict[str, Any]]


@about.head("/healthz", include_in_schema=False)
@about.get("/healthz", tags=["health"])
async def healthz() -> Health:
    """Return that the process answers."""
    return Health(status="ok")


@about.head("/readyz", include_in_schema=False)
@about.get("/readyz", tags=["health"])
async def readyz(request: Request) -> Health:
    """Return that the model has reproduced its golden scores on this machine."""
    classifier = await served(request).classifier()
    return Health(status="ready", model_id=classifier.model_id)


@about.get("/api/v1/docs", include_in_schema=False, response_class=HTMLResponse)
def docs(request: Request) -> str:
    """Return the schema as a page that loads nothing from anywhere."""
    return page(
        _DOCS, title="NodeLens over HTTP", notice=_NO_DIAGNOSIS, schema=request.app.openapi()
    )


@about.get("/api/v1/model", tags=["model"], dependencies=_BEARER)
async def model(request: Request) -> Model:
    """Return the model's card and where it runs."""
    classifier = await served(request).classifier()
    return Model(
        model_id=classifier.model_id,
        engine=classifier.engine.description,
        card=classifier.bundle.card.model_dump(mode="json"),
    )


@about.get("/api/v1/operating-points", tags=["model"], dependencies=_BEARER)
async def operating_points(request: Request) -> Points:
    """Return the operating point in force here and those that were locked for this model."""
    service = served(request)
    classifier = await service.classifier()
    store = OperatingPointStore(service.settings.operating_points_dir)
    locked = await asyncio.to_thread(store.versions, classifier.bundle.card.weights_sha256)
    return Points(
        in_force=classifier.operating_point.model_dump(mode="json"),
        locked=[point.model_dump(mode="json") for point in locked],
    )


def create_api(service: Served | None = None, access: Access | None = None) -> FastAPI:
    """Return the service.

    Args:
        service: What its routes work with; None opens this installation's model and jobs.
        access: Who may ask; None means what the environment says.

    Raises:
        SettingsError: The environment says what cannot be done.
    """
    settings = service.settings if service else Settings.from_environment(os.environ)
    works = service or Served(settings, lambda: resources.classifier(settings))
    allowed = access or Access.from_environment(os.environ, settings.max_upload_bytes)
    api = FastAPI(
        title="NodeLens",
        version="1",
        description=_ABOUT,
        lifespan=_lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere; ours is `docs`
        redoc_url=None,
        redirect_slashes=False,  # a redirect is no problem that says what is wrong
        responses=documented(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.METHOD_NOT_ALLOWED,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.INTERNAL_SERVER_ERROR,
        ),
    )
    api.state.served = works
    api.add_middleware(Gate, access=allowed)
    tell_problems(api)
    api.include_router(about)
    for router in (patches, jobs):
        api.include_router(router, dependencies=_BEARER)
    _name_problems(api)
    return api


def _name_problems(api: FastAPI) -> None:
    """Have the schema say what a problem is."""
    made = api.openapi

    def schema() -> dict[str, Any]:
        document = made()
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"]["Problem"] = problem
        return document

    api.openapi = schema  # type: ignore[method-assign]


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    """Open the model while nobody waits yet; what goes wrong is told to whoever asks."""
    log.begin(os.environ)
    streamlit_log.set_log_level("ERROR")  # its caches remark that there is no page
    service: Served = api.state.served
    opening = asyncio.create_task(service.classifier())
    opening.add_done_callback(lambda task: task.cancelled() or task.exception())
    yield
    opening.cancel()
    await service.batcher.stop()
