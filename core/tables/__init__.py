"""Tables in: one reader for labels, slides, splits, scores and lists of paths."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
