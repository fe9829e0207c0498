import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ReviewError, StoreError
from core.review.events import StoreMigrated
from core.review.migrations import MIGRATIONS, prepare
from core.review.record import current_verdicts
from core.review.store import ReviewStore
from core.review.verify import verify_store
from core.review.vocabulary import Verdict
from tests.core.review.toys import filled_store, given, reading, toy_case, toy_patch


def test_what_was_appended_is_there_for_another_process(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    store = filled_store(path, 6)
    again = ReviewStore(path)
    assert again.record() == store.record()
    verdicts = current_verdicts(again.record(), "c1", "Ann")
    assert [verdict.final.reading.verdict for verdict in verdicts] == [
        Verdict.NO_TUMOUR,
        Verdict.TUMOUR,
    ] * 3


def test_only_one_file_stays_when_nobody_is_connected(tmp_path: Path) -> None:
    filled_store(tmp_path / "reviews.sqlite")
    assert [path.name for path in tmp_path.iterdir()] == ["reviews.sqlite"]


def test_events_of_one_step_are_all_written_or_none(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "reviews.sqlite")
    case = toy_case()
    store.append(case)
    before = store.head()
    with pytest.raises(ReviewError):
        store.append(given(case, "Ann", 0), given(case, "Ann", 0))  # read already
    assert store.head() == before
    store.append(given(case, "Ann", 0), given(case, "Ann", 1), action="both")
    assert store.append(given(case, "Ann", 0), given(case, "Ann", 1), action="both") is not None
    assert len(store.entries(before.sequence + 1)) == 2
    assert verify_store(store.path).ok


def test_while_it_is_held_a_write_is_in_the_log_and_afterwards_in_the_file(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "reviews.sqlite")
    case = toy_case()
    store.append(case)
    log = tmp_path / "reviews.sqlite-wal"
    with store.held():
        store.append(given(case, "Ann", 0))
        assert log.stat().st_size > 0
        assert ReviewStore(store.path).record() == store.record()
    assert not log.exists()
    assert ReviewStore(store.path).record() == store.record()


def test_the_same_action_is_written_once(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "reviews.sqlite")
    case = toy_case()
    store.append(case)
    first = store.append(given(case, "Ann", 0), action="key-1")
    again = ReviewStore(tmp_path / "reviews.sqlite").append(given(case, "Ann", 0), action="key-1")
    assert again == first
    assert store.head().sequence == first.sequence
    with pytest.raises(ReviewError, match="recorded as another event"):
        store.append(given(case, "Ann", 1), action="key-1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET payload = '{}' WHERE sequence = 2",
        "DELETE FROM events WHERE sequence = 2",
        "INSERT OR REPLACE INTO events VALUES (2, 'x', '{}', 'y')",
        "INSERT INTO events VALUES (99, 'x', '{}', 'y')",
    ],
)
def test_the_database_itself_refuses_to_change_events(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "reviews.sqlite"
    filled_store(path)
    with (
        closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="event"),
    ):
        connection.execute(statement)
    assert verify_store(path).ok


def test_an_event_that_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "reviews.sqlite")
    case = toy_case()
    store.append(case)
    before = store.head()
    with pytest.raises(ReviewError, match="seconds"):
        store.append(given(case, "Ann", 0, reading(seconds=-1)))
    with pytest.raises(ReviewError, match="reader"):
        store.append(replace(given(case, "Ann", 0), reader=" "))
    assert store.head() == before
    store.append(given(case, "Ann", 0))


def test_readers_in_threads_of_one_app_lose_and_double_nothing(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "reviews.sqlite")
    case = toy_case(patches=tuple(toy_patch(number) for number in range(25)))
    store.append(case)

    def read_all(reader: str) -> None:
        for task in range(25):
            store.append(given(case, reader, task))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_all, ["Ann", "Bob", "Cho", "Dan"]))
    assert len(current_verdicts(store.record())) == 100
    assert verify_store(store.path).ok


def test_a_migration_is_applied_once_with_a_backup_before(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    old_head = filled_store(path).head()
    longer = (*MIGRATIONS, ("CREATE TABLE notes (text TEXT NOT NULL) STRICT",))
    for _ in range(2):
        store = ReviewStore(path, migrations=longer)
    last = store.entries()[-1].payload.event
    assert last == StoreMigrated(version=2)
    assert store.head().sequence == old_head.sequence + 1
    assert verify_store(path, migrations=longer).ok
    backup = tmp_path / "reviews.before-v2.sqlite"
    assert verify_store(backup).head == old_head
    assert len(list(tmp_path.iterdir())) == 2


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    ReviewStore(path, migrations=(*MIGRATIONS, ("CREATE TABLE notes (text TEXT) STRICT",)))
    with pytest.raises(StoreError, match="Use the newer program"):
        ReviewStore(path)


def test_a_file_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="another program"):
        ReviewStore(path)
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables == [("theirs",)]
    text = tmp_path / "text.sqlite"
    text.write_text("not a database, but long enough to be read as one " * 9)
    with pytest.raises(StoreError, match="not a database"):
        ReviewStore(text)


def test_a_store_replaced_under_a_running_app_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    store = filled_store(path)
    path.unlink()
    ReviewStore(path)
    with pytest.raises(StoreError, match="replaced or changed"):
        store.record()


def test_a_failed_write_acknowledges_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    filled_store(path)

    class Full(sqlite3.Connection):
        """A connection on a full disk."""

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401
            if sql == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, parameters)

    def connect_full(place: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(place, factory=Full, isolation_level=None)
        prepare(connection)
        return connection

    full = ReviewStore(path, connect=connect_full)
    before = full.head()
    with pytest.raises(StoreError, match="disk is full"):
        full.append(given(toy_case(), "Bob", 0))
    assert full.head() == before
    ReviewStore(path).append(given(toy_case(), "Bob", 0))
    assert verify_store(path).ok
