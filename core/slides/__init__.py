"""Slides: read at the spacing that the model judges, scored cell by cell, and exported.

Needs the extra `slides` (OpenSlide, tifffile).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
