"""`python -m core regions`: a slide in, a folder of cells, regions and pictures out."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from PIL import Image
from tqdm import tqdm

from core.errors import SourceError
from core.files import replacing, sha256_of
from core.options import RegionsOptions
from core.scoring import Classifier, apply_locked_point, open_classifier
from core.scoring.metadata import engine_facts
from core.slides.cells import Cells, CellState
from core.slides.exports import Placing, write_cell_features, write_region_features, write_tables
from core.slides.heat_map import overview, write_heat_map
from core.slides.journal import SlideJournal, SlideSpec, specify_slide
from core.slides.outlines import Region, find_regions
from core.slides.run import score_slide
from core.slides.tissue import Tissue, TissueRule, find_tissue
from core.slides.view import SlideView, open_slide
from core.thresholds import read_locked_point

ALL_SCORED: Final = 0
SOME_NOT_SCORED: Final = 1
SLIDE_SUFFIXES: Final = frozenset(
    [
        ".svs",
        ".ndpi",
        ".mrxs",
        ".scn",
        ".bif",
        ".vms",
        ".vmu",
        ".svslide",
        ".dcm",
        ".tif",
        ".tiff",
        ".btf",
        ".png",
        ".jpg",
        ".jpeg",
    ]
)
SUMMARY: Final = "summary.json"
FILES: Final = (
    "cells.parquet",
    "cells.csv",
    "cells.geojson.gz",
    "regions.geojson",
    "heatmap.tif",
    "overview.png",
)
COARSE_TO_FINE: Final = (
    "every second cell of every second row, then every neighbour, across an edge, of a cell that "
    "is not called free of tumour; every region with 2 × 2 flagged cells is found and scored whole"
)
_JOURNAL: Final = "cells.journal"


def regions_command(options: RegionsOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: Wrong usage, no usable model, or the one slide that was named cannot be
            read.
    """
    source = options.source
    slides = _slides_in(source) if source.is_dir() else [source]
    classifier = open_classifier(options.model, device=options.device)
    if options.operating_point is not None:
        classifier = apply_locked_point(classifier, read_locked_point(options.operating_point))
    if not source.is_dir():
        return _one(source, options.out, classifier, options)
    worst = ALL_SCORED
    for slide in slides:
        try:
            status = _one(slide, options.out / slide.name, classifier, options)
        except SourceError as error:
            _say(f"{slide.name}: {error}")
            status = SOME_NOT_SCORED
        worst = max(worst, status)
    return worst


def _slides_in(folder: Path) -> list[Path]:
    slides = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SLIDE_SUFFIXES and path.is_file()
    )
    if not slides:
        raise SourceError(
            f"Found no slide in {folder}; expected files ending in "
            f"{', '.join(sorted(SLIDE_SUFFIXES))}."
        )
    return slides


def _one(path: Path, out: Path, classifier: Classifier, options: RegionsOptions) -> int:
    with open_slide(path, um_per_px=options.um_per_px) as view:
        rule = TissueRule()
        spec = specify_slide(view, classifier, rule, all_cells=options.all_cells)
        if options.resume and (before := _finished(out, spec)) is not None:
            _say(f"{out.name} is complete already.")
            return _status(before)
        out.mkdir(parents=True, exist_ok=True)
        (out / SUMMARY).unlink(missing_ok=True)
        return _status(_score_into(out, view, classifier, spec, rule, resume=options.resume))


def _finished(out: Path, spec: SlideSpec) -> dict[str, Any] | None:
    """Return the summary of a finished run of the same, None if there is none."""
    try:
        summary: dict[str, Any] = json.loads((out / SUMMARY).read_text("utf-8"))
        same = SlideSpec(**summary["spec"]) == spec
        hashes = {name: sha256_of(out / name) for name in FILES}
        return summary if same and summary["files_sha256"] == hashes else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _status(summary: dict[str, Any]) -> int:
    return SOME_NOT_SCORED if summary["cells"]["failed"] else ALL_SCORED


def _score_into(
    out: Path,
    view: SlideView,
    classifier: Classifier,
    spec: SlideSpec,
    rule: TissueRule,
    *,
    resume: bool,
) -> dict[str, Any]:
    started, clock = datetime.now(UTC), time.perf_counter()
    with SlideJournal(out / _JOURNAL, spec, resume=resume) as journal:
        bar: tqdm[NoReturn] = tqdm(unit="part", desc="Tissue", dynamic_ncols=True, leave=False)
        with bar:
            tissue = find_tissue(view, rule, lambda done, total: _advance(bar, done, total))
        cells = Cells(tissue.share, tissue.cells)
        found_at = time.perf_counter()
        kept = len(journal.kept)
        bar = tqdm(initial=kept, unit="cell", desc="Scoring", dynamic_ncols=True)
        with bar:
            score_slide(
                view,
                cells,
                classifier,
                journal,
                all_cells=spec.all_cells,
                on_cells=lambda count: _add(bar, count),
            )
        scored_at = time.perf_counter()
    placing = Placing.on(view)
    regions = find_regions(cells, placing.cell_um)
    metadata = _metadata(view, classifier)
    _export(out, placing, metadata, cells=cells, tissue=tissue, regions=regions)
    scored = int((cells.state != CellState.UNSCORED).sum())
    times = {
        "started": started.isoformat(),
        "finished": datetime.now(UTC).isoformat(),
        "resumed_with_cells": kept,
        "seconds_tissue": round(found_at - clock, 3),
        "seconds_scoring": round(scored_at - found_at, 3),
        "cells_per_second": round((scored - kept) / (scored_at - found_at), 1),
    }
    summary = _summary(view, classifier, spec, cells, regions) | times
    summary["files_sha256"] = {name: sha256_of(out / name) for name in FILES}
    with replacing(out / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (out / _JOURNAL).unlink()
    _say(f"{summary['in_words']} By {classifier.model_id}: {out}")
    return summary


def _advance(bar: "tqdm[NoReturn]", done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)


def _add(bar: "tqdm[NoReturn]", count: int) -> None:
    bar.update(count)


def _export(
    out: Path,
    placing: Placing,
    metadata: dict[str, str],
    *,
    cells: Cells,
    tissue: Tissue,
    regions: list[Region],
) -> None:
    write_tables(out, cells, placing)
    write_cell_features(out / "cells.geojson.gz", cells, placing, metadata)
    write_region_features(out / "regions.geojson", regions, placing, metadata)
    write_heat_map(out / "heatmap.tif", cells, placing.cell_um)
    with replacing(out / "overview.png") as temporary:
        Image.fromarray(overview(tissue, cells, regions)).save(temporary, "PNG")


def _metadata(view: SlideView, classifier: Classifier) -> dict[str, str]:
    point = classifier.operating_point
    return {
        "model": classifier.model_id,
        "operating point": f"{point.name}, threshold {point.threshold:.6g}",
        "engine": classifier.engine.description,
        "slide": view.file.path.name,
        "spacing": f"{view.spacing.um_px:.6g} µm/px ({view.spacing.origin})",
        "use": "Research software, not a medical device.",
    }


def _summary(
    view: SlideView,
    classifier: Classifier,
    spec: SlideSpec,
    cells: Cells,
    regions: list[Region],
) -> dict[str, Any]:
    counts = {
        "tissue": int(cells.tissue.sum()),
        "scored": int((cells.state == CellState.SCORED).sum()),
        "flagged": int(cells.flagged.sum()),
        "failed": int((cells.state == CellState.FAILED).sum()),
        "unlike_training": int((cells.domain_distance > 1).sum()),
        "withheld": int((cells.state == CellState.WITHHELD).sum()),
    }
    highest = float(np.nanmax(cells.prob_tumour)) if counts["scored"] else None
    level = view.file.levels[0]
    return {
        "research_use_only": True,
        "in_words": _in_words(counts, highest),
        "spec": vars(spec),
        "slide": {
            "file": view.file.path.name,
            "format": view.file.format,
            "width_px": level.width_px,
            "height_px": level.height_px,
            "offset_px": view.file.offset_px,
            "um_per_px": view.spacing.um_px,
            "spacing_origin": view.spacing.origin,
            "spacing_in_file": view.spacing.in_file,
            "judged_um_per_px": view.spacing_um_px,
            "cell_um": Placing.on(view).cell_um,
        },
        "cells": counts,
        "highest_score": highest,
        "which_cells": "all cells of tissue" if spec.all_cells else COARSE_TO_FINE,
        "tissue_rule": spec.tissue,
        "regions_of_flagged_cells": {
            "count": len(regions),
            "area_mm2": round(sum(region.area_mm2 for region in regions), 6),
            "greatest_diameter_mm": max((region.diameter_mm for region in regions), default=None),
        },
        **engine_facts(classifier),
    }


def _in_words(counts: dict[str, int], highest: float | None) -> str:
    if not counts["tissue"]:
        return "No tissue was found."
    words = f"{counts['flagged']:,} of {counts['tissue']:,} cells of tissue flagged"
    if highest is not None:
        words += f", highest score {highest:.3f}"
    if counts["unlike_training"]:
        words += f"; {counts['unlike_training']:,} unlike the training data"
    if counts["scored"] < counts["tissue"]:
        words += f"; {counts['scored']:,} scored"
    if counts["failed"]:
        words += f"; {counts['failed']:,} could not be read"
    return words + "."


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
