"""Locked operating points on disk: one file a version, written once, never over another."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from core.bundle.card import SHIPPED
from core.errors import RunError, first_fault, why
from core.files import append_record, read_records, sha256_of, write_once
from core.thresholds.record import Decision, LockedPoint

_OPENINGS_FILE: Final = "test_openings.jsonl"
_IN_FORCE_FILE: Final = "in_force.jsonl"
_LOCKS_FILE: Final = "locks.jsonl"
"""The hash of each version as it was locked."""
_VERSION: Final = re.compile(r"v[1-9][0-9]{0,5}")


def read_locked_point(path: Path) -> LockedPoint:
    """Return the locked operating point in a file.

    Raises:
        RunError: There is none, or it does not follow the schema.
    """
    try:
        return LockedPoint.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise RunError(
            f"The operating point {path.name} cannot be read ({why(error)}). Name a file that the "
            "app wrote when locking a threshold."
        ) from None
    except (ValidationError, UnicodeDecodeError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else "not UTF-8 text"
        raise RunError(
            f"{path.name} is not a locked operating point ({fault}). Lock the threshold again."
        ) from None


class OperatingPointStore:
    """The locked operating points of every model, below one folder of the app's data."""

    def __init__(self, folder: Path) -> None:
        """Keep them below `folder`, which is made at need; never inside a bundle."""
        self.folder = folder

    def _of(self, weights_sha256: str) -> Path:
        return self.folder / weights_sha256[:16]

    def path(self, weights_sha256: str, version: str) -> Path:
        """Return the file of a version, for `python -m core score --operating-point`."""
        return self._of(weights_sha256) / f"{version}.json"

    def versions(self, weights_sha256: str) -> list[LockedPoint]:
        """Return a model's locked operating points that are as they were locked, oldest first."""
        return [one for one in self._read(weights_sha256) if isinstance(one, LockedPoint)]

    def faults(self, weights_sha256: str) -> list[str]:
        """Say which files of locked operating points were damaged or changed."""
        return [one for one in self._read(weights_sha256) if isinstance(one, str)]

    def _read(self, weights_sha256: str) -> Iterator[LockedPoint | str]:
        for number in self._numbers(weights_sha256):
            try:
                yield self.version(weights_sha256, f"v{number}")
            except RunError as error:
                yield str(error)

    def _numbers(self, weights_sha256: str) -> list[int]:
        """Of the versions there are, damaged ones included; other files are nobody's."""
        folder = self._of(weights_sha256)
        names = [file.stem for file in folder.glob("v*.json")] if folder.is_dir() else []
        return sorted(int(name[1:]) for name in names if _VERSION.fullmatch(name))

    def version(self, weights_sha256: str, version: str) -> LockedPoint:
        """Return one locked operating point, as it was locked.

        Raises:
            RunError: There is none, it is damaged, or it was changed after it was locked.
        """
        path = self.path(weights_sha256, version)
        point = read_locked_point(path)
        if point.version != version:
            raise RunError(
                f"{path.name} contains the operating point {point.version}; expected {version}. "
                "Lock the threshold again."
            )
        known = [
            entry["sha256"]
            for name in (_LOCKS_FILE, _IN_FORCE_FILE)
            for entry in self._entries(weights_sha256, name)
            if entry.get("version") == version and "sha256" in entry
        ]
        if known and sha256_of(path) not in known:
            raise RunError(
                f"{path.name} was changed after it was locked. Lock the threshold again, or use "
                "another operating point."
            )
        return point

    def latest(self, weights_sha256: str) -> LockedPoint | None:
        """Return the newest locked operating point of a model, None if there is none.

        Raises:
            RunError: It was damaged or changed.
        """
        numbers = self._numbers(weights_sha256)
        return self.version(weights_sha256, f"v{numbers[-1]}") if numbers else None

    def put_in_force(self, weights_sha256: str, version: str, *, by: str) -> None:
        """Decide which operating point new scores use; who decided it, and when, is recorded.

        The version is "v1", "v2", … or "shipped".

        Raises:
            RunError: There is no such version, or it is damaged.
        """
        entry = {"at": datetime.now(UTC).isoformat(), "by": by, "version": version}
        if version != SHIPPED:
            if not self.path(weights_sha256, version).is_file():
                raise RunError(
                    f"There is no locked operating point {version[:20]}. Choose one from the list."
                )
            self.version(weights_sha256, version)
            entry["sha256"] = sha256_of(self.path(weights_sha256, version))
        append_record(self._of(weights_sha256) / _IN_FORCE_FILE, entry)

    def in_force(self, weights_sha256: str) -> LockedPoint | None:
        """Return the operating point that new scores use; None for the shipped one.

        Whatever was put in force last; where nobody decided, the newest lock. A line that a power
        cut tore was never acknowledged, and does not count.

        Raises:
            RunError: Its file was damaged or changed.
        """
        decided = [
            entry["version"]
            for entry in self._entries(weights_sha256, _IN_FORCE_FILE)
            if _VERSION.fullmatch(entry.get("version", "")) or entry.get("version") == SHIPPED
        ]
        if not decided:
            return self.latest(weights_sha256)
        return None if decided[-1] == SHIPPED else self.version(weights_sha256, decided[-1])

    def lock(self, decision: Decision, *, by: str, now: datetime | None = None) -> LockedPoint:
        """Write a decision as the next version and return it.

        The file appears whole or not at all; two people locking at once get two versions.

        `now` is aware; the clock's time if not given.

        Raises:
            NodelensError: The disk is full or may not be written; nothing is locked then.
        """
        folder = self._of(decision.weights_sha256)
        while True:
            numbers = self._numbers(decision.weights_sha256)
            number = numbers[-1] + 1 if numbers else 1
            before = self.path(decision.weights_sha256, f"v{number - 1}")
            locked = LockedPoint(
                **decision.model_dump(),
                version=f"v{number}",
                locked_by=by,
                locked_at=now or datetime.now(UTC),
                previous_sha256=sha256_of(before) if before.is_file() else None,
            )
            text = locked.model_dump_json(indent=2) + "\n"
            digest = hashlib.sha256(text.encode()).hexdigest()
            # First the hash: no version is ever there, and in force, whose change nobody would see.
            append_record(folder / _LOCKS_FILE, {"version": locked.version, "sha256": digest})
            if write_once(folder / f"v{number}.json", text):
                return locked

    def record_opening(self, locked: LockedPoint, *, by: str, scores_sha256: str) -> None:
        """Record that somebody looked at a test set's metrics at a locked operating point."""
        entry = {
            "opened_at": datetime.now(UTC).isoformat(),
            "opened_by": by,
            "version": locked.version,
            "scores_sha256": scores_sha256,
        }
        append_record(self._of(locked.weights_sha256) / _OPENINGS_FILE, entry)

    def openings(self, weights_sha256: str) -> list[dict[str, str]]:
        """Return the recorded openings of test sets, oldest first."""
        return self._entries(weights_sha256, _OPENINGS_FILE)

    def _entries(self, weights_sha256: str, name: str) -> list[dict[str, str]]:
        return read_records(self._of(weights_sha256) / name)
