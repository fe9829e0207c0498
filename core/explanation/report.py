"""The distributions of an explained source as one HTML file that needs nothing from anywhere."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from core.explanation.distributions import (
    Basis,
    Collected,
    Estimate,
    FloatArray,
    Group,
    Spread,
)
from core.explanation.measures import DECIDED, Measure

_BINS: Final = 20
_COLOURS: Final = {
    "Tumour in the centre": "#D55E00",
    "Called tumour": "#D55E00",
    "No tumour in the centre": "#0072B2",
    "Not called tumour": "#0072B2",
    "True positive": "#D55E00",
    "False positive": "#CC79A7",
    "False negative": "#009E73",
    "True negative": "#0072B2",
}
_DASHES: Final = {"False positive": "dash", "False negative": "dash"}
_DECIDED_COLOURS: Final = ("#0B6B73", "#D55E00", "#8A949A", "#E0C341")
_INK: Final = "#16242B"
_FAINT: Final = "#DCE3E6"
_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
_STYLE: Final = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',Arial,sans-serif;
  color:#16242B;background:#fff;max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}
p{max-width:46rem;margin:.4rem 0}.muted,small{color:#566870}
.notice{border-left:3px solid #0B6B73;padding:.4rem .8rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #DCE3E6;
  vertical-align:top}
th{font-weight:600}td small{display:block;white-space:nowrap}
@media print{.figure{break-inside:avoid}}
"""
_NOTES: Final = {
    "centre_share": "Each cell of a coarse map has seen most of the patch, so a share near the "
    "value by area is no proof that the ring decided; centre reliance is the causal measure.",
    "centre_reliance": "1 − exp(−rise of the calibrated log odds by the centre), mean over donors "
    "of tumour-free tissue. 0: the centre carries none of the evidence for tumour, which is "
    "usual for negatives. Near 1: without it the odds of tumour would vanish.",
    "ring_reliance": "The ring does not count for the question asked. Centre and ring can both be "
    "near 1.",
    "centre_reliance_spread": "Above 0.25 the answer hangs on what was put in place.",
    "twins_beaten": "Chance is one half. At least nine in ten are asked for before a map is shown.",
    "road_logit": "Above 0: what the map calls relevant matters more than the rest.",
    "evidence_for": "In the map's unit. Weak evidence does not double the odds.",
}


def report_html(collected: Collected, facts: Mapping[str, str], *, seal: str = "") -> str:
    """Return the report: plotly.js once inside, no address to load anything from.

    Args:
        collected: The measures.
        facts: What was explained by what, name and value, in the reader's words.
        seal: A last line, such as the hash of the table.
    """
    groups = collected.groups()
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT_POLICY}">',
        f"<title>Explanations by class</title><style>{_STYLE}</style>",
        f"<script>{get_plotlyjs()}</script></head><body>",
        "<h1>Explanations by class</h1>",
        '<p class="notice">Research software, not a medical device. These numbers describe what '
        "the model reacted to. They say nothing about the tissue of any patient.</p>",
        _facts(collected, facts),
        _sizes(groups),
    ]
    if any(group.patches for group in groups):
        parts += _sections(groups)
    else:
        parts.append("<p><b>Nothing to compare.</b> No input has an explanation.</p>")
    parts += [_method(groups), f'<p class="muted">{escape(seal)}</p>' if seal else ""]
    return "\n".join(parts) + "</body></html>\n"


def _facts(collected: Collected, facts: Mapping[str, str]) -> str:
    rows = [*facts.items(), ("Explained", f"{len(collected):,} patches")]
    if collected.left_out:
        rows.append(("Without an explanation", f"{collected.left_out:,} inputs, left out"))
    if collected.has_labels and collected.unlabelled:
        rows.append(("Without a reference label", f"{collected.unlabelled:,} patches, left out"))
    cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    return f'<div class="wide"><table>{cells}</table></div>'


def _sizes(groups: Sequence[Group]) -> str:
    cells = "".join(
        f"<tr><td>{escape(group.name)}</td><td>{group.patches:,}</td>"
        f"<td>{escape(str(group.basis))}</td></tr>"
        for group in groups
    )
    return (
        '<h2>Groups</h2><div class="wide"><table><tr><th>Group</th><th>Patches</th><th>By</th>'
        f"</tr>{cells}</table></div>"
    )


def _sections(groups: Sequence[Group]) -> list[str]:
    measures = [spread.measure for spread in groups[0].spreads]
    parts = []
    if any(measure in DECIDED for measure in measures):
        parts.append(
            "<h2>What decides the tumour calls</h2><p>Of the patches called tumour: whether the "
            "call stays when the ring, or the centre, is replaced by tumour-free tissue. "
            "“Decided by the ring” means that the call rests on what does not count.</p>"
            + _inline(_decided_figure(groups), "decided")
            + _table(groups, [one for one in measures if one in DECIDED])
        )
    parts += [_distribution(groups, measure) for measure in measures if not measure.rate]
    rates = [one for one in measures if one.rate and one not in DECIDED]
    parts.append(f"<h2>Rates</h2>{_table(groups, rates)}")
    return parts


def _distribution(groups: Sequence[Group], measure: Measure) -> str:
    note = f"<p>{escape(_NOTES[measure.key])}</p>" if measure.key in _NOTES else ""
    return (
        f"<h2>{escape(measure.name)}</h2>{note}"
        + _inline(_histograms(groups, measure), measure.key)
        + _table(groups, [measure])
    )


def _inline(figure: go.Figure, key: str) -> str:
    drawn = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=f"figure-{key}",  # no random one, so that the same rows make the same file
        config={"displayModeBar": False, "responsive": True},
    )
    return f'<div class="figure">{drawn}</div>'


def _histograms(groups: Sequence[Group], measure: Measure) -> go.Figure:
    panels = [basis for basis in Basis if any(group.basis is basis for group in groups)]
    figure = make_subplots(
        1, len(panels), subplot_titles=[f"By {panel}" for panel in panels], shared_yaxes=True
    )
    edges = _edges([group[measure.key] for group in groups], measure)
    for column, panel in enumerate(panels, start=1):
        for group in groups:
            spread = group[measure.key]
            if group.basis is panel and len(spread):
                share = np.histogram(np.clip(spread.values, edges[0], edges[-1]), edges)[0]
                figure.add_trace(_steps(edges, 100 * share / len(spread), group), 1, column)
        if measure.by_area is not None:
            figure.add_vline(
                measure.by_area, line={"color": _INK, "dash": "dot", "width": 1}, row=1, col=column
            )
    figure.update_xaxes(gridcolor=_FAINT, range=[edges[0], edges[-1]], zeroline=False)
    figure.update_yaxes(gridcolor=_FAINT, ticksuffix=" %", rangemode="tozero", zeroline=False)
    return _dressed(figure, 300)


def _steps(edges: FloatArray, percent: FloatArray, group: Group) -> go.Scatter:
    return go.Scatter(
        x=np.repeat(edges, 2)[1:-1].round(6).tolist(),
        y=np.repeat(percent, 2).round(3).tolist(),
        mode="lines",
        name=group.name,
        line={
            "color": _COLOURS[group.name],
            "width": 2,
            "dash": _DASHES.get(group.name, "solid"),
        },
        hovertemplate="%{x:.2f}: %{y:.1f} % of the group<extra>" + group.name + "</extra>",
    )


def _edges(spreads: Sequence[Spread], measure: Measure) -> FloatArray:
    """Return the limits of the bins; open ends lie where all but 1 in 200 values are inside."""
    values = np.concatenate([spread.values for spread in spreads])
    low, high = measure.bounds
    found = np.quantile(values, [0.005, 0.995]) if len(values) else (0.0, 1.0)
    start = float(found[0]) if low is None else low
    stop = float(found[1]) if high is None else high
    return np.linspace(start, max(stop, start + 1e-6), _BINS + 1)


def _decided_figure(groups: Sequence[Group]) -> go.Figure:
    figure = go.Figure()
    called = [group for group in reversed(groups) if len(group[DECIDED[0].key])]
    for measure, colour in zip(DECIDED, _DECIDED_COLOURS, strict=True):
        name = measure.name.split(": ")[-1]
        figure.add_trace(
            go.Bar(
                y=[f"{group.name} ({len(group[measure.key]):,})" for group in called],
                x=[100 * float(group[measure.key].values.mean()) for group in called],
                orientation="h",
                name=name,
                marker={"color": colour},
                hovertemplate="%{x:.1f} %<extra>" + name + "</extra>",
            )
        )
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(range=[0, 100], ticksuffix=" %", gridcolor=_FAINT)
    return _dressed(figure, 120 + 42 * len(called))


def _dressed(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 36, "b": 10},
        paper_bgcolor="#fff",
        plot_bgcolor="#fff",
        font={"color": _INK, "size": 12},
        legend={"orientation": "h", "y": -0.15, "yanchor": "top"},
    )
    figure.update_yaxes(automargin=True)
    return figure


def _table(groups: Sequence[Group], measures: Sequence[Measure]) -> str:
    """Return groups as rows; the statistics of one measure, or the rates of several, as columns."""
    if not measures:
        return ""
    one = measures[0] if len(measures) == 1 and not measures[0].rate else None
    names = ["lower quartile", "median", "upper quartile"]
    heads = [name.capitalize() for name in names] if one else [m.name for m in measures]
    rows = []
    for group in groups:
        if one:
            spread = group[one.key]
            cells = [_estimate(spread.estimates.get(name), one) for name in names]
            size = _size(spread)
        else:
            cells = [
                _estimate(group[m.key].estimates.get("rate"), m, _size(group[m.key]))
                for m in measures
            ]
            size = f"{group.patches:,}"
        filled = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f"<tr><td>{escape(group.name)}</td><td>{size}</td>{filled}</tr>")
    area = sorted({m.by_area for m in measures if m.by_area is not None})
    by_area = (
        f'<p class="muted">Without any preference, by area: {area[0]:.1%}.'
        f"{' Dotted line.' if one else ''}</p>"
        if area
        else ""
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return (
        f'<div class="wide"><table><tr><th>Group</th><th>Patches</th>{head}</tr>'
        f"{''.join(rows)}</table></div>{by_area}"
    )


def _size(spread: Spread) -> str:
    slides = spread.slide_count
    return f"{len(spread):,}" + (f" on {slides:,} slides" if slides and len(spread) else "")


def _estimate(found: Estimate | None, measure: Measure, beside: str = "") -> str:
    if found is None:
        return "–"
    form = "{:.1%}" if measure.rate else "{:.2f}"
    text = form.format(found.value)
    if found.interval is not None:
        text += " (" + " to ".join(map(form.format, (found.interval.low, found.interval.high)))
        text += ")"
    return f"{text}<small>{escape(beside)}</small>" if beside else text


def _method(groups: Sequence[Group]) -> str:
    clustered = any(spread.slides is not None for group in groups for spread in group.spreads)
    alone = any(
        spread.slides is None and len(spread) for group in groups for spread in group.spreads
    )
    said = [
        "Intervals are 95 %. Rates: slide-cluster, Wilson-t. Quartiles: the quantiles at the ends "
        "of that interval (Woodruff 1952). What is random is the slide."
        if clustered
        else "",
        "Where a patch has no slide, patches are taken as if independent, and intervals are too "
        "narrow, by about the square root of the patches per slide."
        if alone
        else "",
        "No interval: fewer than two slides.",
    ]
    text = " ".join(part for part in said if part)
    return f'<h2>How the intervals were made</h2><p class="muted">{escape(text)}</p>'
