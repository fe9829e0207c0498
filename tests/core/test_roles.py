import os
from pathlib import Path

import pytest

from core.errors import ReviewError
from core.roles import Permission, Person, Role, person
from core.settings import Settings


def test_only_a_lead_locks_thresholds() -> None:
    Person("Lea", Role.LEAD).require(Permission.LOCK_THRESHOLDS)
    with pytest.raises(ReviewError, match="only a lead may lock thresholds"):
        Person("Ann").require(Permission.LOCK_THRESHOLDS)
    Person("Ann").require(Permission.GIVE_VERDICTS)


def test_without_a_list_of_leads_the_only_user_may_lock_and_with_one_others_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings(data_dir=tmp_path).leads == frozenset()
    alone = person("Ann", leads=frozenset(), logged_in=False)
    assert alone.may(Permission.LOCK_THRESHOLDS)
    assert not person("Ann", leads=frozenset(), logged_in=True).may(Permission.LOCK_THRESHOLDS)
    monkeypatch.setenv("NODELENS_LEADS", " Lea Lead ,, Max ")
    leads = Settings.from_environment(os.environ).leads
    assert leads == {"Lea Lead", "Max"}
    person("Max", leads=leads, logged_in=True).require(Permission.LOCK_THRESHOLDS)
    assert not person("Max", leads=leads, logged_in=False).may(Permission.LOCK_THRESHOLDS)
    with pytest.raises(ReviewError, match="only a lead may lock thresholds"):
        person("Ann", leads=leads, logged_in=False).require(Permission.LOCK_THRESHOLDS)
