"""What an audit found, in sentences; those of each kind stand in `findings.toml`."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core.audit.columns import STATISTICS_OF, measure_text
from core.audit.limits import FLAGS, QualityLimits, quality_flags
from core.errors import Fault
from core.tables import counted
from core.wording import percent

_SENTENCES: Final = Path(__file__).with_name("findings.toml")
MOST_ROWS: Final = 1000
"""Rows that a finding lists; `count` is exact whatever it is."""


class Severity(StrEnum):
    """How much a finding matters; a clean data set has none above NOTE."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Area(StrEnum):
    """Which part of the audit a finding belongs to, in the order of a report."""

    INTEGRITY = "integrity"
    SPLITS = "splits"
    RELATIONS = "relations"
    LABELS = "labels"
    QUALITY = "quality"
    STATISTICS = "statistics"


@dataclass(frozen=True)
class Finding:
    """One thing that the audit found.

    Attributes:
        kind: Stable name such as "blurred" or "slide-in-two-splits".
        area: Part of the audit.
        severity: How much it matters.
        headline: One sentence with the number in it.
        action: What to do about it, one sentence.
        count: How many patches, slides, ids or pairs, as the headline says; exact.
        rows: Rows of `patches` that show it, at most `MOST_ROWS`; empty where it is not of rows.
        ids: Ids or slide names that show it where there is no row, at most `MOST_ROWS`.
        of_measure: The measure that it is about; "" where it is about none.
    """

    kind: str
    area: Area
    severity: Severity
    headline: str
    action: str
    count: int
    rows: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    of_measure: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as JSON content."""
        return asdict(self) | {"rows": list(self.rows), "ids": list(self.ids)}


@cache
def kinds() -> dict[str, dict[str, str]]:
    """Return the area, severity, headline and action of each kind, in their order."""
    return tomllib.loads(_SENTENCES.read_text("utf-8"))


def finding(
    kind: str,
    count: int,
    *,
    rows: Iterable[int] = (),
    ids: Iterable[str] = (),
    severity: Severity | None = None,
    of_measure: str = "",
    **fields: str,
) -> Iterator[Finding]:
    """Yield the finding of a kind unless its count is 0.

    Args:
        kind: One of `kinds`.
        count: Of whatever the headline counts.
        rows: That show it.
        ids: That show it.
        severity: Instead of the usual one.
        of_measure: That it is about.
        fields: What else stands in the headline; `n` is the count unless given.
    """
    if not count:
        return
    about = kinds()[kind]
    n = counted(count, "file") if about.get("of") == "files" else counted(count, "patch", "patches")
    yield Finding(
        kind,
        Area(about["area"]),
        severity or Severity(about["severity"]),
        about["headline"].format(**{"n": n, **fields}),
        about["action"],
        count,
        tuple(map(int, rows))[:MOST_ROWS],
        tuple(map(str, ids))[:MOST_ROWS],
        of_measure,
    )


_BALANCE_GAP: Final = 0.1
"""Tumour share of two splits that differ by more than this is worth a warning."""
_TELLING_AUROC: Final = 0.7
_CAUTION: Final = " The scores may come from training patches, which hides most wrong labels."


def find(
    patches: pd.DataFrame, table: Callable[[str], pd.DataFrame | None], limits: QualityLimits
) -> tuple[Finding, ...]:
    """Return the findings, errors first, then in the order of `Area`, the largest count first."""
    if patches.empty:
        return ()
    findings = [*_unreadable(patches), *_labels(patches)]
    flags = quality_flags(patches, limits)
    for flag in FLAGS:
        findings += _of_rows(flag, patches.loc[flags[flag], "row"])
    for name, findings_of in _OF_TABLES.items():
        rows = table(name)
        if rows is not None and len(rows):
            findings += findings_of(rows)
    severities, areas, order = list(Severity), list(Area), list(kinds())

    def place(one: Finding) -> tuple[int, ...]:
        weight, area = severities.index(one.severity), areas.index(one.area)
        return weight, area, -one.count, order.index(one.kind)

    return tuple(sorted(findings, key=place))


def _of_rows(kind: str, rows: "pd.Series[int]", **fields: str) -> Iterator[Finding]:
    return finding(kind, len(rows), rows=rows, severity=None, **fields)


def _unreadable(patches: pd.DataFrame) -> Iterator[Finding]:
    """Yield what was remarked on patches, and what could not be read, by fault."""
    for note, group in patches[patches["note"] != ""].groupby("note"):
        yield from _of_rows("remark", group["row"], note=f"{str(note)[:1].upper()}{str(note)[1:]}")
    for fault in Fault:
        if fault is not Fault.NONE:
            yield from _of_rows(str(fault), patches.loc[patches["fault"] == fault, "row"])


def _labels(patches: pd.DataFrame) -> Iterator[Finding]:
    """Yield missing labels, shared ids, unknown slides."""
    images = patches["fault"] != Fault.NOT_AN_IMAGE
    split = patches["split"].fillna("")
    has_labels = patches["label"].notna().groupby(split).transform("any")
    for kind, chosen in (
        ("patch-without-label", has_labels & patches["label"].isna()),
        ("repeated-patch-id", patches["id"].duplicated(keep=False)),
        ("slide-unknown", patches["slide"].isna()),
    ):
        yield from _of_rows(kind, patches.loc[images & chosen, "row"])


def _table_faults(faults: pd.DataFrame) -> Iterator[Finding]:
    """Yield what was said of the tables and of the colours, then the faults by kind and table."""
    own = {
        "colours": "red-and-blue-swapped",
        "mended": "table-mended",
        "contradicts": "tables-contradict",
    }
    for mark, name in own.items():
        for note in faults.loc[faults["kind"] == mark, "detail"]:
            yield from finding(name, 1, note=note)
    for (kind, table), group in faults[~faults["kind"].isin(own)].groupby(["kind", "table"]):
        count = len(group)
        yield from finding(
            str(kind), count, ids=group["id"], table=str(table), n=counted(count, "id")
        )


def _balance(balance: pd.DataFrame) -> Iterator[Finding]:
    shared = balance.loc[(balance["by"] == "slide") & (balance["splits"] > 1), "name"]
    slides = counted(len(shared), "slide")
    yield from finding("slide-in-two-splits", len(shared), ids=shared, n=slides)
    whole = balance[balance["by"] == "all"].iloc[0]
    labels = int(whole["labelled"])
    share = percent(whole["prevalence"])
    yield from finding("class-balance", labels, share=share, n=counted(labels, "label"))
    splits = balance[(balance["by"] == "split") & (balance["labelled"] > 0)]
    shares = splits["prevalence"]
    if len(splits) > 1 and shares.max() - shares.min() > _BALANCE_GAP:
        parts = [
            f"{name} {percent(part, 0)}" for name, part in zip(splits["name"], shares, strict=True)
        ]
        yield from finding(
            "splits-differ-in-balance", len(splits), ids=splits["name"], parts=", ".join(parts)
        )


def _pairs(pairs: pd.DataFrame) -> Iterator[Finding]:
    def of(kind: str, chosen: "pd.Series[bool]", one: str, many: str) -> Iterator[Finding]:
        chosen_pairs = pairs[chosen]
        both = chosen_pairs[["row_a", "row_b"]].to_numpy(np.int64).ravel().tolist()
        rows = dict.fromkeys(both)  # each once, pairs side by side
        return finding(kind, len(chosen_pairs), rows=rows, n=counted(len(chosen_pairs), one, many))

    def true(column: str) -> "pd.Series[bool]":
        return pairs[column].astype("boolean").fillna(value=False).astype(bool)

    kind_of = pairs["kind"].astype(str)
    for kind in ("same-bytes", "same-pixels", "same-under-orientation", "near", "overlap"):
        yield from of(kind, kind_of == kind, "pair is", "pairs are")
    conflict, shifted = true("label_conflict"), kind_of == "overlap"
    for kind, chosen in (
        ("related-across-splits", true("across_splits")),
        ("copy-with-other-label", conflict & ~shifted),
        ("overlap-with-other-label", conflict & shifted),
    ):
        yield from of(kind, chosen, "pair", "pairs")


def _associations(associations: pd.DataFrame) -> Iterator[Finding]:
    in_ring = associations["measure"].isin(STATISTICS_OF["ring"])
    best_in_ring = bool(in_ring.head(1).any())  # then it is said once
    whole = associations[:0] if best_in_ring else associations
    ring = associations[in_ring]
    for kind, table in (("plain-measure-tells-label", whole), ("ring-tells-label", ring)):
        if table.empty:
            continue
        best = table.iloc[0]
        strength, low, high = best["auroc"], best["low"], best["high"]
        less = strength < 0.5
        if less:
            strength, low, high = 1 - strength, 1 - high, 1 - low
        interval = "" if np.isnan(low) else f" (95 % interval {low:.2f} to {high:.2f})"
        yield from finding(
            kind,
            int(best["patches"]),
            severity=Severity.WARNING if strength >= _TELLING_AUROC else None,
            of_measure=str(best["measure"]),
            measure=measure_text(str(best["measure"])).capitalize(),
            strength=f"{strength:.2f}{interval}",
            direction="lower" if less else "higher",
        )


def _splits(splits: pd.DataFrame) -> Iterator[Finding]:
    for row in splits[splits["kind"] == "touched"].to_dict("records"):
        split, of = str(row["a"]), f"{int(row['of']):,}"
        yield from finding("split-touched", int(row["count"]), ids=[split], split=split, of=of)


def _probes(probes: pd.DataFrame) -> Iterator[Finding]:
    for row in probes.to_dict("records"):
        if np.isnan(row["score"]) or row["seen"] != "ring" or row["told"] == "label":
            continue
        telling = row["told"] == "split" and row["score"] - row["chance"] > _BALANCE_GAP
        yield from finding(
            f"{row['told']}-told-from-colour",
            int(row["patches"]),
            severity=Severity.WARNING if telling else None,
            told=row["told"],
            measure=row["measure"],
            score=f"{row['score']:.2f}",
            chance=f"{row['chance']:.2f}",
        )


def _doubtful(candidates: pd.DataFrame) -> Iterator[Finding]:
    own = bool(candidates["out_of_fold"].iloc[0])
    return _of_rows("doubtful-label", candidates["row"], caution="" if own else _CAUTION)


_OF_TABLES: Final[Mapping[str, Callable[[pd.DataFrame], Iterator[Finding]]]] = {
    "table_faults": _table_faults,
    "balance": _balance,
    "pairs": _pairs,
    "splits": _splits,
    "associations": _associations,
    "probes": _probes,
    "label_candidates": _doubtful,
}
