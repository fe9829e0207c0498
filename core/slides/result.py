"""A slide scored into a folder: its cells, regions and pictures, and a summary that says how."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from core.errors import RunError
from core.files import replacing, require_writable, sha256_of, write_json
from core.patches import ImageU8
from core.patches.colours import SAMPLE, SWAPPED, look_swapped
from core.scoring import Classifier
from core.scoring.run import engine_facts
from core.slides.cells import Cells, CellState
from core.slides.exports import Placing, write_cell_features, write_region_features, write_tables
from core.slides.heat_map import overview, write_heat_map
from core.slides.journal import SlideJournal, SlideSpec, specify_slide
from core.slides.outlines import Region, find_regions
from core.slides.run import SlideWatch, cell_patch, score_slide
from core.slides.spacing import SPACING_TOLERANCE
from core.slides.tissue import TissueRule, black_share, find_tissue, has_no_colour
from core.slides.view import SlideView
from core.wording import percent, score_text

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
    "one of every 2 × 2 cells, then what could complete a square of 2 × 2 cells none of which is "
    "called free of tumour; of every flagged square all four cells are scored"
)
JOURNAL: Final = "cells.journal"
_MUCH_BLACK: Final = 0.01


def score_into(
    out: Path,
    view: SlideView,
    classifier: Classifier,
    *,
    rule: TissueRule | None = None,
    all_cells: bool = False,
    resume: bool = False,
    watch: SlideWatch | None = None,
) -> dict[str, Any] | None:
    """Score a slide, write all of `FILES` and the summary into a folder, and return the summary.

    None is returned if the run was stopped. To resume is to continue an interrupted run, or to take
    a finished one of the same as it is.

    Raises:
        RunError: The folder holds the results of another slide; or the interrupted run was
            another, or still goes on.
    """
    rule, watch = rule or TissueRule(), watch or SlideWatch()
    spec = specify_slide(view, classifier, rule, all_cells=all_cells)
    if (before := _finished(out)) is not None:
        summary, slide = before
        if slide.slide_fingerprint != spec.slide_fingerprint:
            changed = " as it was before" if slide.slide == spec.slide else ", another slide"
            raise RunError(
                f"{out} holds the results of {slide.slide}{changed}. Choose another folder, or "
                "delete this one."
            )
        if resume and slide == spec:
            return summary
    require_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / SUMMARY).unlink(missing_ok=True)
    started, clock = datetime.now(UTC), time.perf_counter()
    with SlideJournal(out / JOURNAL, spec, resume=resume) as journal:
        tissue = find_tissue(view, rule, watch.on_tissue)
        cells = Cells(tissue.share, tissue.cells)
        found_at, kept = time.perf_counter(), len(journal.kept)
        watch.on_start(cells, kept)
        if not score_slide(view, cells, classifier, journal, watch, all_cells=all_cells):
            return None
        scored_at = time.perf_counter()
    placing = Placing.on(view)
    regions = find_regions(cells, placing.cell_um, placing.extent)
    metadata = _metadata(view, classifier)
    write_tables(out, cells, placing)
    write_cell_features(out / "cells.geojson.gz", cells, placing, metadata)
    write_region_features(out / "regions.geojson", regions, placing, metadata)
    write_heat_map(out / "heatmap.tif", cells, placing.cell_um)
    with replacing(out / "overview.png") as temporary:
        Image.fromarray(overview(tissue, cells, regions)).save(temporary, "PNG")
    scored = int((cells.state != CellState.UNSCORED).sum())
    times = {
        "started": started.isoformat(),
        "finished": datetime.now(UTC).isoformat(),
        "resumed_with_cells": kept,
        "seconds_tissue": round(found_at - clock, 3),
        "seconds_scoring": round(scored_at - found_at, 3),
        "cells_per_second": round((scored - kept) / (scored_at - found_at), 1),
    }
    picture = tissue.overview_rgb_u8
    summary = _summary(view, classifier, spec, cells, regions, picture=picture) | times
    summary["files_sha256"] = {name: sha256_of(out / name) for name in FILES}
    write_json(out / SUMMARY, summary)
    (out / JOURNAL).unlink()
    return summary


def _finished(out: Path) -> tuple[dict[str, Any], SlideSpec] | None:
    """Return the summary of a finished run and its specification, None if it is not whole."""
    try:
        summary: dict[str, Any] = json.loads((out / SUMMARY).read_text("utf-8"))
        hashes = {name: sha256_of(out / name) for name in FILES}
        whole = summary["files_sha256"] == hashes
        return (summary, SlideSpec(**summary["spec"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
    *,
    picture: ImageU8,
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
        "in_words": " ".join((_in_words(counts, highest, picture), *_doubts(view, cells))),
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


def _doubts(view: SlideView, cells: Cells) -> Iterator[str]:
    """Yield what the file has against being judged so."""
    claimed, given = view.file.claimed.x_um_px, view.spacing.um_px
    if claimed and abs(given / claimed - 1) > SPACING_TOLERANCE:
        yield (
            f"The slide is scored at {given:.4g} µm/px, as entered; the file says "
            f"{view.spacing.in_file}."
        )
    if view.file.is_cut_off:
        yield "The file was cut off, as by an interrupted copy: copy it again."
    missing, parts = view.file.unstored_parts
    if missing:
        yield f"{missing:,} of {parts:,} parts of the slide are not in the file and count as glass."
    scored = np.argwhere(cells.state == CellState.SCORED)
    chosen = scored[:: max(1, len(scored) // SAMPLE)].tolist()
    if look_swapped(cell_patch(view, row, column) for row, column in chosen):
        yield SWAPPED


def _in_words(counts: dict[str, int], highest: float | None, picture: ImageU8) -> str:
    words = f"{counts['flagged']:,} of {counts['tissue']:,} cells of tissue flagged"
    if not counts["tissue"]:
        words = "No tissue was found"
        if has_no_colour(picture):
            words += ": the picture has no colour. Export it as RGB"
    if highest is not None:
        words += f", highest score {score_text(highest)}"
    if counts["unlike_training"]:
        share = counts["unlike_training"] / max(counts["scored"], 1)
        words += f", {percent(share, 0)} unlike the training data"
    if counts["scored"] < counts["tissue"]:
        words += f"; {counts['scored']:,} scored"
    if counts["withheld"]:
        words += f"; {counts['withheld']:,} of one flat colour withheld"
    if counts["failed"]:
        words += f"; {counts['failed']:,} could not be read"
    if (black := black_share(picture)) >= _MUCH_BLACK:
        words += f"; {percent(black, 0)} of the slide is pure black, as in a partly copied file"
    return words + "."
