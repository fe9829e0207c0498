"""What can be wrong with a review, in the reader's words."""

from core.errors import NodelensError


class ReviewError(NodelensError, ValueError):
    """A verdict, worklist or comparison that the review does not allow."""


class StoreError(NodelensError, OSError):
    """The review store cannot be opened, or is not one."""
