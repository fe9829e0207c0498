"""Slides that are looked at and scored in the app, and outlive the page and the process.

A slide is kept as any batch is, as a job; what was chosen for it and its results lie beside.
"""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter

from core.errors import RunError, SourceError
from core.files import replacing, write_json
from core.jobs.folder import Job, JobFolder, NamedBytes, StoredFile
from core.jobs.runner import BackgroundTask, JobProgress, Runner
from core.patches import ImageU8
from core.scoring import Classifier
from core.slides.cells import Cells
from core.slides.drawn import write_drawn_slide
from core.slides.exports import read_tables
from core.slides.result import JOURNAL, SUMMARY, score_into
from core.slides.run import SlideWatch
from core.slides.tissue import (
    CELL_PX,
    MASK_COARSENING,
    TissueRule,
    find_tissue,
    has_no_colour,
    share_on_overview,
)
from core.slides.view import SLIDE_SUFFIXES, SlideView, open_slide

_CHOICES_FILE: Final = "slide.json"
_RESULT: Final = "result"
_OVERVIEW: Final = "overview.png"
_OVERVIEW_FACTS: Final = "overview-2.json"
"""The number is that of the rule by which a slide's spacing gives its cells."""
_SHARE: Final = "tissue-share.npy"
_DRAWN_SLIDE: Final = "drawn slide"
"""Instead of a path: data can be moved."""
_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class SlideChoices:
    """What a reader sets about a slide.

    Attributes:
        um_per_px: Spacing of its full resolution, where the file does not say it or is wrong.
        all_cells: Score every cell of tissue, not coarse to fine.
        rule: What counts as tissue.
    """

    um_per_px: float | None = None
    all_cells: bool = False
    rule: TissueRule = field(default_factory=TissueRule)


_CHOICES: Final = TypeAdapter(SlideChoices)


@dataclass(frozen=True, eq=False)
class SlidePreview:
    """A slide before it is scored.

    Attributes:
        overview_rgb_u8: (H, W, 3); the slide, small.
        overview_px: Pixels of the view per pixel of the overview.
        shape: Rows and columns of cells.
        um_px: Of the view.
    """

    overview_rgb_u8: ImageU8
    overview_px: int
    shape: tuple[int, int]
    um_px: float

    @property
    def is_exact(self) -> bool:
        """Whether the overview has every pixel by which tissue is told."""
        return self.overview_px == MASK_COARSENING

    @property
    def is_grey(self) -> bool:
        """Whether the slide has no colour."""
        return has_no_colour(self.overview_rgb_u8)

    def cells(self, rule: TissueRule) -> Cells:
        """Return the cells, none of them scored, with what a rule takes for tissue."""
        share = share_on_overview(
            self.overview_rgb_u8, self.overview_px, self.shape, self.um_px, rule
        )
        return Cells(share, share >= rule.least_share)


class SlideStore(Runner[BackgroundTask]):
    """The slides of every owner in one folder; safe to use from several threads."""

    def __init__(self, folder: Path, *, server_roots: Sequence[Path] = ()) -> None:
        """Keep slides below `folder`; those on the server may lie below resolved `server_roots`.

        That is checked whenever one is opened.
        """
        super().__init__()
        self._drawn = folder / "drawn" / "drawn-lymph-node.tif"
        self.jobs = JobFolder(folder, server_roots=(*server_roots, self._drawn.parent.resolve()))
        self._looking: Runner[BackgroundTask] = Runner()

    def add_upload(self, owner: str, file: NamedBytes) -> Job:
        """Keep an uploaded slide and return it.

        Raises:
            SourceError: It is none by its name, or there is no room for it.
        """
        suffix = Path(file.name).suffix.lower()
        if suffix not in SLIDE_SUFFIXES:
            raise SourceError(
                f"Found a file ending in {suffix or 'nothing'}; expected a slide or a region of "
                f"one: {', '.join(sorted(SLIDE_SUFFIXES))}. Export it as one of these."
            )
        job = self.jobs.add_upload(owner, file.name, [file])
        (name, path), *_ = self.jobs.uploaded_files(job)
        # Readers go by the suffix, and exports name the file: its name, with nothing odd in it.
        stored = (_NAME.sub("-", Path(name).stem).strip(".-")[:80] or "slide") + suffix
        path.rename(path.with_name(stored))
        return self.jobs.write(replace(job, uploads=(StoredFile(stored, name),), tables=()))

    def add_drawn(
        self, owner: str, name: str, on_part: Callable[[float], None] = lambda _: None
    ) -> Job:
        """Return the drawn slide as a new slide of an owner; it is drawn at first use.

        `on_part` is told which share is drawn, 0..1.
        """
        if not self._drawn.is_file():
            self.jobs.require_writable()
            self._drawn.parent.mkdir(parents=True, exist_ok=True)
            write_drawn_slide(self._drawn, on_part)
        return self.jobs.add_server_path(owner, name, Path(_DRAWN_SLIDE))

    def is_drawn(self, job: Job) -> bool:
        """Return whether it is the drawn slide."""
        return job.server_path in {_DRAWN_SLIDE, str(self._drawn.resolve())}

    def path(self, job: Job) -> Path:
        """Return the slide's file.

        Raises:
            SourceError: It is outside the allowed folders, or is none.
        """
        if job.server_path is None:
            return self.jobs.uploaded_files(job)[0][1]
        if self.is_drawn(job):
            return self._drawn
        return self.jobs.place_on_server(job.server_path)[0]

    def open(self, job: Job) -> SlideView:
        """Return the slide at the chosen spacing; its cells are those of its results, if any.

        Raises:
            SourceError: It cannot be read.
            SpacingError: Its spacing must be given, or is too coarse.
        """
        return open_slide(
            self.path(job),
            um_per_px=self.choices(job).um_per_px,
            judged_um_px=self.judged_um_px(job),
        )

    def judged_um_px(self, job: Job) -> float | None:
        """Return the spacing at which a finished slide was judged."""
        if not (self.result(job) / SUMMARY).is_file():
            return None
        return float(self.summary(job)["slide"]["judged_um_per_px"])

    def result(self, job: Job) -> Path:
        """Return the folder of its results."""
        return self.jobs.folder / job.id / _RESULT

    def choices(self, job: Job) -> SlideChoices:
        """Return what was chosen for it."""
        try:
            return _CHOICES.validate_json((self.jobs.folder / job.id / _CHOICES_FILE).read_bytes())
        except (OSError, ValueError):
            return SlideChoices()

    def choose(self, job: Job, choices: SlideChoices) -> None:
        """Keep what is chosen for a slide; results under another choice are gone.

        Raises:
            RunError: It is being scored.
        """
        before = self.choices(job)
        if choices == before:
            return
        self.restart(job)
        folder = self.jobs.folder / job.id
        if choices.um_per_px != before.um_per_px:
            self._looking.forget(job)
            (folder / _OVERVIEW_FACTS).unlink(missing_ok=True)
        write_json(folder / _CHOICES_FILE, asdict(choices), indent=None)

    def look(self, job: Job) -> JobProgress | SlidePreview:
        """Return the slide's preview, or how far a thread is that makes it.

        Raises:
            SourceError: The slide cannot be read.
            SpacingError: Its spacing must be given, or is too coarse.
        """
        folder = self.jobs.folder / job.id
        if (folder / _OVERVIEW_FACTS).is_file():
            facts = json.loads((folder / _OVERVIEW_FACTS).read_text("utf-8"))
            with Image.open(folder / _OVERVIEW) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            return SlidePreview(pixels, facts["overview_px"], tuple(facts["shape"]), facts["um_px"])
        task = self._looking.task(job)
        if task is not None and task.error:
            raise SourceError(task.error)
        if task is None or not task.is_alive():
            self.jobs.require_writable()
            self.open(job).close()  # what is wrong with it is said at once
            look, name = partial(self._look, job), f"slide-look-{job.id[:8]}"
            self._looking.begin(job, lambda: BackgroundTask(name, job.owner, work=look))
            task = self._looking.task(job)
        if task is None:  # deleted meanwhile
            return JobProgress("running", step="looking")
        return JobProgress("running", task.done, task.total, before=task.before, step="looking")

    def _look(self, job: Job, task: BackgroundTask) -> None:
        folder = self.jobs.folder / job.id
        with self.open(job) as view:
            tissue = find_tissue(view, TissueRule(), task.advance)
            um_px = view.spacing_um_px
        with replacing(folder / _OVERVIEW) as temporary:
            Image.fromarray(tissue.overview_rgb_u8).save(temporary, "PNG")
        facts = {
            "overview_px": tissue.overview_px,
            "shape": list(tissue.share.shape),
            "um_px": um_px,
        }
        write_json(folder / _OVERVIEW_FACTS, facts, indent=None)

    def start(self, job: Job, classifier: Classifier) -> None:
        """Score the slide, or what it still lacks, in a thread of its own; once at a time."""
        self.jobs.require_writable()
        work = partial(self._score, job, classifier, self.choices(job))
        self.begin(job, lambda: BackgroundTask(f"slide-{job.id[:8]}", job.owner, work=work))

    def _score(
        self, job: Job, classifier: Classifier, choices: SlideChoices, task: BackgroundTask
    ) -> bool:
        slide_cells: list[Cells] = []

        def begin(cells: Cells, kept: int) -> None:
            # How much of each cell is tissue: the tables say it of scored cells only.
            with replacing(self.result(job) / _SHARE) as temporary, temporary.open("wb") as file:
                np.save(file, cells.tissue_share)
            slide_cells.append(cells)
            task.count_from(kept, step="scoring")
            advance(0)

        def advance(count: int) -> None:
            """Note cells; coarse to fine, the total goes by what was found so far."""
            done, cells = task.done + count, slide_cells[0]
            total = done + int(cells.still_to_score(all_cells=choices.all_cells).sum())
            if not choices.all_cells:
                total = max(total, round(done / max(cells.share_begun(), 0.02)))
            task.advance(done, total)

        task.step = "looking"
        watch = SlideWatch(task.advance, begin, advance, task.stop)
        with self.open(job) as view:
            summary = score_into(
                self.result(job),
                view,
                classifier,
                rule=choices.rule,
                all_cells=choices.all_cells,
                resume=True,
                watch=watch,
            )
        return summary is not None

    def wait(self, job: Job, timeout_s: float | None = None) -> None:
        """Wait until the slide's threads have ended."""
        self._looking.wait(job, timeout_s)
        super().wait(job, timeout_s)

    def restart(self, job: Job) -> None:
        """Forget the slide's results, so that it can be scored anew.

        Raises:
            RunError: It is being scored.
        """
        self.jobs.require_writable()
        if self.is_running(job):
            raise RunError("The slide is being scored. Stop it first.")
        self.forget(job)
        shutil.rmtree(self.result(job), ignore_errors=True)

    def remove(self, job: Job) -> None:
        """Stop and delete the slide with its results; a file on the server stays."""
        self.jobs.require_writable()
        self.forget(job)
        self._looking.forget(job)
        self.jobs.delete(job)

    def progress(self, job: Job) -> JobProgress:
        """Return how far the slide is; also for slides of a process that is gone."""
        task = self.task(job)
        if task is not None and (task.is_alive() or task.error):
            return task.progress()
        if (self.result(job) / SUMMARY).is_file():
            cells = self.summary(job)["cells"]
            tried = cells["scored"] + cells["failed"]
            return JobProgress("done", done=tried, total=tried)
        stopped = (self.result(job) / JOURNAL).is_file()
        return JobProgress("stopped" if stopped else "new", done=task.done if task else 0)

    def summary(self, job: Job) -> dict[str, Any]:
        """Return the summary of a finished slide."""
        content: dict[str, Any] = json.loads((self.result(job) / SUMMARY).read_text("utf-8"))
        return content

    def cells(self, job: Job) -> Cells:
        """Return the cells of a finished slide."""
        share: NDArray[np.float32] = np.load(self.result(job) / _SHARE)
        cells = Cells(share, share >= self.choices(job).rule.least_share)
        read_tables(self.result(job), cells)
        return cells

    def cell_px(self, job: Job) -> float:
        """Return the height and width of a finished slide's cells in full-resolution pixels."""
        slide = self.summary(job)["slide"]
        return float(CELL_PX * slide["judged_um_per_px"] / slide["um_per_px"])
