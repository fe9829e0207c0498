"""What tables say of each patch: ids in one spelling, splits and slides by one name."""

import contextlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from core.errors import SourceError
from core.tables.reading import SLIDE_COLUMNS, Table, counted, noted

_IMAGE_SUFFIX: Final = re.compile(r"\.(tiff?|png|jpe?g|bmp|webp)$", re.IGNORECASE)
_SPLIT_WORDS: Final = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "held-out", "heldout", "holdout"), "test"),
}
_LABEL_WORDS: Final = {
    # Spreadsheets write a logical value in the language of their owner.
    **dict.fromkeys(("tumour", "tumor", "metastasis", "positive", "pos", "yes", "y"), 1),
    **dict.fromkeys(("malignant", "metastatic", "bösartig", "maligne", "tumeur", "ja", "oui"), 1),
    **dict.fromkeys(("positiv", "positif", "métastase", "metastase"), 1),
    **dict.fromkeys(("true", "t", "wahr", "vrai", "verdadero", "vero"), 1),
    **dict.fromkeys(("normal", "no tumour", "no tumor", "non tumour", "non tumor", "no", "n"), 0),
    **dict.fromkeys(("benign", "gutartig", "bénin", "kein tumor", "pas de tumeur"), 0),
    **dict.fromkeys(("negativ", "négatif", "nein", "non"), 0),
    **dict.fromkeys(("negative", "neg", "false", "f", "falsch", "faux", "falso"), 0),
}
_LABEL_NUMBER: Final = re.compile(r"([01])(?:\.0*)?(?:e[+-]?0+)?", re.IGNORECASE)
_SHORTENED: Final = re.compile(r"\d[.,]?\d*E\+\d+")
_SLIDE_FILE: Final = re.compile(r"\.(svs|ndpi|mrxs|scn|bif|vms|dcm|isyntax|tiff?)$")
_WHOLE_NUMBER: Final = re.compile(r"(\d+)\.0+")
_SHOWN: Final = 3


def split_name(text: str) -> str:
    """Return the part of a data set that a word names: train, val or test, else the word."""
    folded = text.strip().lower()
    return _SPLIT_WORDS.get(folded, folded)


def parse_label(text: str, name: str) -> int | None:
    """Return 1 (tumour in the centre), 0, or None for an empty cell; words are read as well.

    Raises:
        SourceError: The cell holds something else.
    """
    text = text.strip()
    if not text:
        return None
    if number := _LABEL_NUMBER.fullmatch(text):
        return int(number[1])
    label = _LABEL_WORDS.get(re.sub(r"(?<=\w)[-_](?=\w)", " ", text.casefold()))
    if label is None:
        raise SourceError(
            f"{name} has the label {text[:20]!r}; expected 1 or tumour (in the centre), "
            "0 or normal, or an empty cell. Correct the table."
        )
    return label


def parse_probability(text: str, name: str) -> float:
    """Return the probability in a cell, 0..1.

    Raises:
        SourceError: The cell holds something else.
    """
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) <= 1:
            return value
    raise SourceError(
        f"{name} has the score {text[:20]!r}; expected a probability from 0 to 1. Correct the "
        "table."
    )


def id_key(text: str) -> str:
    """Return an id, or a path, in the one spelling that ids are compared in.

    Forward slashes, composed letters, without the suffix of an image file.
    """
    text = text.replace("\\", "/").removeprefix("./")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _IMAGE_SUFFIX.sub("", text)


def slide_key(text: str) -> str:
    """Return the name of a slide in the one spelling that slides are compared in.

    Capitals, the kind of spaces and the suffix of its file make no other slide, and neither does a
    number that a gap in its column made a fraction (3.0).
    """
    folded = _SLIDE_FILE.sub("", " ".join(text.casefold().split()))
    return _WHOLE_NUMBER.sub(r"\1", folded) if _WHOLE_NUMBER.fullmatch(folded) else folded


def look_alike(slides: Iterable[str]) -> tuple[str, str, int] | None:
    """Return two slides that may be one, and how many may be.

    Names that differ by zeros or punctuation only, and a path that ends in another slide's name.
    """
    first: dict[str, str] = {}
    alike = []
    for slide in sorted(dict.fromkeys(filter(None, slides)), key=lambda one: "/" in id_key(one)):
        last = first.get(_loosely(id_key(slide).rpartition("/")[2]), slide)
        other = first.setdefault(_loosely(slide), slide)
        if (same := last if other == slide else other) != slide:
            alike.append((same, slide))
    return (*alike[0], len(alike)) if alike else None


def _loosely(slide: str) -> str:
    key = re.sub(r"[\W_]+", "-", slide_key(slide)).strip("-")
    return re.sub(r"(?<!\d)0+(?=\d)", "", key)


def shortened(name: str, ids: Sequence[str]) -> tuple[str, ...]:
    """Return a warning if a spreadsheet took ids for numbers and wrote them as 1.23E+45."""
    numbers = [patch_id for patch_id in ids if _SHORTENED.fullmatch(patch_id)]
    if not numbers:
        return ()
    return (
        f"{name}: a spreadsheet seems to have shortened {counted(len(numbers), 'id')} as a number "
        f"({numbers[0]}); such ids match no patch. Import the column as text.",
    )


@dataclass(frozen=True, eq=False)
class KnownById:
    """What a table says of each id.

    Attributes:
        rows: Cells by `id_key`, in the table's order; of ids that come twice the first row.
        ids: The id as the table has it, by `id_key`.
        notes: What was mended, left out or repeated, each with its number.
        contradictions: Ids with two values, in sentences; nobody can say which one is right.
        name: The table's, for messages.
    """

    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    name: str = "the table"

    def placed(self, paths: Iterable[str]) -> "KnownById":
        """Return the same with ids that are paths in another folder brought to the patches' own.

        Such an id ends in the whole path of a patch, but for a folder that all patches are in; of
        two that do the longer ending is meant. Two that end alike are a contradiction. What is of
        no patch then is compared whatever its capitals are.

        Args:
            paths: Of all patches.
        """
        own = [id_key(path) for path in paths]
        met = {tail for path in own for tail in endings(path)}
        return self._by_ending(own, met)._in_other_capitals(own, met)

    def _by_ending(self, own: Sequence[str], met: Collection[str]) -> "KnownById":
        here = {path: path for path in own}
        if len({path.partition("/")[0] for path in own}) == 1:
            here = {path.partition("/")[2]: path for path in own} | here
        claims: dict[str, dict[int, list[str]]] = {}
        for key in (key for key in self.rows if "/" in key and key not in met):
            if tail := next((tail for tail in endings(key) if tail in here), ""):
                claims.setdefault(here[tail], {}).setdefault(len(tail), []).append(key)
        ends: dict[str, str] = {}
        unclear: list[str] = []
        for path, by_length in claims.items():
            best = by_length[max(by_length)]
            if len(best) > 1 or self.key_of(path.rpartition("/")[2], path):
                unclear += best
            else:
                ends[best[0]] = path
        return self._respelled(ends, unclear, "in another folder", matched_by_ending)

    def _in_other_capitals(self, own: Sequence[str], met: Collection[str]) -> "KnownById":
        unmet = [key for key in self.rows if key not in met]
        whole: dict[str, set[str]] = {}
        names: dict[str, set[str]] = {}
        shared = len({path.partition("/")[0] for path in own}) == 1
        for path in own if unmet else ():
            for tail in {path, path.partition("/")[2] if shared else path}:
                whole.setdefault(tail.casefold(), set()).add(path)
            name = path.rpartition("/")[2]
            names.setdefault(name.casefold(), set()).add(name)
        claims: dict[str, list[str]] = {}
        for key in unmet:
            folded = key.casefold()
            tails, here = (endings(folded), whole) if "/" in key else ([folded], names)
            if tail := next((tail for tail in tails if tail in here), ""):
                claims.setdefault(tail, []).append(key)
        ends: dict[str, str] = {}
        unclear: list[str] = []
        for tail, keys in claims.items():
            candidates = (whole if "/" in keys[0] else names)[tail]
            free = [one for one in candidates if not self.key_of(one.rpartition("/")[2], one)]
            if len(keys) == len(free) == 1:
                ends[keys[0]] = free[0]
            elif free:
                unclear += keys
        return self._respelled(ends, unclear, "in other capitals", matched_in_capitals)

    def _respelled(
        self,
        ends: Mapping[str, str],
        unclear: Sequence[str],
        how: str,
        note: Callable[[str, int, str, str], str],
    ) -> "KnownById":
        if not (ends or unclear):
            return self
        notes, contradictions = self.notes, self.contradictions
        if ends:
            key, path = min(ends.items())
            notes += (note(self.name, len(ends), self.ids.get(key, key), path),)
        if unclear:
            contradictions += (
                f"{self.name}: {counted(len(unclear), 'path')} {how} that may belong to one patch "
                f"({self.ids.get(min(unclear), '')}).",
            )
        return replace(
            self,
            rows={ends.get(key, key): row for key, row in self.rows.items()},
            ids={ends.get(key, key): written for key, written in self.ids.items()},
            notes=notes,
            contradictions=contradictions,
        )

    def key_of(self, patch_id: str, path: str) -> str | None:
        """Return under which key a patch is listed, by its id or the end of its path; else None."""
        own, tails = id_key(patch_id), endings(id_key(path))
        if own != tails[-1] or len(tails) == 1:
            tails = [own, patch_id, *tails]
        if own.isdecimal():  # a spreadsheet took the id for a number
            bare = own.lstrip("0") or "0"
            tails += [bare, f"{bare}.0"]
        return next((tail for tail in tails if tail in self.rows), None)

    def without_zeros(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Return a note on the patches, by their ids, that lost the zeros before them here."""
        matched_ids = [
            one for one in map(id_key, ids) if one not in self.rows and self.key_of(one, "")
        ]
        if not matched_ids:
            return ()
        return (
            f"{self.name}: {counted(len(matched_ids), 'id')} that a spreadsheet took for a number "
            f"({self.key_of(matched_ids[0], '')} is {matched_ids[0]}); matched.",
        )

    def of_no_patch(self) -> str:
        """Return that none of its ids is of a patch here, or that it lists none."""
        if not self.rows:
            return f"{self.name} lists no patch below its first line."
        return f"None of the {len(self.rows):,} ids in {self.name} matches a patch here."

    def of(self, patch_id: str, path: str) -> Mapping[str, str]:
        """Return what is known of a patch, nothing if it is not listed."""
        key = self.key_of(patch_id, path)
        return {} if key is None else self.rows[key]


def labels_in(table: Table) -> KnownById:
    """Return what a table says of each patch: label, slide and split, as far as it does.

    Raises:
        SourceError: It has no column `id`, or none of the others; a label that is none, or two
            values for one id.
    """
    columns = ("label", *SLIDE_COLUMNS, "split")
    table.require("id", *(() if set(columns[1:]) & set(table.rows.columns) else ("label",)))
    known = known_by_id(table, columns)
    for row in known.rows.values():
        parse_label(row.get("label", ""), table.name)
    if known.contradictions:
        raise SourceError(f"{known.contradictions[0]} Leave one row for each id.")
    return known


def facts_in(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return label (0 or 1), slide and split in the cells of a patch, as far as they are known.

    Raises:
        SourceError: The label is none; `labels_in` has checked those of a table.
    """
    facts = {
        "label": parse_label(cells.get("label", ""), "the table"),
        "slide": next(filter(None, (cells.get(column) for column in SLIDE_COLUMNS)), None),
        "split": cells.get("split"),
    }
    return {name: fact for name, fact in facts.items() if fact not in {None, ""}}


def endings(path: str) -> list[str]:
    """Return a path with forward slashes and all its endings, the longest first."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def matched_by_ending(name: str, count: int, there: str, here: str) -> str:
    """Return a note on paths of another folder or machine, with one of them and where it is."""
    return (
        f"{name}: {counted(count, 'path')} in another folder matched by the ending ({there} is "
        f"{here})."
    )


def matched_in_capitals(name: str, count: int, there: str, here: str) -> str:
    """Return a note on paths that are written in other capitals than the files."""
    return f"{name}: {counted(count, 'path')} in other capitals matched ({there} is {here})."


def spelled(table: Table, columns: Sequence[str]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Return the cells of some columns in one spelling each, and what was changed.

    A column "split" is brought to train, val and test; slides of one `slide_key` are one slide.
    Columns that the table lacks are skipped.
    """
    values = {
        column: table.rows[column].tolist() for column in columns if column in table.rows.columns
    }
    notes: list[str] = []
    for column, cells in values.items():
        if column == "split":
            changed = [split_name(cell) for cell in cells]
        elif column in SLIDE_COLUMNS:
            first: dict[str, str] = {}
            changed = [first.setdefault(slide_key(cell), cell) for cell in cells]
            if alike := look_alike(first.values()):
                notes.append(
                    f"{table.name}: {counted(alike[2], 'name')} in {column!r} very similar to "
                    f"another ({alike[0]!r} and {alike[1]!r}). If they are one slide, use one name."
                )
        else:
            continue
        different = [(old, new) for old, new in zip(cells, changed, strict=True) if old != new]
        if different:
            notes.append(
                f"{table.name}: {counted(len(different), 'cell')} in {column!r} respelt "
                f"({different[0][0]!r} is {different[0][1]!r})."
            )
        values[column] = changed
    return values, tuple(notes)


def known_by_id(table: Table, columns: Sequence[str]) -> KnownById:
    """Return some columns of a table by id; see `spelled`.

    Raises:
        SourceError: It has no column `id`.
    """
    ids = table.require("id").rows["id"].tolist()
    values, notes = spelled(table, columns)
    rows: dict[str, Mapping[str, str]] = {}
    written: dict[str, str] = {}
    repeated: set[str] = set()
    contradictory: dict[str, dict[str, None]] = {column: {} for column in values}
    for number, patch_id in enumerate(ids):
        key = id_key(patch_id)
        row = {column: cells[number] for column, cells in values.items()}
        if not key:
            continue
        if key not in rows:
            rows[key], written[key] = row, patch_id
            continue
        repeated.add(key)
        for column in values:
            if row[column] != rows[key][column]:
                contradictory[column][key] = None
    id_notes = noted(
        table.name,
        (sum(_IMAGE_SUFFIX.search(i) is not None for i in ids), "id", "matched without the suffix"),
        (ids.count(""), "row", "with no id, skipped"),
        (len(repeated), "id", "more than once; the first row counts"),
    )
    contradictions = tuple(
        f"{table.name} gives {counted(len(keys), 'id')} more than one {column} "
        f"({', '.join(written[key] for key in list(keys)[:_SHOWN])})."
        for column, keys in contradictory.items()
        if keys
    )
    notes = (*table.notes, *notes, *id_notes, *shortened(table.name, ids))
    return KnownById(rows, written, notes, contradictions, table.name)
