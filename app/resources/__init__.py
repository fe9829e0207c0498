"""What is kept between reruns and shared by sessions: the only use of Streamlit's caches.

Everything is keyed by what decides it: the model by the hash of its card, rows by the journal that
they are in, pictures by job and row. Exports stand in `__init__.pyi` and are imported when a page
first asks for them: only maps need PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
