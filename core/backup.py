"""A copy of the data folder that can be taken while the app works in it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from core.errors import RunError, in_a_line, not_allowed, why
from core.settings import Settings

_SMALL: Final = ("operating_points", "local_decisions", "review_patches")
"""Folders whose files are written once, whole."""
_LARGE: Final = ("jobs", "audits")


def back_up(settings: Settings, target: Path, *, jobs: bool = False) -> list[str]:
    """Copy what must not be lost into a new folder and return what was copied.

    The anchors are copied before the record, so that they never know more than it holds. The
    record is copied by SQLite itself, at one moment, whoever writes to it meanwhile.

    Args:
        settings: Of the installation.
        target: A folder that does not exist yet.
        jobs: Copy batches and audits too; one under way is copied as far as it is.

    Raises:
        RunError: The target exists, there is nothing to copy, or some of it cannot be read; all
            else is copied then.
    """
    if target.exists():
        raise RunError(f"{target} already exists. Name a new folder for each backup.")
    if not settings.data_dir.is_dir():
        raise RunError(f"There is no data folder {settings.data_dir}. Check NODELENS_DATA_DIR.")
    target.mkdir(parents=True, mode=0o700)
    copied, missing = [], list[str]()
    for file in (settings.review_anchors, settings.pseudonym_key):
        if file.is_file():
            shutil.copy2(file, target / file.name)
            copied.append(file.name)
    if settings.review_store.is_file():
        here = f"file:{settings.review_store}?mode=ro"
        with (
            closing(sqlite3.connect(here, uri=True)) as source,
            closing(sqlite3.connect(target / settings.review_store.name)) as sink,
        ):
            source.backup(sink)
        copied.append(settings.review_store.name)
    for name in (*_SMALL, *(_LARGE if jobs else ())):
        if (settings.data_dir / name).is_dir():
            try:
                shutil.copytree(settings.data_dir / name, target / name)
            except shutil.Error as error:
                missing += [
                    f"{source} ({in_a_line(reason)})" for source, _, reason in error.args[0]
                ]
            except OSError as error:
                if not not_allowed(error):
                    raise
                missing.append(f"{error.filename} ({why(error)})")
            copied.append(name)
    if missing:
        raise RunError(
            f"{target} is not complete: what could not be copied is {missing[0]}"
            + (f" and {len(missing) - 1:,} more. " if missing[1:] else ". ")
            + "Have this corrected, and make another backup."
        )
    return copied
