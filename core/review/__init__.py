"""The review: worklists, verdicts, and a record of them that can be checked.

Start with `ReviewStore(path)`; `append` an event, ask `record()` what they amount to, and
`current_verdicts(record)` for the verdicts that stand. The exports are in `core.review.exports`,
which loads the scoring room and PyTorch with it; nothing here does.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
