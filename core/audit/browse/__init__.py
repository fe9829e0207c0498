"""An audit as the page shows it: which rows are looked at, why, in which order; no Streamlit."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
