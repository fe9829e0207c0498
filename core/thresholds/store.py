"""Locked operating points on disk: one file a version, written once, never over another."""

import hashlib
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from core.bundle.card import SHIPPED
from core.errors import RunError, first_fault
from core.thresholds.record import Decision, LockedPoint

_OPENINGS_FILE: Final = "test_openings.jsonl"
_IN_FORCE_FILE: Final = "in_force.jsonl"


def read_locked_point(path: Path) -> LockedPoint:
    """Return the locked operating point in a file.

    Raises:
        RunError: There is none, or it does not follow the schema.
    """
    try:
        return LockedPoint.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise RunError(
            f"The operating point {path.name} cannot be read ({error.strerror}). "
            "Name a file that the app wrote when a threshold was locked."
        ) from None
    except (ValidationError, UnicodeDecodeError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else "not UTF-8 text"
        raise RunError(
            f"{path.name} is no locked operating point ({fault}). Lock the threshold again."
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
        """Return a model's locked operating points, oldest first.

        Raises:
            RunError: A file was damaged.
        """
        files = self._of(weights_sha256).glob("v*.json")
        points = [read_locked_point(file) for file in files]
        return sorted(points, key=lambda point: int(point.version[1:]))

    def latest(self, weights_sha256: str) -> LockedPoint | None:
        """Return the newest locked operating point of a model, None if there is none."""
        return next(reversed(self.versions(weights_sha256)), None)

    def put_in_force(self, weights_sha256: str, version: str, *, by: str) -> None:
        """Decide which operating point new scores use; who decided it, and when, is recorded.

        Args:
            weights_sha256: Of the model.
            version: "v1", "v2", … or "shipped".
            by: Who decides.

        Raises:
            RunError: There is no such version.
        """
        if version != SHIPPED and not self.path(weights_sha256, version).is_file():
            raise RunError(
                f"There is no locked operating point {version[:20]}. Choose one of the list."
            )
        entry = {"at": datetime.now(UTC).isoformat(), "by": by, "version": version}
        self._append(weights_sha256, _IN_FORCE_FILE, entry)

    def in_force(self, weights_sha256: str) -> LockedPoint | None:
        """Return the operating point that new scores use; None for the shipped one.

        Whatever was put in force last; where nobody decided, the newest lock.

        Raises:
            RunError: Its file was damaged.
        """
        decided = self._entries(weights_sha256, _IN_FORCE_FILE)
        if not decided:
            return self.latest(weights_sha256)
        version = decided[-1]["version"]
        return None if version == SHIPPED else read_locked_point(self.path(weights_sha256, version))

    def lock(self, decision: Decision, *, by: str, now: datetime | None = None) -> LockedPoint:
        """Write a decision as the next version and return it.

        The file appears whole or not at all; two people locking at once get two versions.

        Args:
            decision: What is locked.
            by: Who locks it.
            now: Aware time; the clock's if not given.
        """
        folder = self._of(decision.weights_sha256)
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            before = self.latest(decision.weights_sha256)
            number = 1 if before is None else int(before.version[1:]) + 1
            previous = (
                None
                if before is None
                else _sha256(self.path(decision.weights_sha256, before.version))
            )
            locked = LockedPoint(
                **decision.model_dump(),
                version=f"v{number}",
                locked_by=by,
                locked_at=now or datetime.now(UTC),
                previous_sha256=previous,
            )
            if _write_once(folder / f"v{number}.json", locked.model_dump_json(indent=2) + "\n"):
                return locked

    def record_opening(self, locked: LockedPoint, *, by: str, scores_sha256: str) -> None:
        """Record that somebody looked at a test set's metrics at a locked operating point."""
        entry = {
            "opened_at": datetime.now(UTC).isoformat(),
            "opened_by": by,
            "version": locked.version,
            "scores_sha256": scores_sha256,
        }
        self._append(locked.weights_sha256, _OPENINGS_FILE, entry)

    def openings(self, weights_sha256: str) -> list[dict[str, str]]:
        """Return the recorded openings of test sets, oldest first."""
        return self._entries(weights_sha256, _OPENINGS_FILE)

    def _append(self, weights_sha256: str, name: str, entry: dict[str, str]) -> None:
        """Add a line to a record that is never rewritten; it is on disk when this returns."""
        folder = self._of(weights_sha256)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _entries(self, weights_sha256: str, name: str) -> list[dict[str, str]]:
        path = self._of(weights_sha256) / name
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_once(path: Path, text: str) -> bool:
    """Write a file that did not exist; return False if somebody was first."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o444)
    try:
        os.link(temporary, path)  # unlike a rename, a link never replaces
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True
