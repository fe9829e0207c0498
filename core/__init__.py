"""Inference, explanation, statistics and records for 96 x 96 lymph-node patches.

Imports neither the app, nor the training, nor Streamlit. What other programs need has its name
here; `docs/python.md` shows it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
