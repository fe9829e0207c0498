import pytest

from core.review.errors import ReviewError
from core.review.roles import Permission, Person, Role


def test_only_a_lead_locks_thresholds() -> None:
    Person("Lea", Role.LEAD).require(Permission.LOCK_THRESHOLDS)
    with pytest.raises(ReviewError, match="only a lead may lock thresholds"):
        Person("Ann").require(Permission.LOCK_THRESHOLDS)
    Person("Ann").require(Permission.GIVE_VERDICTS)
