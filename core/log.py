"""What a running installation notes: events with numbers and random ids, and no names.

NODELENS_LOG   text or json: events, one a line, to the standard error; not set: faults only

An event has only the facts of `FACTS`, and none of them is a name, a path, or anything of a patch.
Faults that libraries would print with their messages become events too: those of files and of our
own always, all others where events are noted.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from core.errors import NodelensError, SettingsError

FACTS: Final = frozenset(
    {
        "engine", "error", "inputs", "job", "model_id", "ms", "reason", "request_id", "route",
        "rows", "running", "seconds", "self_test_logit", "state", "status", "version", "waiting",
    }
)  # fmt: skip
"""The facts that an event may have."""
_TELL_FAULTS: Final = ("streamlit.error_util", "uvicorn.error", "asyncio")
"""Loggers of libraries that print the messages of faults, which may hold names."""
_LOGGER: Final = logging.getLogger("nodelens")
_FACTS: Final = "nodelens_facts"


def event(name: str, *, level: int = logging.INFO, **facts: str | float) -> None:
    """Note that something happened.

    Args:
        name: What, e.g. "job.ended".
        level: Of `logging`.
        facts: Numbers, ids and words of our own, by the names in `FACTS`.

    Raises:
        ValueError: There is no such fact.
    """
    if not FACTS.issuperset(facts):
        raise ValueError(f"{sorted(set(facts) - FACTS)} are no facts of a log; see FACTS.")
    _LOGGER.log(level, name, extra={_FACTS: facts})


def where(error: BaseException) -> str:
    """Return a fault's kind and place in the program; its message may hold names, and stays out."""
    steps = traceback.extract_tb(error.__traceback__)
    if not steps:
        return type(error).__name__
    last = steps[-1]
    module = last.filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f"{type(error).__name__} at {module}:{last.lineno}"


def begin(environment: Mapping[str, str]) -> None:
    """Note events from here on, as the installation's variable says.

    Raises:
        SettingsError: It says something else than text or json.
    """
    form = environment.get("NODELENS_LOG", "")
    if form not in {"", "text", "json"}:
        raise SettingsError(f"NODELENS_LOG is {form!r}; expected text, json or nothing.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    _LOGGER.handlers[:] = [handler]
    _LOGGER.propagate = False
    _LOGGER.setLevel(logging.INFO if form else logging.ERROR)
    for library in map(logging.getLogger, _TELL_FAULTS):
        for known in [one for one in library.filters if isinstance(one, _FaultsAsEvents)]:
            library.removeFilter(known)
        library.addFilter(_FaultsAsEvents(Exception if form else (NodelensError, OSError)))


class _FaultsAsEvents(logging.Filter):
    def __init__(self, kinds: type[BaseException] | tuple[type[BaseException], ...]) -> None:
        super().__init__()
        self._kinds = kinds

    def filter(self, record: logging.LogRecord) -> bool:
        """Note where a fault was, and keep its message out."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, self._kinds):
            return True
        event("fault", level=logging.ERROR, error=where(error))
        return False


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return an event as words."""
        facts = " ".join(f"{key}={value}" for key, value in getattr(record, _FACTS, {}).items())
        return f"{_time(record)} {record.levelname} {record.msg} {facts}".rstrip()


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return an event as one JSON object."""
        head = {"time": _time(record), "level": record.levelname, "event": str(record.msg)}
        return json.dumps(head | getattr(record, _FACTS, {}))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
