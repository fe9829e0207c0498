"""Who may decide for everyone who uses this installation."""

from app import resources
from app.state import identity
from core.review import Permission, person


def require_lead(name: str) -> None:
    """Raise unless a person of this name may lock thresholds here; else remember the name.

    Raises:
        ReviewError: They may not; the message says who can change that.
    """
    somebody = person(
        name, leads=resources.settings().leads, logged_in=identity.login_name() is not None
    )
    somebody.require(Permission.LOCK_THRESHOLDS)
    identity.decided_by(name)
