"""From tables to findings."""

from typing import Protocol

import pandas as pd

from core.audit.finding import Finding
from core.audit.limits import QualityLimits


class Tables(Protocol):
    """What findings are drawn from; `Audit` has it."""

    @property
    def patches(self) -> pd.DataFrame:
        """One row per input."""


def find(_tables: Tables, _limits: QualityLimits) -> tuple[Finding, ...]:
    """Return the findings, errors first."""
    return ()
