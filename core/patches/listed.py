"""A table that lists the files of patches, written here, on Windows or on another machine."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

from core.patches.files import FilesSource
from core.patches.naming import is_hidden, shown_path, stem
from core.patches.patch import PatchEntry
from core.tables import (
    SLIDE_COLUMNS,
    counted,
    id_key,
    matched_by_ending,
    matched_in_capitals,
    noted,
    parse_label,
    read_table,
    spelled,
)

_FROM_THE_ROOT: Final = re.compile(r"[\\/]|[A-Za-z]:")
_URL_OF_A_FILE: Final = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.IGNORECASE)


def csv_source(table: Path, *, confine_to: Path | None = None) -> FilesSource:
    """Return the files that a CSV lists, in its order.

    Args:
        table: CSV with a column `path` (relative to the CSV's folder, or absolute; one of another
            machine is found below that folder by its longest ending, unless confined), optional
            `id`, `label` (0 or 1), `slide` or `wsi`, `split`.
        confine_to: If given, files outside are refused row by row.

    Raises:
        SourceError: The CSV cannot be read or has no column `path`.
    """
    rows = read_table(table, required=["path"])
    known, spelling_notes = spelled(rows, ("path", "id", "label", *SLIDE_COLUMNS, "split"))
    nothing = [""] * len(rows.rows)
    slides = next((known[name] for name in SLIDE_COLUMNS if name in known), nothing)
    columns = (known["path"], *(known.get(name, nothing) for name in ("id", "label", "split")))
    files: list[tuple[PatchEntry, Path | None]] = []
    backslashes, respelt, below = 0, 0, _Below(table.parent)
    by_file: dict[str, list[PatchEntry]] = {}
    moved: dict[str, str] = {}
    capitals: dict[str, str] = {}
    found = {"moved": moved, "capitals": capitals}
    for cell, patch_id, label, split, slide in zip(*columns, slides, strict=True):
        path = _as_path(cell)
        file, how = below.find(path, confined=confine_to is not None)
        if not how and "%" in path:  # a name may have a % of its own, so this comes second
            elsewhere = below.find(unquote(path), confined=confine_to is not None)
            if elsewhere[1]:
                path, (file, how) = unquote(path), elsewhere
        respelt += path != cell
        backslashes += "\\" in path and not (table.parent / path).exists()
        shown = shown_path(path)
        entry = PatchEntry(
            id=patch_id or stem(shown),
            path=shown,
            label=parse_label(label, table.name),
            slide=slide or None,
            split=split or None,
        )
        if how in found:
            found[how][os.path.normpath(file)] = shown
        if path:
            by_file.setdefault(os.path.normpath(file), []).append(entry)
        files.append((entry, file))
    source = FilesSource(table.name, "csv", files, confine_to=confine_to)
    repeated = sum(len(same) - 1 for same in by_file.values())
    source.notes = (
        *rows.notes,
        *spelling_notes,
        *noted(
            table.name,
            (respelt, "path", "in quotes, with file: or with %20 for a space"),
            (backslashes, "path", "with backslashes read as folders"),
            (repeated, "row", "with a path that was already listed"),
        ),
    )
    for matched, note in ((moved, matched_by_ending), (capitals, matched_in_capitals)):
        if matched:
            place = min(matched)
            here = shown_path(os.path.relpath(place, table.parent))
            source.notes += (note(table.name, len(matched), matched[place], here),)
    if below.unclear:
        source.notes += (
            f"{table.name}: {counted(len(below.unclear), 'path')} from another machine, or in "
            "other capitals, that could be more than one file here "
            f"({shown_path(below.unclear[0])}); not read. Write the paths as the files have them.",
        )
    labelled = sum(entry.label is not None for entry, _ in files)
    if 0 < labelled < len(files):
        source.coverage = (
            f"{table.name}: {labelled:,} of {counted(len(files), 'input')} with a label.",
        )
    by_id: dict[str, list[PatchEntry]] = {}
    for entry in (entry for entry, _ in files if entry.id):
        by_id.setdefault(id_key(entry.id), []).append(entry)
    source.contradictions = (
        *_contradictions(table.name, "path", by_file),
        *_one_for_two(table.name, moved | capitals, by_file),
        *(_contradictions(table.name, "id", by_id) if "id" in known else ()),
    )
    return source


def _as_path(cell: str) -> str:
    """Return the path in a cell that may have it in quotes, or as a URL of a file."""
    while len(cell) > 2 and cell[0] == cell[-1] and cell[0] in "\"'":
        cell = cell[1:-1]
    url = _URL_OF_A_FILE.fullmatch(cell)
    if url is None:
        return cell
    path, host = unquote(url["path"]), url["host"] or "localhost"
    if _FROM_THE_ROOT.match(path[1:]):  # a drive of Windows
        return path[1:]
    return path if host == "localhost" else f"//{host}{path}"


class _Below:
    """The files below a folder, to find those whose paths were written on another machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unclear: list[str] = []

    @cached_property
    def _named(self) -> dict[str, list[list[str]]]:
        """The parts of the paths of all files by their names, as far as folders can be listed."""
        parts_by_name: dict[str, list[list[str]]] = {}
        for place, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if not is_hidden(name)]
            parts = Path(place).relative_to(self._folder).parts
            for name in names:
                parts_by_name.setdefault(normalize("NFC", name), []).append([*parts, name])
        return parts_by_name

    @cached_property
    def _by_path(self) -> dict[str, list[list[str]]]:
        """The parts of the paths of all files by the whole path, see `_folded`."""
        parts_by_path: dict[str, list[list[str]]] = {}
        for parts in (one for same in self._named.values() for one in same):
            parts_by_path.setdefault(_folded("/".join(parts)), []).append(parts)
        return parts_by_path

    def find(self, path: str, *, confined: bool) -> tuple[Path, str]:
        """Return a file and how it was found: "there", "moved", "capitals"; "" for not at all."""
        file = self._folder / path
        if "\\" in path and not file.exists():  # written on Windows
            file = self._folder / path.replace("\\", "/")
        if os.path.exists(file):  # noqa: PTH110 - never raises
            return file, "there"
        if _FROM_THE_ROOT.match(path):
            match = None if confined else self.like(path)
            return (file, "") if match is None else (match, "moved")
        match = self.spelt_like(path)
        if match is None:
            return file, ""
        # Nothing but how marks are encoded may differ.
        here = normalize("NFC", str(match.relative_to(self._folder)))
        same = here == os.path.normpath(path.replace("\\", "/"))
        return match, "there" if same else "capitals"

    def spelt_like(self, path: str) -> Path | None:
        """Return the file at a path in other capitals or characters, None if two or none."""
        normal_path = os.path.normpath(path.replace("\\", "/"))
        matches = self._by_path.get(_folded(normal_path), [])
        if len(matches) > 1:
            self.unclear.append(path)
        return self._folder.joinpath(*matches[0]) if len(matches) == 1 else None

    def like(self, path: str) -> Path | None:
        """Return the file whose path ends most like another one, None where two do alike."""
        reversed_parts = normalize("NFC", path.replace("\\", "/")).split("/")[::-1]
        if ".." in reversed_parts:
            return None
        best: dict[tuple[int, bool], list[list[str]]] = {}
        for parts in self._named.get(reversed_parts[0], ()):
            pairs = zip(parts[::-1], reversed_parts, strict=False)
            same = takewhile(lambda pair: normalize("NFC", pair[0]) == pair[1], pairs)
            alike = sum(1 for _ in same)
            best.setdefault((alike, alike == len(parts)), []).append(parts)
        matches = best[max(best)] if best else []
        if len(matches) > 1:
            self.unclear.append(path)
        return self._folder.joinpath(*matches[0]) if len(matches) == 1 else None


def _folded(path: str) -> str:
    """Return a path without capitals, its letters with their marks as one character each."""
    return normalize("NFC", path).casefold()


def _one_for_two(
    name: str, moved: Iterable[str], by_file: Mapping[str, Sequence[PatchEntry]]
) -> Iterator[str]:
    """Say which file several paths end in: nobody can say of which it is."""
    both = [place for place in moved if len({entry.path for entry in by_file[place]}) > 1]
    if both:
        paths = sorted({entry.path for entry in by_file[both[0]]})
        yield (
            f"{name} has {counted(len(both), 'file')} that more than one path ends in "
            f"({paths[0]} and {paths[1]})."
        )


def _contradictions(
    name: str, what: str, rows: Mapping[str, Sequence[PatchEntry]]
) -> Iterator[str]:
    """What a table says in two ways of one path or one id."""
    for column in ("label", "slide", "split"):
        both = [same[0] for same in rows.values() if len({getattr(e, column) for e in same}) > 1]
        if both:
            yield (
                f"{name} gives {counted(len(both), what)} more than one {column} "
                f"({getattr(both[0], what)})."
            )
