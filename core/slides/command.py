"""`python -m core regions`: a slide in, a folder of cells, regions and pictures out."""

import sys
from pathlib import Path
from typing import Final, NoReturn

from tqdm import tqdm

from core.errors import NodelensError, SourceError
from core.options import RegionsOptions
from core.scoring import Classifier, apply_locked_point, open_classifier
from core.scoring.shards import Shard
from core.slides.cells import Cells
from core.slides.pyramid import dicom_series
from core.slides.result import SlideWatch, score_into
from core.slides.view import SLIDE_SUFFIXES, open_slide
from core.thresholds import read_locked_point

ALL_SCORED: Final = 0
SOME_NOT_SCORED: Final = 1


def regions_command(options: RegionsOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: Wrong usage, no usable model, or the one slide that was named cannot be
            read.
    """
    source, shard = options.source, Shard.parse(options.shard or "1/1")
    slides = _slides_in(source)[shard.number - 1 :: shard.of] if source.is_dir() else [source]
    if options.shard and not source.is_dir():
        raise SourceError("--shard divides a folder of slides; this is one slide. Leave it out.")
    classifier = open_classifier(options.model, device=options.device)
    if options.operating_point is not None:
        classifier = apply_locked_point(classifier, read_locked_point(options.operating_point))
    if not source.is_dir():
        return _one(source, options.out, classifier, options)
    worst = ALL_SCORED
    for slide in slides:
        try:
            status = _one(slide, options.out / slide.name, classifier, options)
        except NodelensError as error:
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
    series: dict[str, Path] = {}  # a slide in DICOM has a file for each of its levels
    for slide in slides:
        series.setdefault(dicom_series(slide) or str(slide), slide)
    return list(series.values())


def _one(path: Path, out: Path, classifier: Classifier, options: RegionsOptions) -> int:
    with open_slide(path, um_per_px=options.um_per_px) as view, _Bars() as bars:
        summary = score_into(
            out,
            view,
            classifier,
            all_cells=options.all_cells,
            resume=options.resume,
            watch=SlideWatch(bars.tissue, bars.start, bars.add),
        )
    if summary is None:
        return SOME_NOT_SCORED
    if bars.scoring is None:
        _say(f"{out.name} is complete already.")
    else:
        _say(f"{summary['in_words']} By {classifier.model_id}: {out}")
    return SOME_NOT_SCORED if summary["cells"]["failed"] else ALL_SCORED


class _Bars:
    """How far a slide is, on the terminal."""

    def __init__(self) -> None:
        self.scoring: tqdm[NoReturn] | None = None
        self._tissue: tqdm[NoReturn] | None = None

    def tissue(self, done: int, total: int) -> None:
        if self._tissue is None:
            self._tissue = tqdm(
                total=total, unit="part", desc="Tissue", dynamic_ncols=True, leave=False
            )
        self._tissue.update(done - self._tissue.n)

    def start(self, _: Cells, kept: int) -> None:
        self._close(self._tissue)
        self.scoring = tqdm(initial=kept, unit="cell", desc="Scoring", dynamic_ncols=True)

    def add(self, count: int) -> None:
        if self.scoring is not None:
            self.scoring.update(count)

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._close(self._tissue)
        self._close(self.scoring)

    @staticmethod
    def _close(bar: "tqdm[NoReturn] | None") -> None:
        if bar is not None:
            bar.close()


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
