"""`python -m core explain`: a source in, overlays and one row of measures per input out."""

import argparse
import csv
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from core.errors import RunError
from core.explanation.cam import CamMap, Method, Target, unit_of
from core.explanation.explainer import EXPLAIN_BATCH, Explainer
from core.explanation.faithfulness import TwinTester
from core.explanation.fillers import DonorPool
from core.explanation.overlay import (
    OverlayStyle,
    Palette,
    draw_pair,
    png_bytes,
    shared_scale,
)
from core.explanation.reliance import CentreTest
from core.explanation.rows import EXPLANATION_COLUMNS, ExplanationRow
from core.explanation.run import Measurement, explain_source
from core.patches import Patch, PatchSource, open_source
from core.scoring import Classifier, Status, open_classifier, write_metadata
from core.scoring.outputs import replacing
from core.settings import SHIPPED_MODEL

TABLE_NAME: Final = "explanations.csv"
ALL_EXPLAINED: Final = 0
SOME_NOT_EXPLAINED: Final = 1
_MOST_DONORS: Final = 500
_SAFE_ID_LENGTH: Final = 64


def add_explain_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `explain` with its options."""
    parser = commands.add_parser(
        "explain",
        help="draw maps over patches, test their centre, and write a table of the measures",
        description="Write one row per input, in input order, and a picture per scored patch: the "
        "patch beside its map, the centre 32 × 32 marked, all on one scale. Exit status: 0 all "
        "explained, 1 some inputs could not be (their rows say why), 2 wrong usage or no usable "
        "model. A map shows what the network reacted to; it is no finding.",
    )
    parser.add_argument(
        "source", type=Path, help="folder, .zip, PCam .h5, .csv with a column 'path', or one image"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the pictures")
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help=f"the table (default: DIR/{TABLE_NAME})"
    )
    parser.add_argument(
        "--method",
        type=Method,
        choices=list(Method),
        help="default: cam where it is exact, else grad-cam",
        metavar="{" + ",".join(Method) + "}",
    )
    parser.add_argument("--layer", help="name of a layer (default: the last map)")
    parser.add_argument(
        "--target",
        type=Target,
        choices=list(Target),
        default=Target.TUMOUR,
        metavar="{" + ",".join(Target) + "}",
        help="what positive values speak for (default: tumour)",
    )
    parser.add_argument(
        "--model", type=Path, default=SHIPPED_MODEL, help="model bundle (default: the shipped one)"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument(
        "--donors",
        type=Path,
        metavar="SOURCE",
        help="patches without tumour whose tissue the centre test puts in, best of the same "
        "laboratory (default: the drawn samples)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="maps only: no centre test, no eight orientations"
    )
    parser.add_argument(
        "--faithfulness",
        action="store_true",
        help="also test each map against randomised twins, and by ROAD; seconds a patch",
    )
    parser.add_argument("--no-overlays", action="store_true", help="write the table only")
    parser.add_argument("--zoom", type=int, default=OverlayStyle.zoom, help="whole factor, 1 to 32")
    parser.add_argument(
        "--palette",
        type=Palette,
        choices=list(Palette),
        default=OverlayStyle.palette,
        metavar="{" + ",".join(Palette) + "}",
    )
    parser.add_argument("--smooth", action="store_true", help="interpolate between the cells")
    parser.add_argument("--batch-size", type=int, default=EXPLAIN_BATCH, help="inputs per pass")
    parser.set_defaults(run=explain)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What the second pass needs to draw a patch."""

    index: int
    overlay: str
    cam: CamMap


def explain(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: Wrong usage, no usable model; nothing is written then.
    """
    out: Path = arguments.out
    table: Path = arguments.csv or out / TABLE_NAME
    _check_usage(arguments, out, table)
    style = OverlayStyle(zoom=arguments.zoom, palette=arguments.palette, smooth=arguments.smooth)
    with open_source(arguments.source) as source:
        classifier = open_classifier(arguments.model, device=arguments.device)
        explainer = Explainer(
            classifier,
            method=arguments.method,
            layer=arguments.layer,
            target=arguments.target,
        )
        measurement = _measurement(arguments, explainer)
        out.mkdir(parents=True, exist_ok=True)
        started, clock = datetime.now(UTC), time.perf_counter()
        counts, drawn = _write_table(
            table,
            source,
            explain_source(source, explainer, measurement, batch_size=arguments.batch_size),
            overlays=not arguments.no_overlays,
        )
        scale = shared_scale(one.cam for one in drawn)
        _draw(source, drawn, out, scale=scale, style=style)
        seconds = time.perf_counter() - clock
    write_metadata(
        table,
        _metadata(classifier, explainer, measurement, source)
        | {
            "counts": counts,
            "overlay_scale": scale if drawn else None,
            "overlay_style": {key: str(value) for key, value in asdict(style).items()},
            "started": started.isoformat(),
            "seconds": round(seconds, 3),
        },
    )
    _say(", ".join(f"{count} {status}" for status, count in counts.items()) + f": {table}")
    if drawn:
        unit = unit_of(explainer.method)
        _say(f"{len(drawn)} pictures in {out}; full colour is {scale:.4g} {unit} per cell.")
    return ALL_EXPLAINED if counts["scored"] == sum(counts.values()) else SOME_NOT_EXPLAINED


def _check_usage(arguments: argparse.Namespace, out: Path, table: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"Found a file at --out {out.name}; expected a folder or nothing there.")
    if table.suffix != ".csv":
        raise RunError(f"Found --csv {table.name}; expected a name ending in .csv.")
    if arguments.csv is not None and not table.parent.is_dir() and table.parent != out:
        raise RunError(f"There is no folder {table.parent} to write to. Make it first.")
    if arguments.batch_size < 1:
        raise RunError(f"Found --batch-size {arguments.batch_size}; expected 1 or more.")


def _measurement(arguments: argparse.Namespace, explainer: Explainer) -> Measurement:
    measurement = Measurement()
    if not arguments.quick:
        donors = None if arguments.donors is None else read_donors(arguments.donors)
        test = CentreTest(explainer.classifier, donors=donors)
        measurement = replace(measurement, centre_test=test, views=True)
    if arguments.faithfulness:
        # OpenCV, matplotlib and scikit-learn come with the library; only who asks waits.
        from core.explanation.library import RoadMetric  # noqa: PLC0415

        measurement = replace(
            measurement, twins=TwinTester(explainer), road=RoadMetric(explainer.network)
        )
    return measurement


def read_donors(path: Path) -> DonorPool:
    """Return up to 500 patches of a source as donors, those labelled tumour left out.

    Raises:
        SourceError: The source cannot be opened.
        RunError: It holds no patch that can lend its tissue.
    """
    with open_source(path) as source:
        free = [index for index, entry in enumerate(source.entries) if entry.label != 1]
        if len(free) > _MOST_DONORS:
            free = free[:: -(-len(free) // _MOST_DONORS)]
        patches = [item for i in free if isinstance(item := source.read(i), Patch)]
    if not patches:
        raise RunError(
            f"Found no readable patch without tumour in {path.name}. Give a folder of negatives."
        )
    ids = [patch.entry.id for patch in patches]
    return DonorPool.of(ids, np.stack([patch.image_rgb_u8 for patch in patches]))


def _write_table(
    table: Path, source: PatchSource, rows: Iterator[ExplanationRow], *, overlays: bool
) -> tuple[dict[str, int], list[_Drawn]]:
    counts: Counter[str] = Counter({str(status): 0 for status in Status})
    drawn: list[_Drawn] = []
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
                named = replace(row, overlay=overlay_name(index, row.score.id))
                drawn.append(_Drawn(index, named.overlay, row.explanation.cam))
            writer.writerow(named.cells())
    return dict(counts), drawn


def overlay_name(index: int, patch_id: str) -> str:
    """Return a picture's file name: position and id, with nothing that a file system minds."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", patch_id)[:_SAFE_ID_LENGTH]
    return f"{index:06d}-{safe}.png"


def _draw(
    source: PatchSource, drawn: list[_Drawn], out: Path, *, scale: float, style: OverlayStyle
) -> None:
    """Read the patches again and draw them, now that the scale of all of them is known."""
    for one in tqdm(drawn, unit="picture", desc="Drawing", dynamic_ncols=True, disable=not drawn):
        patch = source.read(one.index)
        if isinstance(patch, Patch):
            pair = draw_pair(patch.image_rgb_u8, one.cam, scale=scale, style=style)
            (out / one.overlay).write_bytes(png_bytes(pair))


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


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
