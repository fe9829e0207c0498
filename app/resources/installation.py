"""This installation: what its operator decided, and what of jobs it keeps in memory."""

import os
import sys

from app.resources.batches import forget_batches
from core.settings import Settings

_EXPLANATIONS = "app.resources.explanations"


def settings() -> Settings:
    """Return what the operator decided; read anew each time, because it costs nothing."""
    return Settings.from_environment(os.environ)


def forget_jobs() -> None:
    """Forget everything kept of any job, pictures included, because one is being removed."""
    forget_batches()
    if _EXPLANATIONS in sys.modules:  # else nothing of it is kept, and PyTorch is not loaded
        from app.resources.explanations import forget_explanations  # noqa: PLC0415

        forget_explanations()
