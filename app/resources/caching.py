"""How things are kept: by what decides them, never by the objects that they were made from."""

from collections.abc import Callable, Hashable
from functools import update_wrapper
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import streamlit as st

P = ParamSpec("P")
T = TypeVar("T")


class Cached(Generic[P, T]):
    """A function whose results are kept under a key; an error is not kept.

    Streamlit would key by hashed arguments, of which ours (stores, jobs, models) have none. Its
    own way out, an underscore before their names, needs a second function for each that is kept.
    """

    def __init__(
        self, function: Callable[P, T], key: Callable[P, Hashable], cache: Callable[..., Any]
    ) -> None:
        """Keep what a function returns; the key says what decides it, of the same arguments."""

        def held(key: Hashable, _call: tuple[tuple[Any, ...], dict[str, Any]]) -> T:
            return function(*_call[0], **_call[1])

        # Streamlit tells its caches apart by these two and by the source, which is this one's.
        held.__module__, held.__qualname__ = function.__module__, function.__qualname__
        self._key = key
        self._held = cache(held)
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result, made unless it is there already."""
        result: T = self._held(self._key(*args, **kwargs), (args, kwargs))
        return result

    def clear(self) -> None:
        """Forget every result."""
        self._held.clear()


def cached_by(
    key: Callable[P, Hashable],
    *,
    entries: int | None = None,
    spinner: str = "",
    copied: bool = False,
) -> Callable[[Callable[P, T]], Cached[P, T]]:
    """Keep what a function returns under what decides it.

    Args:
        key: Gives what decides the result, of the same arguments; two results that may differ
            must never have one key, or a reader is shown the patches of another.
        entries: How many results at most; None for all.
        spinner: What the page says meanwhile; "" says nothing.
        copied: Whether each caller gets a copy of the result; else all share one.
    """
    cache = st.cache_data if copied else st.cache_resource

    def decorate(function: Callable[P, T]) -> Cached[P, T]:
        return Cached(function, key, cache(show_spinner=spinner or False, max_entries=entries))

    return decorate


def file_stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file does; zeros while there is none."""
    if not path.is_file():
        return 0, 0, 0
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
