"""What the operator of this installation decided."""

import os

from core.settings import Settings


def settings() -> Settings:
    """Return what the operator decided; read anew each time, because it costs nothing."""
    return Settings.from_environment(os.environ)
