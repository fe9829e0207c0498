"""Thresholds: rules that choose one, everything at one, the lock, and the one in force.

Start with `bundle_scores`, `run_scores` or `read_scores_csv`, then `ThresholdStudy.of(scores)`,
then `study.at(threshold, assumptions)` for each threshold that a reader tries. `choose(rule,
evidence)` is the bare choice; `OperatingPointStore` keeps what was locked.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
