"""The audit as one HTML file that needs no network: findings first, then tables and figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core import pages
from core.audit.findings import Area, Severity, counted
from core.audit.folder import Audit
from core.audit.summaries import readable
from core.files import replacing
from core.patches import Patch, PatchSource
from core.pictures import png_uri
from core.wording import NOTHING, number, percent

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
    contrasts, probes, pairs = (audit.table(name) for name in ("contrasts", "probes", "pairs"))
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
        **_balance(audit.table("balance")),
        distributions={} if known.empty else dict(_distributions(known)),
        contrasts=[] if contrasts is None else list(_contrasts(contrasts)),
        **_associations(audit.table("associations")),
        probes=[] if probes is None else list(_probes(probes)),
        pairs=[] if pairs is None else list(_pairs(pairs, audit, source)),
        skipped=[f"{step}: {skip.reason}" for step, skip in audit.progress.skipped.items()],
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


def _balance(balance: pd.DataFrame | None) -> dict[str, Any]:
    """Return the rows of the table, and the figure of the slides if any are known."""
    if balance is None:
        return {"balance": [], "slides": None}
    rows = [
        (
            "all" if row["by"] == "all" else f"split {row['name']}",
            *(f"{row[count]:,}" for count in ("patches", "readable", "labelled", "positives")),
            percent(float(row["prevalence"])),
        )
        for row in balance[balance["by"] != "slide"].to_dict("records")
    ]
    slides = balance[balance["by"] == "slide"].nlargest(_MOST_SLIDES, "patches")
    return {"balance": rows, "slides": _slides_figure(slides) if len(slides) else None}


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
        title = f"{region.capitalize()}: whiskers hold 5 to 95 % of the patches"
        figure.update_layout(title=title, boxmode="group", yaxis_title="mean optical density")
        yield region, pages.dressed(figure, 450)


def _contrasts(contrasts: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for row in contrasts.to_dict("records"):
        low, high = float(row["low"]), float(row["high"])
        yield (
            str(row["channel"]),
            _CLASSES[int(row["label"])][0],
            f"{row['patches']:,}",
            f"{row['centre']:.3g}",
            f"{row['ring']:.3g}",
            f"{row['difference']:+.3g}",
            NOTHING if np.isnan(low) else f"{low:+.3g} to {high:+.3g}",
        )


def _associations(associations: pd.DataFrame | None) -> dict[str, Any]:
    if associations is None or associations.empty:
        return {"associations": None, "most_slides": 0}
    best = associations.head(25).iloc[::-1]
    figure = go.Figure(
        go.Scatter(
            x=best["auroc"].tolist(),
            y=[name.replace("_", " ") for name in best["measure"]],
            mode="markers",
            marker={"color": pages.NO_TUMOUR, "size": 8},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (best["high"] - best["auroc"]).tolist(),
                "arrayminus": (best["auroc"] - best["low"]).tolist(),
            },
        )
    )
    figure.add_vline(x=0.5, line_dash="dot")
    figure.update_layout(
        title="The 25 most telling measures", xaxis_title="AUROC with 95 % interval"
    )
    most = int(associations["slides"].max())
    return {"associations": pages.dressed(figure, 640), "most_slides": most}


def _probes(probes: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for row in probes.to_dict("records"):
        yield (
            str(row["told"]),
            str(row["seen"]),
            str(row["measure"]),
            number(float(row["score"]), 2),
            number(float(row["chance"]), 2),
            f"{row['patches']:,}",
            str(row["folds"]),
            str(row["note"]),
        )


def _pairs(pairs: pd.DataFrame, audit: Audit, source: PatchSource) -> Iterator[tuple[Any, ...]]:
    for kind, group in pairs.groupby("kind", sort=False):
        shown = []
        for row in group.head(_PAIRS_SHOWN).to_dict("records"):
            both = (int(row["row_a"]), int(row["row_b"]))
            labels = " and ".join(str(audit.patches["label"].iloc[number]) for number in both)
            shown.append(({**row, "labels": labels}, _pictures(both, audit, source)))
        yield str(kind), counted(len(group), "pair", "pairs"), shown
