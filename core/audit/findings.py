"""From tables to findings, each a sentence with its number."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd

from core.audit.columns import STATISTICS_OF
from core.audit.faults import (
    label_findings,
    quality_findings,
    table_findings,
    unreadable_findings,
)
from core.audit.finding import MOST_ROWS, Area, Finding, Severity, counted, of_rows
from core.audit.limits import QualityLimits

_SEVERITIES: Final = tuple(Severity)
_BALANCE_GAP: Final = 0.1
"""Tumour share of two splits that differ by more than this is worth a warning."""
_TELLING_AUROC: Final = 0.7


def find(
    patches: pd.DataFrame, table: Callable[[str], pd.DataFrame | None], limits: QualityLimits
) -> tuple[Finding, ...]:
    """Return the findings, errors first, then in the order of `Area`, the largest count first.

    Args:
        patches: Rows of `patches`.
        table: Gives any other table of the audit, None while it is not there.
        limits: Of the quality measures.
    """
    if patches.empty:
        return ()
    found = [
        *unreadable_findings(patches),
        *label_findings(patches),
        *quality_findings(patches, limits),
    ]
    for name, findings_of in _OF_TABLES.items():
        rows = table(name)
        if rows is not None:
            found += findings_of(rows)
    areas = list(Area)
    return tuple(
        sorted(
            found,
            key=lambda each: (
                _SEVERITIES.index(each.severity),
                areas.index(each.area),
                -each.count,
            ),
        )
    )


def _balance(balance: pd.DataFrame) -> Iterator[Finding]:
    shared = balance[(balance["by"] == "slide") & (balance["splits"] > 1)]
    if len(shared):
        yield Finding(
            "slide-in-two-splits",
            Area.SPLITS,
            Severity.ERROR,
            f"In more than one split: {counted(len(shared), 'slide', 'slides')}. "
            "Performance measured on such a split is too optimistic.",
            "Split by slide, so that every slide is in one part only.",
            len(shared),
            ids=tuple(shared["name"].head(MOST_ROWS)),
        )
    whole = balance[balance["by"] == "all"].iloc[0]
    if whole["labelled"]:
        yield Finding(
            "class-balance",
            Area.STATISTICS,
            Severity.NOTE,
            f"{whole['prevalence']:.1%} of {counted(int(whole['labelled']), 'label', 'labels')} "
            "are tumour. This is not a clinical prevalence.",
            "State a prevalence before you use predictive values.",
            int(whole["labelled"]),
        )
    splits = balance[(balance["by"] == "split") & (balance["labelled"] > 0)]
    shares = splits["prevalence"]
    if len(splits) > 1 and shares.max() - shares.min() > _BALANCE_GAP:
        parts = ", ".join(
            f"{name} {share:.0%}" for name, share in zip(splits["name"], shares, strict=True)
        )
        yield Finding(
            "splits-differ-in-balance",
            Area.SPLITS,
            Severity.WARNING,
            f"The splits differ in their proportion of tumour: {parts}.",
            "Do not choose a threshold on a split whose composition differs from the others.",
            len(splits),
            ids=tuple(splits["name"]),
        )


_PAIRS: Final = {
    "same-bytes": "the same file",
    "same-pixels": "the same image in a different file",
    "same-under-orientation": "the same image rotated or mirrored",
    "near": "nearly the same image",
    "overlap": "overlapping crops of the same area",
}


def _pairs(pairs: pd.DataFrame) -> Iterator[Finding]:
    def rows_of(chosen: pd.DataFrame) -> tuple[int, ...]:
        both = chosen[["row_a", "row_b"]].to_numpy(np.int64).ravel().tolist()
        return tuple(dict.fromkeys(both))[:MOST_ROWS]  # each once, pairs side by side

    def true(column: str) -> "pd.Series[bool]":
        return pairs[column].astype("boolean").fillna(value=False).astype(bool)

    for kind, words in _PAIRS.items():
        of_kind = pairs[pairs["kind"].astype(str) == kind]
        if len(of_kind):
            severity = Severity.NOTE if kind == "overlap" else Severity.WARNING
            yield Finding(
                kind,
                Area.RELATIONS,
                severity,
                f"{counted(len(of_kind), 'pair is', 'pairs are')} {words}.",
                "Keep one of each, or keep them in one split.",
                len(of_kind),
                rows_of(of_kind),
            )
    across, conflict = true("across_splits"), true("label_conflict")
    shifted = pairs["kind"].astype(str) == "overlap"
    for chosen, kind, area, severity, headline, action in (
        (
            across,
            "related-across-splits",
            Area.SPLITS,
            Severity.ERROR,
            "{n} of the same tissue in two splits: used for both training and testing.",
            "Put both patches of each pair into the same split.",
        ),
        (
            conflict & ~shifted,
            "copy-with-other-label",
            Area.LABELS,
            Severity.ERROR,
            "{n} of the same image with different labels.",
            "Check both: one label is wrong.",
        ),
        (
            conflict & shifted,
            "overlap-with-other-label",
            Area.LABELS,
            Severity.NOTE,
            "{n} of overlapping crops with different labels.",
            "Some are expected because their centres differ; check those that nearly coincide.",
        ),
    ):
        found = pairs[chosen]
        if len(found):
            words = headline.replace("{n}", counted(len(found), "pair", "pairs"))
            yield Finding(kind, area, severity, words, action, len(found), rows_of(found))


def _associations(associations: pd.DataFrame) -> Iterator[Finding]:
    ring = associations[associations["measure"].isin(STATISTICS_OF["ring"])]
    for kind, table, what in (
        ("plain-measure-tells-label", associations, "{measure} alone predicts the label"),
        (
            "ring-tells-label",
            ring,
            "{measure} alone, measured outside the centre, predicts the label",
        ),
    ):
        if table.empty:
            continue
        best = table.iloc[0]
        strength, low, high = best["auroc"], best["low"], best["high"]
        less = strength < 0.5
        if less:
            strength, low, high = 1 - strength, 1 - high, 1 - low
        interval = "" if np.isnan(low) else f" (95 % interval {low:.2f} to {high:.2f})"
        direction = "lower" if less else "higher"
        words = what.format(measure=str(best["measure"]).replace("_", " "))
        yield Finding(
            kind,
            Area.STATISTICS,
            Severity.WARNING if strength >= _TELLING_AUROC else Severity.NOTE,
            f"{words[0].upper()}{words[1:]} with an AUROC of {strength:.2f}{interval}; "
            f"it is {direction} in tumour.",
            "A model that does no better than this may have learned nothing else.",
            int(best["patches"]),
        )


def _splits(splits: pd.DataFrame) -> Iterator[Finding]:
    touched = splits[(splits["kind"] == "touched") & (splits["count"] > 0)]
    for row in touched.to_dict("records"):
        yield Finding(
            "split-touched",
            Area.SPLITS,
            Severity.ERROR,
            f"In split {row['a']}, {counted(int(row['count']))} of {int(row['of']):,} show tissue "
            "that is also in another split.",
            "Put related patches into the same split; interpret results on this split with care.",
            int(row["count"]),
            ids=(str(row["a"]),),
        )


def _probes(probes: pd.DataFrame) -> Iterator[Finding]:
    for row in probes.to_dict("records"):
        if np.isnan(row["score"]) or row["seen"] != "ring" or row["told"] == "label":
            continue
        above = row["score"] - row["chance"]
        yield Finding(
            f"{row['told']}-told-from-colour",
            Area.STATISTICS,
            Severity.WARNING if row["told"] == "split" and above > _BALANCE_GAP else Severity.NOTE,
            f"The colour of the ring alone predicts the {row['told']}: {row['measure']} "
            f"{row['score']:.2f}; chance level {row['chance']:.2f}.",
            "Colour can stand in for anything else that differs between slides. Vary the stain in "
            "training.",
            int(row["patches"]),
        )


def _doubtful(candidates: pd.DataFrame) -> Iterator[Finding]:
    if candidates.empty:
        return
    own = bool(candidates["out_of_fold"].iloc[0])
    warning = (
        "" if own else " The scores may come from training patches, which hides most wrong labels."
    )
    yield from of_rows(
        "doubtful-label",
        (Area.LABELS, Severity.WARNING),
        "Labels that the scores contradict: {n}." + warning,
        "Check them, the most doubtful first; the scores may be wrong instead.",
        candidates["row"],
    )


_OF_TABLES: Final[Mapping[str, Callable[[pd.DataFrame], Iterator[Finding]]]] = {
    "table_faults": table_findings,
    "balance": _balance,
    "pairs": _pairs,
    "splits": _splits,
    "associations": _associations,
    "probes": _probes,
    "label_candidates": _doubtful,
}
