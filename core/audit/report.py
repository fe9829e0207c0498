"""The audit as one HTML file that needs no network: findings first, then tables and figures."""

import base64
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from PIL import Image
from plotly.offline import get_plotlyjs

from core.audit.audit import Audit
from core.audit.columns import CHANNELS
from core.audit.finding import Area, Finding, Severity, counted
from core.audit.summaries import readable
from core.files import replacing
from core.patches import Patch, PatchSource

_THUMBNAILS: Final = 12
_PAIRS_SHOWN: Final = 4
_CAPTION: Final = 26
_SIGNS: Final = {Severity.ERROR: "✖", Severity.WARNING: "▲", Severity.NOTE: "•"}
_CLASSES: Final = {
    0: ("no tumour in the centre", "#4477aa"),
    1: ("tumour in the centre", "#cc3311"),
}
_MOST_SLIDES: Final = 60

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  background: #fff; color: #1c2733; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.finding { border-left: 5px solid #8a97a5; padding: .1rem 0 .1rem 1rem; margin: 1.2rem 0; }
.error { border-color: #b3261e; } .warning { border-color: #b86e00; }
.finding p { margin: .2rem 0; } .quiet { color: #5a6875; font-size: .92rem; }
.row { display: flex; flex-wrap: wrap; gap: 6px; margin: .6rem 0; }
.row figure { margin: 0; width: 96px; } .row img { width: 96px; height: 96px;
  image-rendering: pixelated; display: block; }
.row figcaption { font-size: .68rem; overflow-wrap: anywhere; line-height: 1.25; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid #d5dbe1; }
th:first-child, td:first-child { text-align: left; }
.chart { background: #fff; margin: 1rem 0; }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #e3e8ed; }
  .quiet { color: #9aa7b4; } th, td { border-color: #37424d; } }
"""


def write_report(audit: Audit, source: PatchSource, path: Path) -> None:
    """Write the report.

    Args:
        audit: Whose tables are complete as far as they will be.
        source: For the pictures; the inputs that were audited.
        path: Of the HTML file.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for part in _parts(audit, source):
            file.write(part)


def _parts(audit: Audit, source: PatchSource) -> Iterator[str]:
    title = f"Audit of {html.escape(audit.spec.source)}"
    yield f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
    yield "<meta name='viewport' content='width=device-width, initial-scale=1'>"
    yield f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script><body>"
    yield f"<h1>{title}</h1>"
    yield f"<p>{_summary(audit)} Research software, not a medical device.</p>"
    yield "<h2>Findings</h2>"
    findings = audit.findings()
    if not findings:
        yield "<p>Nothing was found.</p>"
    for finding in findings:
        yield _finding(finding, audit.patches, source)
    if audit.balance is not None:
        yield from _balance(audit.balance)
    yield from _distributions(audit.patches)
    if audit.contrasts is not None and len(audit.contrasts):
        yield from _contrasts(audit.contrasts)
    if audit.associations is not None and len(audit.associations):
        yield from _associations(audit.associations)
    if audit.probes is not None:
        yield from _probes(audit.probes)
    if audit.pairs is not None and len(audit.pairs):
        yield from _pairs(audit.pairs, audit.patches, source)
    if audit.progress.skipped:
        yield "<h2>Not done</h2><ul>"
        for step, reason in audit.progress.skipped.items():
            yield f"<li>{html.escape(step)}: {html.escape(reason)}</li>"
        yield "</ul>"
    yield "</body></html>\n"


def _summary(audit: Audit) -> str:
    patches = audit.patches
    measured = len(readable(patches))
    return (
        f"{len(patches):,} inputs, {measured:,} of them patches that can be judged, "
        f"{patches['slide'].nunique():,} known slides, {patches['split'].nunique():,} splits."
    )


def _finding(finding: Finding, patches: pd.DataFrame, source: PatchSource) -> str:
    text = (
        f"<div class='finding {finding.severity}'><p><strong>{_SIGNS[finding.severity]} "
        f"{html.escape(finding.headline)}</strong></p>"
        f"<p class='quiet'>{finding.severity}, {finding.area}. {html.escape(finding.action)}</p>"
    )
    if finding.ids:
        more = " …" if len(finding.ids) > 20 else ""
        text += f"<p class='quiet'>{html.escape(', '.join(finding.ids[:20]))}{more}</p>"
    spread = finding.area is Area.QUALITY  # elsewhere neighbours belong together
    return text + _pictures(finding.rows, patches, source, spread=spread) + "</div>"


def _pictures(
    rows: Sequence[int], patches: pd.DataFrame, source: PatchSource, *, spread: bool = False
) -> str:
    """Return thumbnails of the first rows, or of some of all; paths where there is no picture."""
    if not rows:
        return ""
    last = len(rows) - 1 if spread else min(_THUMBNAILS, len(rows)) - 1
    places = np.unique(np.linspace(0, last, min(_THUMBNAILS, len(rows))).astype(int))
    figures = []
    for row in (rows[place] for place in places):
        item = source.read(row)
        path = str(patches["path"].iloc[row])
        name = f"<span title='{html.escape(path)}'>{html.escape(_short(path))}</span>"
        if isinstance(item, Patch):
            figures.append(
                f"<figure><img alt='' src='data:image/png;base64,{_png(item)}'>"
                f"<figcaption>{name}</figcaption></figure>"
            )
        else:
            figures.append(f"<figure><figcaption>✖ {name}</figcaption></figure>")
    return f"<div class='row'>{''.join(figures)}</div>"


def _short(path: str) -> str:
    """Return a path that fits under a thumbnail."""
    return path if len(path) <= _CAPTION else f"{path[: _CAPTION // 2]}…{path[-_CAPTION // 2 :]}"


def _png(patch: Patch) -> str:
    buffer = io.BytesIO()
    Image.fromarray(patch.image_rgb_u8).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _balance(balance: pd.DataFrame) -> Iterator[str]:
    yield "<h2>Patches and tumour share</h2>"
    rows = balance[balance["by"] != "slide"]
    yield _table(
        ("", "patches", "readable", "labelled", "tumour", "share"),
        [
            (
                "all" if row["by"] == "all" else f"split {row['name']}",
                f"{row['patches']:,}",
                f"{row['readable']:,}",
                f"{row['labelled']:,}",
                f"{row['positives']:,}",
                _number(float(row["prevalence"]), "{:.1%}"),
            )
            for row in rows.to_dict("records")
        ],
    )
    slides = balance[balance["by"] == "slide"].nlargest(_MOST_SLIDES, "patches")
    if len(slides):
        figure = go.Figure()
        for label, (name, colour) in _CLASSES.items():
            count = slides["positives"] if label else slides["labelled"] - slides["positives"]
            figure.add_bar(x=slides["name"].tolist(), y=count.tolist(), name=name,
                           marker_color=colour)  # fmt: skip
        figure.update_layout(barmode="stack", xaxis_type="category")
        yield _chart(figure, f"Labelled patches per slide (the {len(slides)} largest)")


def _distributions(patches: pd.DataFrame) -> Iterator[str]:
    known = readable(patches)
    if known.empty:
        return
    yield "<h2>Colour and stain by class</h2>"
    for region in ("centre", "ring"):
        figure = go.Figure()
        for label, (name, colour) in _CLASSES.items():
            of_class = known[(known["label"] == label).fillna(value=False)]
            if of_class.empty:
                continue
            channels = [channel for channel in CHANNELS if channel in {"haematoxylin", "eosin"}]
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
        figure.update_layout(boxmode="group", yaxis_title="mean optical density")
        yield _chart(figure, f"{region.capitalize()}: whiskers hold 5 to 95 % of the patches")


def _contrasts(contrasts: pd.DataFrame) -> Iterator[str]:
    yield "<h2>Centre against ring</h2>"
    yield (
        "<p class='quiet'>Only the centre decides the label. Intervals resample slides and are of "
        "the patches whose slide is known.</p>"
    )
    yield _table(
        ("channel", "class", "patches", "centre", "ring", "centre − ring", "95 % interval"),
        [
            (
                str(row["channel"]),
                _CLASSES[int(row["label"])][0],
                f"{row['patches']:,}",
                f"{row['centre']:.3g}",
                f"{row['ring']:.3g}",
                f"{row['difference']:+.3g}",
                _interval(float(row["low"]), float(row["high"]), "{:+.3g}"),
            )
            for row in contrasts.to_dict("records")
        ],
    )


def _associations(associations: pd.DataFrame) -> Iterator[str]:
    yield "<h2>What each plain measure tells of the label</h2>"
    by_slide = bool((associations["slides"] > 0).any())
    yield (
        "<p class='quiet'>AUROC of the measure alone; below 0.5 it speaks for 'no tumour'. "
        + (
            f"Patches whose slide is known; intervals resample {associations['slides'].max()} "
            "slides.</p>"
            if by_slide
            else "No slides are known: the intervals take patches as independent and are too "
            "narrow.</p>"
        )
    )
    best = associations.head(25).iloc[::-1]
    figure = go.Figure(
        go.Scatter(
            x=best["auroc"].tolist(),
            y=[name.replace("_", " ") for name in best["measure"]],
            mode="markers",
            marker={"color": "#4477aa", "size": 8},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (best["high"] - best["auroc"]).tolist(),
                "arrayminus": (best["auroc"] - best["low"]).tolist(),
            },
        )
    )
    figure.add_vline(x=0.5, line_dash="dot")
    figure.update_layout(height=640, xaxis_title="AUROC with 95 % interval")
    yield _chart(figure, "The 25 most telling measures")


def _probes(probes: pd.DataFrame) -> Iterator[str]:
    yield "<h2>What a simple model tells from plain colour</h2>"
    yield (
        "<p class='quiet'>Logistic regression on means and spreads of colour and stain, scored on "
        "folds it has not seen.</p>"
    )
    yield _table(
        ("told", "from", "measure", "score", "guessing", "patches", "folds", "note"),
        [
            (
                str(row["told"]),
                str(row["seen"]),
                str(row["measure"]),
                _number(float(row["score"]), "{:.2f}"),
                _number(float(row["chance"]), "{:.2f}"),
                f"{row['patches']:,}",
                str(row["folds"]),
                str(row["note"]),
            )
            for row in probes.to_dict("records")
        ],
    )


def _pairs(pairs: pd.DataFrame, patches: pd.DataFrame, source: PatchSource) -> Iterator[str]:
    yield "<h2>Related patches, pair by pair</h2>"
    for kind, group in pairs.groupby("kind", sort=False):
        yield f"<h3>{html.escape(str(kind))}: {counted(len(group), 'pair', 'pairs')}</h3>"
        for row in group.head(_PAIRS_SHOWN).to_dict("records"):
            both = (int(row["row_a"]), int(row["row_b"]))
            labels = " and ".join(str(patches["label"].iloc[number]) for number in both)
            yield _pictures(both, patches, source)
            yield (
                f"<p class='quiet'>labels {html.escape(labels)}; orientation {row['orientation']}, "
                f"shift {row['shift_x_px']}, {row['shift_y_px']} px; correlation "
                f"{row['score']:.3f}</p>"
            )


def _chart(figure: go.Figure, title: str) -> str:
    figure.update_layout(
        title=title,
        template="plotly_white",
        legend={"orientation": "h", "y": -0.2},
        margin={"l": 10, "r": 10, "t": 50, "b": 10},
    )
    drawn = figure.to_html(include_plotlyjs=False, full_html=False, config={"responsive": True})
    return f"<div class='chart'>{drawn}</div>"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<div class='scroll'><table><tr>{head}</tr>{body}</table></div>"


def _number(value: float, form: str) -> str:
    return "–" if np.isnan(value) else form.format(value)


def _interval(low: float, high: float, form: str) -> str:
    return "–" if np.isnan(low) else f"{form.format(low)} to {form.format(high)}"
