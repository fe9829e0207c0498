"""`curve`: validation AUROC against the number of training patches."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from core.command_line import say
from core.errors import RunError
from core.files import replacing, write_table
from core.pages import dressed, error_bars, page
from core.thresholds.score_table import run_scores
from training.bundling.performance import measure_performance
from training.fitting import planned_split, run_fit
from training.learning.team import require_one_process
from training.options import CurveOptions
from training.runs.folder import RunFolder, read_finished

TABLE_FILE: Final = "learning_curve.csv"
PAGE_FILE: Final = "learning_curve.html"


@dataclass(frozen=True)
class CurvePoint:
    """One run of the curve.

    Attributes:
        run: Its folder.
        train_patches: That trained.
        steps: Of the optimiser: with few patches an epoch has few.
        auroc: On the validation patches, the same for all points, with slide bounds.
        low: None where slides are unknown.
        high: Likewise.
    """

    run: str
    train_patches: int
    steps: int
    auroc: float
    low: float | None
    high: float | None


def parse_sizes(text: str) -> tuple[int | None, ...]:
    """Return the sizes in "100,300,all", None for all.

    Raises:
        RunError: One is no whole number, below 2, or there twice.
    """
    try:
        sizes = tuple(
            None if part.strip() == "all" else int(part.replace("_", ""))
            for part in text.split(",")
        )
    except ValueError:
        sizes = ()
    too_small = any(size is not None and size < 2 for size in sizes)
    if not sizes or too_small or len(set(sizes)) < len(sizes):
        raise RunError(
            f"Found --sizes {text}; expected different whole numbers of 2 or more and all, such as "
            "100,300,1000,all."
        )
    return sizes


def run_curve(options: CurveOptions, *, should_stop: Callable[[], bool]) -> list[CurvePoint]:
    """Train every size, write table and picture, and return the points.

    The patches of a smaller size are among those of a larger one; validation is the same. Killed
    at any moment, the same call goes on.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: No size can be trained.
    """
    require_one_process("curve")
    root = options.fit.out
    cache = options.fit.cache or RunFolder(root).pack
    points = []
    for size in _feasible(options):
        name = "train-all" if size is None else f"train-{size:06d}"
        say(f"Training on {'all patches' if size is None else f'{size:,} patches'}")
        one = replace(options.fit, out=root / name, cache=cache, train_patches=size)
        points.append(_point(run_fit(one, should_stop=should_stop)))
    points.sort(key=lambda point: point.train_patches)
    write_table(root / TABLE_FILE, pd.DataFrame(map(asdict, points)))
    with replacing(root / PAGE_FILE) as file:
        figures = {"curve": curve_figure(points)}
        text = page(title="AUROC against training patches", figures=figures)
        file.write_text(text, "utf-8")
    return points


def _feasible(options: CurveOptions) -> list[int | None]:
    """Return the sizes that the data have patches for; says which are left out."""
    sizes = parse_sizes(options.sizes)
    available = len(planned_split(options.fit)[1].train)
    too_large = [size for size in sizes if size is not None and size > available]
    if too_large:
        say(
            f"Note: only {available:,} patches can train, so the sizes "
            f"{', '.join(f'{size:,}' for size in too_large)} are left out."
        )
    feasible = [size for size in sizes if size not in too_large]
    if not feasible:
        raise RunError(
            f"Found --sizes {options.sizes} and {available:,} patches that can train; expected a "
            "size within that number. Add all."
        )
    return feasible


def _point(folder: RunFolder) -> CurvePoint:
    run = read_finished(folder.root)
    config, epochs = run.config, int(run.outcome["epochs"])
    area = measure_performance(run_scores(folder.root).evidence).metrics["auroc"]
    return CurvePoint(
        run=folder.root.name,
        train_patches=config.train.patches,
        steps=epochs * max(1, config.train.patches // config.recipe.batch_size),
        auroc=area.value,
        low=area.low if area.has_interval else None,
        high=area.high if area.has_interval else None,
    )


def curve_figure(points: Sequence[CurvePoint]) -> go.Figure:
    """Return AUROC against training patches on a logarithmic axis, with slide bounds."""
    figure = go.Figure(
        go.Scatter(
            x=[point.train_patches for point in points],
            y=[point.auroc for point in points],
            error_y=error_bars(
                [point.auroc for point in points],
                [math.nan if point.low is None else point.low for point in points],
                [math.nan if point.high is None else point.high for point in points],
            ),
            mode="lines+markers",
        )
    )
    figure.update_xaxes(type="log", title_text="training patches")
    figure.update_yaxes(title_text="validation AUROC, 95 % over slides")
    return dressed(figure, 480)
