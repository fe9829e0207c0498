"""`python -m core explain`: a source in, overlays and one row of measures per input out."""

import csv
import platform
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from core.command_line import say
from core.errors import RunError
from core.explanation.cam import Method, Target
from core.explanation.explainer import Explainer
from core.explanation.faithfulness import TwinTester
from core.explanation.fillers import DonorPool, read_donors
from core.explanation.overlay import OverlayStyle, shared_scale
from core.explanation.picture import TABLE_NAME, explained_picture, picture_name
from core.explanation.reliance import CentreTest
from core.explanation.rows import EXPLANATION_COLUMNS, ExplanationRow
from core.explanation.run import Measurement, explain_source
from core.files import alone_in, replacing, require_apart, require_folder_of
from core.options import ExplainOptions
from core.patches import Patch, PatchSource, open_source
from core.patches.colours import colour_notes
from core.pictures import png_bytes
from core.scoring import Classifier, Status, open_classifier, write_metadata
from core.tables import counted

ALL_EXPLAINED: Final = 0
SOME_NOT_EXPLAINED: Final = 1


Drawn = dict[int, ExplanationRow]
"""By position, the rows whose patches the second pass draws."""


def explain_command(options: ExplainOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: Wrong usage, no usable model; nothing is written then.
    """
    out = options.out
    table: Path = options.csv or out / TABLE_NAME
    _check_usage(options, out, table)
    style = OverlayStyle(zoom=options.zoom, smooth=options.smooth)
    same = out.resolve() == options.source.resolve()
    own = [] if same or not out.is_dir() else list(out.iterdir())
    with open_source(options.source, ignore=own) as source:
        for note in (*source.remarks, *colour_notes(source)):
            say(f"Note: {note}")
        source.require_consistent()
        classifier = open_classifier(options.model, device=options.device)
        donors = None if options.donors is None else read_donors(options.donors)
        explainer = Explainer(
            classifier,
            method=Method(options.method) if options.method else None,
            layer=options.layer,
            target=Target(options.target),
            donors=donors,
        )
        measurement = _measurement(options, explainer, donors)
        started, clock = datetime.now(UTC), time.perf_counter()
        with alone_in(out):
            counts, drawn = _write_table(
                table,
                source,
                explain_source(source, explainer, measurement, batch_size=options.batch_size),
                overlays=options.overlays,
            )
            scale = (
                shared_scale(row.explanation.cam for row in drawn.values() if row.explanation)
                if options.shared_scale
                else None
            )
            for name, png in _pictures(source, drawn, scale=scale, style=style):
                (out / name).write_bytes(png)
        seconds = time.perf_counter() - clock
    write_metadata(
        table,
        _metadata(classifier, explainer, measurement, source)
        | {
            "counts": counts,
            "overlay_scale": scale,
            "overlay_style": {key: str(value) for key, value in asdict(style).items()},
            "started": started.isoformat(),
            "seconds": round(seconds, 3),
        },
    )
    say(", ".join(f"{count} {status}" for status, count in counts.items()) + f": {table}")
    if drawn:
        unit = explainer.method.unit
        full = (
            "each on its own scale"
            if scale is None
            else f"full colour is {scale:.4g} {unit} per cell"
        )
        say(f"{len(drawn)} pictures in {out}; {full}.")
        states = Counter(row.map_state for row in drawn.values())
        say(", ".join(f"{count} {state}" for state, count in states.items()) + ".")
    _say_others(out, drawn)
    return ALL_EXPLAINED if counts["scored"] == sum(counts.values()) else SOME_NOT_EXPLAINED


def _say_others(out: Path, drawn: Drawn) -> None:
    """Pictures of other patches that an earlier run left would pass for those of this one."""
    mine = {row.overlay for row in drawn.values()}
    others = {file.name for file in out.glob("[0-9]*-*.png")} - mine
    if others:
        say(
            f"Note: {out} also contains {counted(len(others), 'picture')} of an earlier run "
            f"({min(others)}). The table's column overlay names those of this run."
        )


def _check_usage(options: ExplainOptions, out: Path, table: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"Found a file at --out {out.name}; expected a folder or nothing there.")
    if table.suffix != ".csv":
        raise RunError(f"Found --csv {table.name}; expected a name ending in .csv.")
    if table.parent != out:
        require_folder_of(table)
    require_apart((table,), (options.source,))
    if options.batch_size < 1:
        raise RunError(f"Found --batch-size {options.batch_size}; expected 1 or more.")


def _measurement(
    options: ExplainOptions, explainer: Explainer, donors: DonorPool | None
) -> Measurement:
    if options.quick:
        return Measurement()
    test = CentreTest(explainer.classifier, donors=donors)
    twins, untested = TwinTester.of(explainer)
    if untested:
        say(f"The maps are not tested. {untested}")
    return Measurement(centre_test=test, views=True, twins=twins)


def _write_table(
    table: Path, source: PatchSource, rows: Iterator[ExplanationRow], *, overlays: bool
) -> tuple[dict[str, int], Drawn]:
    """Write the rows and return the count of each status, and what is drawn."""
    counts: Counter[str] = Counter({str(status): 0 for status in Status})
    drawn: Drawn = {}
    with (
        replacing(table) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(EXPLANATION_COLUMNS)
        bar = tqdm(rows, total=len(source), unit="patch", desc="Explaining", dynamic_ncols=True)
        for index, row in enumerate(bar):
            counts[str(row.score.status)] += 1
            named = row
            if overlays and row.explanation is not None:
                named = replace(row, overlay=picture_name(index, row.score.id))
                # What the picture does not show is not kept, so that memory holds large sources.
                kept = replace(named, views=None)
                drawn[index] = kept
            writer.writerow(named.cells())
    return dict(counts), drawn


def _pictures(
    source: PatchSource, drawn: Drawn, *, scale: float | None, style: OverlayStyle
) -> Iterator[tuple[str, bytes]]:
    """Yield names and PNG files: the patches read again, once their scale is known."""
    bar = tqdm(drawn, unit="picture", desc="Drawing", dynamic_ncols=True, disable=not drawn)
    for index in bar:
        patch, row = source.read(index), drawn[index]
        if isinstance(patch, Patch):
            picture = explained_picture(patch.image_rgb_u8, row, scale=scale, style=style)
            yield row.overlay, png_bytes(picture)


def _metadata(
    classifier: Classifier, explainer: Explainer, measurement: Measurement, source: PatchSource
) -> dict[str, Any]:
    test = measurement.centre_test
    return {
        "research_use_only": True,
        "source": source.name,
        "source_fingerprint": source.fingerprint(),
        "model_id": classifier.model_id,
        "operating_point": classifier.operating_point.model_dump(mode="json"),
        "device": classifier.engine.device,
        "method": str(explainer.method),
        "layer": asdict(explainer.layer),
        "target": str(explainer.target),
        "centre_test": None if test is None else asdict(test.settings),
        "donors": None if test is None else list(test.donors.ids),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "timm", "numpy", "grad-cam")},
        },
    }
