"""What the routes work with: the model in force, the jobs, and what requests share."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException

from app import resources
from app.api.access import CALLER
from app.api.batching import Batcher, ModelKey
from app.api.work import Jobs, Kind, of_stores
from core.errors import NodelensError, why
from core.explanation import Explainer
from core.scoring import Classifier
from core.settings import Settings

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
        except OSError as error:
            detail = f"The data folder cannot be used: {why(error)}. Tell whoever runs NodeLens."
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail) from None

    def explainer(self, classifier: Classifier) -> Explainer:
        """Return what explains a model by the default method; held under `explaining`."""
        model = ModelKey.of(classifier)
        if self._explainer is None or self._explainer[0] != model:
            self._explainer = model, Explainer(classifier)
        return self._explainer[1]


def served(request: Request) -> Served:
    """Return what a request works with."""
    service: Served = request.app.state.served
    return service


def caller(request: Request) -> str:
    """Return the secret that owns a caller's jobs."""
    return str(request.scope[CALLER])


def of_this_installation(settings: Settings) -> Served:
    """Return a service with the model and the jobs of the pages: opened once for both."""

    def jobs() -> Mapping[Kind, Jobs]:
        return of_stores(resources.job_store(settings), _slides(settings))

    return Served(settings, lambda: resources.classifier(settings), jobs)


def _slides(settings: Settings) -> "SlideStore | None":
    try:
        return resources.slide_store(settings)
    except ImportError:  # without the extra `slides`
        return None
