"""The audit of a data set: streamed once into tables, then only filtered.

Run it with `run_audit` or `python -m core audit`; read it with `open_audit`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
