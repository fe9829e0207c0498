"""Who may do what: the only place that knows the roles."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.errors import ReviewError


class Role(StrEnum):
    """A reader gives verdicts; a lead may also decide for the others."""

    READER = "reader"
    LEAD = "lead"


class Permission(StrEnum):
    """What a role can allow."""

    GIVE_VERDICTS = "give verdicts"
    ADJUDICATE = "settle disagreements"
    OPEN_CASES = "open cases"
    FILE_CASES = "rename or archive a case that someone else opened"
    LOCK_THRESHOLDS = "lock thresholds"
    SEE_NAMES = "see who gave which verdict"


_ALLOWED: Final = {
    Role.READER: frozenset(
        {Permission.GIVE_VERDICTS, Permission.OPEN_CASES, Permission.ADJUDICATE}
    ),
    Role.LEAD: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the app."""

    name: str
    role: Role = Role.READER

    def may(self, permission: Permission) -> bool:
        """Whether the role allows it."""
        return permission in _ALLOWED[self.role]

    def require(self, permission: Permission) -> None:
        """Do nothing if the role allows it; ReviewError otherwise."""
        if not self.may(permission):
            raise ReviewError(
                f"{self.name} is a {self.role}; only a lead may {permission}. Ask a lead."
            )


def person(name: str, *, leads: Collection[str], logged_in: bool) -> Person:
    """Return who somebody is.

    Args:
        name: As they gave it, or as the login knows them.
        leads: Names of the leads. Without any, and without a login, whoever sits at the machine
            is the lead: a single user must be able to lock a threshold.
        logged_in: Whether a login vouches for the name. Without one a name is only a claim, so
            nobody is a lead once leads are named.
    """
    lead = name in leads if logged_in else not leads
    return Person(name, Role.LEAD if lead else Role.READER)
