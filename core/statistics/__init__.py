"""Estimates from labelled scores: rates, AUROC, calibration, with intervals by patches and slides.

Start with `Evidence.of(labels, scores, slides)`, then `OperatingTable.of(evidence)` for every
threshold and `SlideBootstrap.of(evidence, rng)` for slide-cluster intervals. Nothing here decides:
rules, grey zones and locks are in `core.thresholds`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
