import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.__main__ import main
from core.review.chain import Anchor, Link, canonical_json, next_link
from core.review.log import export_log, verify_log
from core.review.store import INSERT, ReviewStore
from core.review.verify import verify_apart, verify_store
from core.review.wal import read_wal
from tests.core.review.toys import filled_store, given, toy_case

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


def flips(data: bytes, count: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """Yield places, and the data with one bit changed there; the header's places all."""
    rng = random.Random(seed)
    for place in [*range(min(100, len(data))), *rng.sample(range(len(data)), count)]:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        yield place, bytes(changed)


def test_any_changed_byte_of_a_store_is_found(at_rest: Path, tmp_path: Path) -> None:
    assert verify_store(at_rest).ok
    target = tmp_path / "changed.sqlite"
    missed = []
    for place, changed in flips(at_rest.read_bytes(), 200, seed=1):
        target.write_bytes(changed)
        if verify_store(target).ok:
            missed.append(place)
    assert missed == []


@pytest.mark.parametrize("side", SIDE_FILES)
def test_any_changed_byte_is_found_while_there_is_a_write_ahead_log(
    left_open: Path, tmp_path: Path, side: str
) -> None:
    outcome = verify_store(left_open)
    assert outcome.ok, outcome.report()
    assert outcome.events == 21
    target = tmp_path / "changed.sqlite"
    for other in SIDE_FILES:
        source = left_open.with_name(left_open.name + other)
        (tmp_path / f"changed.sqlite{other}").write_bytes(source.read_bytes())
    missed = []
    data = left_open.with_name(left_open.name + side).read_bytes()
    for place, changed in flips(data, 100, seed=2):
        (tmp_path / f"changed.sqlite{side}").write_bytes(changed)
        if verify_store(target).ok:
            missed.append(place)
    assert missed == []


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


def test_verify_leaves_the_files_as_they_are(left_open: Path) -> None:
    def state() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in left_open.parent.iterdir()}

    before = state()
    verify_store(left_open)
    assert state() == before


def test_verify_beside_an_open_store_runs_in_a_process_of_its_own(at_rest: Path) -> None:
    assert verify_apart(at_rest) == verify_store(at_rest)
    wrong = Anchor(5, "a" * 64)
    assert verify_apart(at_rest, wrong) == verify_store(at_rest, wrong)


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


def test_only_whole_commits_of_a_log_count(left_open: Path) -> None:
    data = left_open.with_name(left_open.name + "-wal").read_bytes()
    whole = read_wal(data, 32_768)
    assert (whole.problem, whole.commits) == ("", 4)
    torn = read_wal(data[:-100], 32_768)
    assert torn.commits == 3
    assert "ends within frame" in torn.problem


def test_rows_outside_the_rules_cannot_be_rebuilt_into_a_store(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    filled_store(path)
    changed = rewritten(path, tmp_path / "x.sqlite", "CREATE TABLE extra (x);")
    assert not verify_store(changed).ok
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(INSERT, (1, "", "{}", ""))
