"""Scoring jobs: what users upload or name, scored in the background, kept on disk."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
