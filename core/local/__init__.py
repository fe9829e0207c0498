"""Does the model work here? A laboratory's labelled patches against what the card claims.

`local_study(name, rows, card)` makes scored rows with labels a study; `findings_of` says what was
found, in one value that page, record and report draw from; `use_here` and `do_not_use` record what
a person decided. No network runs: the scores of a batch are enough.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
