"""The audit as one HTML file that needs no network: findings first, then tables and figures."""

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core import pages
from core.audit.columns import measure_text
from core.audit.findings import Area, Severity
from core.audit.folder import Audit
from core.audit.summaries import readable
from core.files import replacing
from core.patches import Patch, PatchSource
from core.pictures import png_uri
from core.tables import counted
from core.wording import number, percent

_TEMPLATE: Final = Path(__file__).with_name("report.html.j2")
_THUMBNAILS: Final = 12
_PAIRS_SHOWN: Final = 4
_CAPTION: Final = 26
_SIGNS: Final = {Severity.ERROR: "✖", Severity.WARNING: "!", Severity.NOTE: "•"}
_CLASSES: Final = {
    0: ("no tumour in the centre", pages.NO_TUMOUR),
    1: ("tumour in the centre", pages.TUMOUR),
}
_MOST_SLIDES: Final = 60


def write_report(audit: Audit, source: PatchSource, path: Path) -> None:
    """Write the report.

    Args:
        audit: Whose tables are complete as far as they will be.
        source: For the pictures; the inputs that were audited.
        path: Of the HTML file.
    """
    known = readable(audit.patches)
    pairs, associations, slides = audit.table("pairs"), audit.table("associations"), None
    balance = audit.table("balance")
    if balance is not None and (balance["by"] == "slide").any():
        largest = balance[balance["by"] == "slide"].nlargest(_MOST_SLIDES, "patches")
        slides = _slides_figure(largest)
    if associations is not None and associations.empty:
        associations = None
    text = pages.page(
        _TEMPLATE,
        title=f"Audit of {audit.spec.source}",
        summary=_summary(audit),
        signs=_SIGNS,
        findings=[
            # Elsewhere than in QUALITY neighbours belong together.
            (one, _pictures(one.rows, audit, source, spread=one.area is Area.QUALITY))
            for one in audit.findings()
        ],
        balance=_records(audit, "balance"),
        probes=_records(audit, "probes"),
        slides=slides,
        distributions={} if known.empty else dict(_distributions(known)),
        associations=None if associations is None else _associations(associations),
        most_slides=0 if associations is None else int(associations["slides"].max()),
        pairs=[] if pairs is None else list(_pairs(pairs, audit, source)),
        skipped=[f"{step}: {skip.reason}" for step, skip in audit.progress.skipped.items()],
        number=number,
        percent=percent,
    )
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def _summary(audit: Audit) -> str:
    patches = audit.patches
    measured = len(readable(patches))
    return (
        f"{len(patches):,} inputs, {measured:,} of them patches that can be judged, "
        f"{patches['slide'].nunique():,} known slides, {patches['split'].nunique():,} splits."
    )


def _pictures(
    rows: Sequence[int], audit: Audit, source: PatchSource, *, spread: bool = False
) -> list[dict[str, str]]:
    """Return path, short name and picture of the first rows, or of some of all."""
    if not rows:
        return []
    last = len(rows) - 1 if spread else min(_THUMBNAILS, len(rows)) - 1
    places = np.unique(np.linspace(0, last, min(_THUMBNAILS, len(rows))).astype(int))
    shown = []
    for row in (rows[place] for place in places):
        item = source.read(row)
        path = str(audit.patches["path"].iloc[row])
        uri = png_uri(item.image_rgb_u8) if isinstance(item, Patch) else ""
        shown.append({"path": path, "name": _short(path), "png_uri": uri})
    return shown


def _short(path: str) -> str:
    """Return a path that fits under a thumbnail."""
    return path if len(path) <= _CAPTION else f"{path[: _CAPTION // 2]}…{path[-_CAPTION // 2 :]}"


def _records(audit: Audit, name: str) -> list[dict[Hashable, Any]]:
    """Return the rows of a table; none until there is one."""
    table = audit.table(name)
    return [] if table is None else table.to_dict("records")


def _slides_figure(slides: pd.DataFrame) -> go.Figure:
    figure = go.Figure()
    for label, (name, colour) in _CLASSES.items():
        count = slides["positives"] if label else slides["labelled"] - slides["positives"]
        figure.add_bar(x=slides["name"].tolist(), y=count.tolist(), name=name, marker_color=colour)
    title = f"Labelled patches per slide (the {len(slides)} largest)"
    figure.update_layout(title=title, barmode="stack", xaxis_type="category")
    return pages.dressed(figure, 450)


def _distributions(known: pd.DataFrame) -> Iterator[tuple[str, go.Figure]]:
    for region in ("centre", "ring"):
        figure = go.Figure()
        for label, (name, colour) in _CLASSES.items():
            of_class = known[(known["label"] == label).fillna(value=False)]
            if of_class.empty:
                continue
            channels = ["haematoxylin", "eosin"]
            shares = [0.05, 0.25, 0.5, 0.75, 0.95]
            spans = np.array(
                [of_class[f"{region}_{channel}_mean"].quantile(shares) for channel in channels]
            )
            figure.add_box(
                x=channels,
                lowerfence=spans[:, 0].tolist(),
                q1=spans[:, 1].tolist(),
                median=spans[:, 2].tolist(),
                q3=spans[:, 3].tolist(),
                upperfence=spans[:, 4].tolist(),
                name=name,
                marker_color=colour,
            )
        title = f"{region.capitalize()}: whiskers span 5 to 95 % of the patches"
        figure.update_layout(title=title, boxmode="group", yaxis_title="mean optical density")
        yield region, pages.dressed(figure, 450)


def _associations(associations: pd.DataFrame) -> go.Figure:
    best = associations.head(25).iloc[::-1]
    figure = go.Figure(
        go.Scatter(
            x=best["auroc"].tolist(),
            y=[measure_text(name) for name in best["measure"]],
            mode="markers",
            marker={"color": pages.NO_TUMOUR, "size": 8},
            error_x=pages.error_bars(best["auroc"], best["low"], best["high"]),
        )
    )
    figure.add_vline(x=0.5, line_dash="dot")
    figure.update_layout(
        title="The 25 most informative measures", xaxis_title="AUROC with 95 % interval"
    )
    return pages.dressed(figure, 640)


def _pairs(pairs: pd.DataFrame, audit: Audit, source: PatchSource) -> Iterator[tuple[Any, ...]]:
    for kind, group in pairs.groupby("kind", sort=False):
        shown = []
        for row in group.head(_PAIRS_SHOWN).to_dict("records"):
            both = (int(row["row_a"]), int(row["row_b"]))
            labels = " and ".join(str(audit.patches["label"].iloc[number]) for number in both)
            shown.append(({**row, "labels": labels}, _pictures(both, audit, source)))
        yield str(kind), counted(len(group), "pair"), shown
