"""Scores: a checked model, runs that survive a kill, and their outputs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
