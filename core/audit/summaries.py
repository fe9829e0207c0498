"""Statistics of a measured data set: balance, associations, and a map of its patches."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pandas as pd

from core.audit.columns import MEASURES, REGIONS
from core.errors import Fault
from core.statistics import Evidence, SlideBootstrap, auroc

_SEED: Final = 20_180_601
_HUES: Final = {f"{region}_hue_mean" for region in REGIONS}
_LEAST_HUE_DEGREES: Final = 120.0
"""Hues are cut open at green, where neither stain lies, before they are ranked."""


def readable(patches: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have measures."""
    return patches[patches["fault"] == Fault.NONE]


def balance(patches: pd.DataFrame) -> pd.DataFrame:
    """Return patches and tumour share in all, per split and per slide; see `columns.TABLES`."""
    counts = pd.DataFrame(
        {
            "split": patches["split"],
            "slide": patches["slide"],
            "patches": 1,
            "readable": (patches["fault"] == Fault.NONE).astype(int),
            "labelled": patches["label"].notna().astype(int),
            "positives": (patches["label"] == 1).fillna(value=False).astype(int),
        }
    )
    columns = ["patches", "readable", "labelled", "positives"]
    parts = [counts[columns].sum().to_frame().T.assign(by="all", name="all", splits=0)]
    for by in ("split", "slide"):
        part = counts.groupby(by)[columns].sum().reset_index(names="name").assign(by=by)
        splits = counts.groupby(by)["split"].nunique() if by == "slide" else None
        part["splits"] = 0 if splits is None else splits.to_numpy()
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table["prevalence"] = table["positives"] / table["labelled"].replace(0, np.nan)
    return table[["by", "name", *columns, "prevalence", "splits"]].astype({"name": str})


def associations(
    patches: pd.DataFrame,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame | None:
    """Return the AUROC of each measure alone, what a model could learn without seeing tissue.

    Where the slides of at least two are known, the interval resamples slides and both it and the
    AUROC are of the patches whose slide is known; else it is DeLong's, as if patches were
    independent, and too narrow.

    Args:
        patches: Rows of `patches`.
        on_progress: Called with (measures done, measures).
        should_stop: Asked after each; None is returned then.
    """
    known = readable(patches)
    known = known[known["label"].notna()]
    with_slides = known[known["slide"].notna()]
    by_slide = with_slides["slide"].nunique() >= 2 and with_slides["label"].nunique() == 2
    rows = []
    for done, row in enumerate(_associations(with_slides if by_slide else known, by_slide)):
        rows.append(row)
        on_progress(done + 1, len(MEASURES))
        if should_stop():
            return None
    table = pd.DataFrame(rows, columns=list(_ASSOCIATION))
    strength = (table["auroc"] - 0.5).abs()
    return table.iloc[np.argsort(-strength.to_numpy(), kind="stable")].reset_index(drop=True)


_ASSOCIATION: Final = ("measure", "patches", "auroc", "low", "high", "method", "slides", "notes")


def _associations(known: pd.DataFrame, by_slide: bool) -> Iterator[tuple[object, ...]]:
    if known["label"].nunique() < 2:
        return
    labels = known["label"].to_numpy(int)
    slides = known["slide"].to_numpy(str) if by_slide else None
    for measure in MEASURES:
        values = known[measure].to_numpy(np.float64)
        if measure in _HUES:
            values = (values - _LEAST_HUE_DEGREES) % 360
        kept = np.isfinite(values)
        if not 0 < labels[kept].sum() < kept.sum():
            continue
        evidence = Evidence.of(
            labels[kept],
            values[kept].astype(np.float32),
            None if slides is None else slides[kept],
        )
        if slides is None:
            area, count = auroc(evidence), 0
        else:
            area = SlideBootstrap.of(evidence, np.random.default_rng(_SEED)).auroc().measured
            count = len(evidence.slide_names)
        estimate = area.value, area.low, area.high, area.method or "none"
        yield measure, len(evidence), *estimate, count, " ".join(area.notes)
