"""A clock that goes back is told by whoever verifies, and keeps nobody from reading on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.doctor import Grade, examine
from core.review.events import Event
from core.review.store import ReviewStore
from core.review.verify import verify_store
from core.settings import Settings
from tests.core.review.toys import given, toy_case

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def store_at(path: Path, *days: float) -> None:
    """A store whose events are written at these days after a moment."""
    now = [NOW]
    store = ReviewStore(path, clock=lambda: now[0])
    case = toy_case()
    events: list[Event] = [case, *(given(case, "Ann", number) for number in range(len(days) - 1))]
    for day, event in zip(days, events, strict=True):
        now[0] = NOW + timedelta(days=day)
        store.append(event)


def test_a_clock_set_back_eight_years_is_told_and_breaks_no_chain(tmp_path: Path) -> None:
    store_at(tmp_path / "review.sqlite", 0, 1, -3000, -2999)
    verification = verify_store(tmp_path / "review.sqlite")
    assert verification.ok
    (remark,) = verification.remarks
    assert remark.startswith("Event 4 is dated 2017-12-13 12:00, before the preceding event")
    assert remark in verification.report()
    checks = {check.name: check for check in examine(Settings(data_dir=tmp_path))}
    assert checks["record of verdicts"].level is Grade.WARNING
    assert "Event 4" in checks["record of verdicts"].detail


def test_a_clock_put_right_by_seconds_is_not_told(tmp_path: Path) -> None:
    store_at(tmp_path / "review.sqlite", 0, 30 / 86_400, 0, 1)
    assert not verify_store(tmp_path / "review.sqlite").remarks
