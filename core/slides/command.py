"""`python -m core regions`: a slide in, a folder of cells, regions and pictures out."""

from pathlib import Path
from typing import Final

from core.command_line import Bars, say
from core.errors import NodelensError, SourceError
from core.options import RegionsOptions
from core.patches.naming import is_hidden
from core.scoring import Classifier, apply_locked_point, open_classifier
from core.scoring.shards import Shard
from core.slides.cells import Cells
from core.slides.pyramid import dicom_series
from core.slides.result import score_into
from core.slides.run import SlideWatch
from core.slides.view import SLIDE_SUFFIXES, open_slide
from core.tables import counted
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
        raise SourceError(
            "--shard divides a folder of slides, but this is one slide. Leave it out."
        )
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
            say(f"{slide.name}: {error}")
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
    below = [path for path in folder.glob("*/**/*") if path.suffix.lower() in SLIDE_SUFFIXES]
    below = [path for path in below if not is_hidden(path.relative_to(folder).as_posix())]
    if below:
        say(
            f"Note: {counted(len(below), 'file')} of slides in folders below not read "
            f"({min(below).relative_to(folder)}). Name those folders."
        )
    series: dict[str, Path] = {}  # a slide in DICOM has a file for each of its levels
    for slide in slides:
        series.setdefault(dicom_series(slide) or str(slide), slide)
    return list(series.values())


def _one(path: Path, out: Path, classifier: Classifier, options: RegionsOptions) -> int:
    with open_slide(path, um_per_px=options.um_per_px) as view, _Progress() as bars:
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
    if bars.scored is None:
        say(f"{out.name} is complete already.")
    else:
        say(f"{summary['in_words']} By {classifier.model_id}: {out}")
    return SOME_NOT_SCORED if summary["cells"]["failed"] else ALL_SCORED


class _Progress(Bars):
    """How far a slide is, on the terminal."""

    scored: int | None = None

    def tissue(self, done: int, total: int) -> None:
        self.show("Tissue", done, total, "part")

    def start(self, _: Cells, kept: int) -> None:
        self.scored = 0
        self.add(kept)

    def add(self, count: int) -> None:
        self.scored = (self.scored or 0) + count
        self.show("Scoring", self.scored, None, "cell")
