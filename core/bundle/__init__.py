"""Model bundles: weights with the contract that travels with them.

What it exports stands in `__init__.pyi`, and is imported when somebody first asks for it: whoever
reads a card or writes a table does not wait for PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
