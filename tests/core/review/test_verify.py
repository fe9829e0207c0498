import json
import os
import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from core.__main__ import main
from core.review.chain import Anchor, Link, canonical_json, next_link
from core.review.store import ReviewStore
from core.review.verify import export_log, verify_log, verify_store
from tests.core.review.toys import filled_store, given, toy_case, toy_patch

SIDE_FILES = ("", "-wal")


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that nobody has open."""
    path = tmp_path_factory.mktemp("rest") / "reviews.sqlite"
    filled_store(path, 30)
    return path


@pytest.fixture(scope="module")
def left_open(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of store and write-ahead log, taken while a connection was open, half checkpointed."""
    folder = tmp_path_factory.mktemp("open")
    store = filled_store(folder / "live.sqlite", 15)
    with closing(sqlite3.connect(store.path)) as other:
        case = toy_case("c2")
        other.execute("SELECT count(*) FROM events").fetchone()  # keeps the log from going
        store.append(case)
        store.append(given(case, "Ann", 0))
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM events").fetchone()  # stops the checkpoint here
        store.append(given(case, "Ann", 1))
        with closing(sqlite3.connect(store.path)) as third:
            third.execute("PRAGMA wal_checkpoint(PASSIVE)")
        store.append(given(case, "Ann", 2))
        for side in SIDE_FILES:
            (folder / f"crashed.sqlite{side}").write_bytes(
                (folder / f"live.sqlite{side}").read_bytes()
            )
    return folder / "crashed.sqlite"


def copied(path: Path, folder: Path) -> Path:
    """Copy a store with its log, if it has one, into a new folder."""
    folder.mkdir()
    for side in SIDE_FILES:
        source = path.with_name(path.name + side)
        if source.exists():
            (folder / source.name).write_bytes(source.read_bytes())
    return folder / path.name


def flips(data: bytes, count: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """Yield places, and the data with one bit changed there; the header's places all."""
    rng = random.Random(seed)
    for place in [*range(min(100, len(data))), *rng.sample(range(len(data)), count)]:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        yield place, bytes(changed)


def stored(path: Path) -> list[tuple[object, ...]]:
    """Read the events of a store with SQL alone."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM events ORDER BY sequence").fetchall()


def test_a_changed_byte_is_found_or_leaves_every_event_as_it_was(
    at_rest: Path, tmp_path: Path
) -> None:
    assert verify_store(at_rest).ok
    written = stored(at_rest)
    target = tmp_path / "changed.sqlite"
    missed, found = [], 0
    for place, changed in flips(at_rest.read_bytes(), 400, seed=1):
        target.write_bytes(changed)
        if not verify_store(target).ok:
            found += 1
        elif stored(target) != written:
            missed.append(place)
    assert missed == []
    assert found > 100


def test_every_changed_character_of_an_event_is_found(at_rest: Path, tmp_path: Path) -> None:
    data = at_rest.read_bytes()
    payload = str(stored(at_rest)[8][2]).encode()
    start = data.index(payload)
    target = tmp_path / "changed.sqlite"
    for place in range(start, start + len(payload), 7):
        changed = bytearray(data)
        changed[place] ^= 1
        target.write_bytes(changed)
        assert not verify_store(target).ok, place


def test_a_damaged_write_ahead_log_loses_only_its_end_which_the_anchor_shows(
    left_open: Path, tmp_path: Path
) -> None:
    outcome = verify_store(copied(left_open, tmp_path / "whole"))
    assert outcome.ok, outcome.report()
    assert outcome.events == 21
    for number, (place, changed) in enumerate(
        flips(left_open.with_name("crashed.sqlite-wal").read_bytes(), 100, seed=2)
    ):
        target = copied(left_open, tmp_path / str(number))
        target.with_name("crashed.sqlite-wal").write_bytes(changed)
        after = verify_store(target, outcome.head)
        assert after.ok == (after.head == outcome.head), place


def test_any_changed_byte_of_an_exported_log_is_found(at_rest: Path, tmp_path: Path) -> None:
    log = tmp_path / "record.jsonl"
    export_log(log, ReviewStore(at_rest).links())
    assert verify_log(log).ok
    target = tmp_path / "changed.jsonl"
    missed = []
    for place, changed in flips(log.read_bytes(), 200, seed=3):
        target.write_bytes(changed)
        if verify_log(target).ok:
            missed.append(place)
    assert missed == []


def test_a_log_without_its_end_is_found(at_rest: Path, tmp_path: Path) -> None:
    log = tmp_path / "record.jsonl"
    export_log(log, ReviewStore(at_rest).links())
    lines = log.read_bytes().splitlines(keepends=True)
    for kept in (lines[:-1], lines[:-2], [*lines[:5], *lines[6:]], [], [*lines, b"\n"]):
        log.write_bytes(b"".join(kept))
        assert not verify_log(log).ok


def rewritten(path: Path, target: Path, change: str) -> Path:
    """Copy a store and run SQL on it as somebody would who knows how to drop a trigger."""
    target.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.executescript(change)
    return target


def test_verify_says_which_event_was_changed(at_rest: Path, tmp_path: Path) -> None:
    changed = rewritten(
        at_rest,
        tmp_path / "x.sqlite",
        "DROP TRIGGER events_are_not_changed; UPDATE events SET "
        "payload = replace(payload, '\"no tumour\"', '\"tumour\"') WHERE sequence = 9;",
    )
    places = [finding.place for finding in verify_store(changed).findings]
    assert places[0] == "Event 9"


def test_verify_says_where_an_event_is_missing(at_rest: Path, tmp_path: Path) -> None:
    changed = rewritten(
        at_rest,
        tmp_path / "x.sqlite",
        "DROP TRIGGER events_are_not_deleted; DELETE FROM events WHERE sequence = 9;",
    )
    report = verify_store(changed).report()
    assert "Event 10: it follows event 8" in report


def test_a_dropped_trigger_alone_is_found(at_rest: Path, tmp_path: Path) -> None:
    changed = rewritten(at_rest, tmp_path / "x.sqlite", "DROP TRIGGER events_are_not_changed;")
    assert not verify_store(changed).ok


def forged(links: list[Link], sequence: int, **changes: object) -> list[Link]:
    """Return a whole new chain, in which one event's content differs."""
    end, chain = Anchor(0, "0" * 64), []
    for link in links:
        payload = json.loads(link.payload)
        if link.sequence == sequence:
            payload["event"].update(changes)
        chain.append(next_link(end, canonical_json(payload)))
        end = Anchor(chain[-1].sequence, chain[-1].hash)
    return chain


def test_a_rewritten_chain_is_found_by_the_anchor_alone(at_rest: Path, tmp_path: Path) -> None:
    noted = Anchor(20, ReviewStore(at_rest).links()[19].hash)
    log = tmp_path / "record.jsonl"
    export_log(log, forged(ReviewStore(at_rest).links(), 9, reader="Somebody"))
    assert verify_log(log).ok  # what a chain cannot show
    assert "rewritten" in verify_log(log, noted).report()
    assert verify_store(at_rest, noted).ok


def test_a_cut_tail_is_found_by_the_anchor_alone(at_rest: Path, tmp_path: Path) -> None:
    links = ReviewStore(at_rest).links()
    log = tmp_path / "record.jsonl"
    end = export_log(log, links)
    export_log(log, links[:-1])
    assert verify_log(log).ok
    assert "gone" in verify_log(log, end).report()


def test_a_chain_with_an_event_that_the_store_would_refuse_is_found(
    at_rest: Path, tmp_path: Path
) -> None:
    log = tmp_path / "record.jsonl"
    export_log(log, forged(ReviewStore(at_rest).links(), 9, task=0))
    assert "Event 9: the store would not have accepted it" in verify_log(log).report()


def test_verify_leaves_every_event_and_no_other_file(at_rest: Path, tmp_path: Path) -> None:
    target = copied(at_rest, tmp_path / "copy")
    before = target.read_bytes()
    verify_store(target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_store_on_a_disk_that_cannot_be_written_is_verified(
    at_rest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = copied(at_rest, tmp_path / "copy")
    monkeypatch.setattr("os.access", lambda _, mode: mode == os.R_OK)
    target.chmod(0o444)
    assert verify_store(target) == verify_store(at_rest)


def test_a_store_is_verified_while_others_write_to_it(tmp_path: Path) -> None:
    store = filled_store(tmp_path / "reviews.sqlite")
    case = toy_case("c2", patches=tuple(toy_patch(number) for number in range(20)))
    store.append(case)
    with ThreadPoolExecutor(1) as pool:
        writing = [pool.submit(store.append, given(case, "Ann", task)) for task in range(20)]
        outcomes = [verify_store(store.path) for _ in range(5)]
    assert all(outcome.ok for outcome in outcomes)
    assert verify_store(store.path).head.sequence == writing[-1].result().sequence


def test_the_command_ends_with_0_1_or_2(
    at_rest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(at_rest)]) == 0
    text = capsys.readouterr().out
    assert "What a chain cannot show" in text
    assert str(verify_store(at_rest).head) in text
    assert main(["verify", str(at_rest), "--anchor", f"5:{'a' * 64}"]) == 1
    assert main(["verify", str(tmp_path / "absent.sqlite")]) == 2
    assert "There is no review store" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE extra (x);",
        "CREATE TRIGGER quiet AFTER INSERT ON events BEGIN SELECT 1; END;",
        "PRAGMA user_version = 0;",
        "PRAGMA application_id = 0;",
    ],
)
def test_a_changed_schema_is_found(at_rest: Path, tmp_path: Path, change: str) -> None:
    changed = verify_store(rewritten(at_rest, tmp_path / "x.sqlite", change))
    assert [finding.place for finding in changed.findings] == ["Schema"]


def test_a_store_with_the_large_pages_of_version_0_1_opens_and_verifies(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 32768")
        connection.execute("PRAGMA journal_mode = WAL")
    filled_store(path)
    assert path.read_bytes()[16:18] == (32_768).to_bytes(2, "big")
    assert verify_store(path).ok
