"""What is forgotten when somebody removes a job."""

from app.resources.batches import forget_batches
from app.resources.explanations import forget_explanations


def forget_jobs() -> None:
    """Forget everything kept of any job, pictures included, because one is being removed."""
    forget_batches()
    forget_explanations()
