"""What the routes work with: the model in force, the jobs, and what requests share."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException

from app.api.access import CALLER
from app.api.batching import Batcher, ModelKey
from app.api.work import Jobs, Kind, of_stores
from app.resources.installation import guard_jobs
from core.engine import Precision
from core.errors import NodelensError
from core.explanation import Explainer
from core.jobs import JobStore
from core.scoring import Classifier, apply_locked_point, open_classifier
from core.settings import Settings
from core.thresholds import OperatingPointStore

if TYPE_CHECKING:
    from core.slides.store import SlideStore


@dataclass(eq=False)
class Served:
    """One service.

    Attributes:
        settings: What the operator decided.
        current: Gives the model in force; its first call may take seconds.
        jobs: Gives the jobs of each kind.
        batcher: Where patches of requests come together.
        explaining: Held while patches are explained: a map changes hooks of the one network.
        creating: Held while a job is made, so that a key never makes two.
    """

    settings: Settings
    current: Callable[[], Classifier]
    jobs: Callable[[], Mapping[Kind, Jobs]]
    batcher: Batcher = field(default_factory=Batcher)
    explaining: threading.Lock = field(default_factory=threading.Lock)
    creating: threading.Lock = field(default_factory=threading.Lock)
    _explainer: tuple[ModelKey, Explainer] | None = None

    async def classifier(self) -> Classifier:
        """Return the model in force.

        Raises:
            HTTPException: There is no usable one, or the lock in force was damaged.
        """
        try:
            return await asyncio.to_thread(self.current)
        except NodelensError as error:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None

    def explainer(self, classifier: Classifier) -> Explainer:
        """Return what explains a model by the default method; held under `explaining`."""
        model = ModelKey.of(classifier)
        if self._explainer is None or self._explainer[0] != model:
            self._explainer = model, Explainer(classifier)
        return self._explainer[1]


def served(request: Request) -> Served:
    """Return what a request works with."""
    found: Served = request.app.state.served
    return found


def caller(request: Request) -> str:
    """Return the secret that owns a caller's jobs."""
    return str(request.scope[CALLER])


def open_slides(opened: Callable[[], "SlideStore"]) -> "SlideStore | None":
    """Return a store of slides, None where the extra `slides` is not installed."""
    try:
        return opened()
    except ImportError:
        return None


def _slides(settings: Settings) -> "SlideStore":
    from core.slides.store import SlideStore  # noqa: PLC0415 - needs the extra `slides`

    settings.slides_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = SlideStore(settings.slides_dir, server_roots=settings.server_roots)
    guard_jobs(store.jobs, settings.keep_days)
    return store


def of_this_installation(settings: Settings) -> Served:
    """Return a service that opens model and jobs by itself, for a process of its own."""
    opening = threading.Lock()

    @cache
    def opened() -> Classifier:
        return open_classifier(
            settings.model_dir,
            device=settings.device,
            precision=Precision(settings.precision),
            graphs=settings.graphs_dir,
        )

    def current() -> Classifier:
        with opening:  # two requests must not open it twice
            shipped = opened()
        points = OperatingPointStore(settings.operating_points_dir)
        locked = points.in_force(shipped.bundle.card.weights_sha256)
        return shipped if locked is None else apply_locked_point(shipped, locked)

    @cache
    def jobs() -> Mapping[Kind, Jobs]:
        settings.jobs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = JobStore(settings.jobs_dir, server_roots=settings.server_roots)
        guard_jobs(store, settings.keep_days)
        slides = open_slides(lambda: _slides(settings))
        return of_stores(store, slides)

    return Served(settings, current, jobs)
