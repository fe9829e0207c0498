"""A slide through the model: each cell of tissue judged by its own 96 × 96 px."""

import hashlib
import io
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import Fault, PatchError
from core.jobs import as_files
from core.patches import PATCH_SIZE_PX, ImageU8, Patch, PatchEntry, UnreadablePatch
from core.patches.source import ahead
from core.scoring import Classifier, ScoreRow
from core.slides.cells import CellResult, Cells
from core.slides.journal import SlideJournal
from core.slides.tissue import CELL_PX
from core.slides.view import SlideView

BLOCK_CELLS: Final = 16
"""Cells on a side of what is read and decoded at once, with a margin of one cell around."""
_MARGIN_PX: Final = (PATCH_SIZE_PX - CELL_PX) // 2
_BLOCKS_AHEAD: Final = 2
_BLOCKS_OPEN: Final = 32
"""Of a mebibyte each; about a row of them on most slides, so that few are read twice."""
_BATCHES_AHEAD: Final = 4

Block = tuple[int, int]
"""First row and first column of its cells."""
Place = tuple[int, int]
"""Row and column of a cell."""


@dataclass(frozen=True)
class SlideWatch:
    """Who follows a run.

    Attributes:
        on_tissue: Told how many parts of how many were looked at for tissue.
        on_start: Given the cells before the first is scored, with how many were scored before.
        on_cells: Told how many cells were added.
        stop: Set by another thread to stop soon.
    """

    on_tissue: Callable[[int, int], None] = lambda _, __: None
    on_start: Callable[[Cells, int], None] = lambda _, __: None
    on_cells: Callable[[int], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)


def score_slide(
    view: SlideView,
    cells: Cells,
    classifier: Classifier,
    journal: SlideJournal,
    watch: SlideWatch | None = None,
    *,
    all_cells: bool = False,
) -> bool:
    """Score what is wanted of a slide's cells and return whether that is all done.

    The slide is read in blocks of 16 × 16 cells, each decoded once with all its cells' contexts.
    Coarse to fine follows what it finds into the last blocks, whose pixels it still has; a
    region that grows back into an earlier block has that block read again. What is wanted at the
    end does not depend on the order, so an interrupted run ends like an unbroken one.

    The results of the journal are put into the cells first; new ones are on disk before anyone
    hears of them. A stop comes after the block under way. For `all_cells` see
    `Cells.still_to_score`.
    """
    watch = watch or SlideWatch()
    cells.put(journal.kept)
    while True:
        rows, columns = (range(0, side, BLOCK_CELLS) for side in cells.tissue.shape)
        blocks = [
            block
            for block in product(rows, columns)
            if _still_to_score(cells, block, all_cells).any()
        ]
        if not blocks:
            return True
        scoring = _CellScoring(cells, classifier, journal, all_cells, watch.on_cells)
        with closing(ahead(partial(_context, view), blocks, 1, _BLOCKS_AHEAD + 1)) as contexts:
            for block, context in zip(blocks, contexts, strict=True):
                scoring.add(block, context)
                if watch.stop.is_set():
                    scoring.finish(follow=False)
                    return False
        scoring.finish()


class _CellScoring:
    """Cells on their way through the model; it has work while results are looked at.

    Batches are full whatever blocks their cells lie in; only the last ones may not be.
    """

    def __init__(
        self,
        cells: Cells,
        classifier: Classifier,
        journal: SlideJournal,
        all_cells: bool,
        on_cells: Callable[[int], None],
    ) -> None:
        self._cells, self._classifier, self._journal = cells, classifier, journal
        self._all_cells, self._on_cells = all_cells, on_cells
        self._asked = np.zeros(cells.tissue.shape, np.bool_)
        self._open: OrderedDict[Block, ImageU8 | PatchError] = OrderedDict()
        self._waiting: list[tuple[Place, ImageU8 | PatchError]] = []
        self._under_way: deque[tuple[list[Place], Callable[[], list[ScoreRow]]]] = deque()

    def add(self, block: Block, context: ImageU8 | PatchError) -> None:
        """Begin with a block, and take results so that no more than a few batches wait."""
        self._open[block] = context
        if len(self._open) > _BLOCKS_OPEN:
            self._open.popitem(last=False)
        self._want(block)
        while len(self._under_way) > _BATCHES_AHEAD:
            self._take(follow=True)

    def finish(self, *, follow: bool = True) -> None:
        """Take all results; follow what they find into the blocks that are still open."""
        while self._under_way or self._waiting:
            if self._under_way:
                self._take(follow=follow)
            else:
                self._begin()

    def _want(self, block: Block) -> None:
        """Put what is wanted of an open block in line, and begin with full batches."""
        row, column = block
        queued_cells = self._asked[row : row + BLOCK_CELLS, column : column + BLOCK_CELLS]
        new_cells = _still_to_score(self._cells, block, self._all_cells) & ~queued_cells
        queued_cells |= new_cells
        for down, across in np.argwhere(new_cells).tolist():
            patch = _within(self._open[block], down, across)
            self._waiting.append(((row + down, column + across), patch))
        while len(self._waiting) >= self._classifier.engine.batch_size:
            self._begin()

    def _begin(self) -> None:
        size = self._classifier.engine.batch_size
        part, self._waiting = self._waiting[:size], self._waiting[size:]
        batch = self._classifier.begin([_input(at, *one) for at, one in enumerate(part)])
        self._under_way.append(([place for place, _ in part], batch))

    def _take(self, *, follow: bool) -> None:
        places, rows = self._under_way.popleft()
        results = [
            CellResult.of(row, column, scored)
            for (row, column), scored in zip(places, rows(), strict=True)
        ]
        self._journal.append(results)
        self._cells.put(results)
        self._on_cells(len(results))
        near = {
            (
                (row + down) // BLOCK_CELLS * BLOCK_CELLS,
                (column + across) // BLOCK_CELLS * BLOCK_CELLS,
            )
            for row, column in places
            for down, across in product((-1, 0, 1), repeat=2)
        }
        for block in [block for block in self._open if follow and block in near]:
            self._want(block)


def _still_to_score(cells: Cells, block: Block, all_cells: bool) -> NDArray[np.bool_]:
    row, column = block
    return cells.still_to_score(
        slice(row, row + BLOCK_CELLS), slice(column, column + BLOCK_CELLS), all_cells=all_cells
    )


def _context(view: SlideView, block: Block) -> ImageU8 | PatchError:
    """Return a block's cells with a margin of their context, (576, 576, 3)."""
    size = BLOCK_CELLS * CELL_PX + 2 * _MARGIN_PX
    try:
        return view.read(
            block[1] * CELL_PX - _MARGIN_PX, block[0] * CELL_PX - _MARGIN_PX, size, size
        )
    except PatchError as error:
        return error


def cell_patch(view: SlideView, row: int, column: int) -> ImageU8:
    """Return the 96 × 96 px by which a cell is judged; the cell is their centre.

    Raises:
        PatchError: This part of the file is damaged.
    """
    return view.read(
        column * CELL_PX - _MARGIN_PX, row * CELL_PX - _MARGIN_PX, PATCH_SIZE_PX, PATCH_SIZE_PX
    )


def cell_surroundings(view: SlideView, row: int, column: int) -> ImageU8:
    """Return 288 × 288 px, a cell's patch in their middle; white beyond the slide.

    Raises:
        PatchError: This part of the file is damaged.
    """
    side, beyond = 3 * PATCH_SIZE_PX, PATCH_SIZE_PX + _MARGIN_PX
    return view.read(column * CELL_PX - beyond, row * CELL_PX - beyond, side, side)


def _within(context: ImageU8 | PatchError, down: int, across: int) -> ImageU8 | PatchError:
    """Return the patch of a block's cell, or why there is none."""
    if isinstance(context, PatchError):
        return context
    y, x = down * CELL_PX, across * CELL_PX
    return context[y : y + PATCH_SIZE_PX, x : x + PATCH_SIZE_PX]


def _input(index: int, place: Place, patch: ImageU8 | PatchError) -> Patch | UnreadablePatch:
    entry = PatchEntry(cell_id(*place), cell_id(*place))
    if isinstance(patch, PatchError):
        return UnreadablePatch(index, entry, str(patch), kind=Fault.DAMAGED)
    return Patch(index, entry, patch, sha256="")


def cell_id(row: int, column: int) -> str:
    """Return the name of a cell, unique in its slide."""
    return f"r{row}c{column}"


def cells_as_patches(
    view: SlideView,
    places: NDArray[np.int64],
    on_around: Callable[[str, ImageU8], None] = lambda _, __: None,
) -> Iterator[io.BytesIO]:
    """Yield files of a batch: the patch of each cell as PNG, and a table that names the slide.

    `places` are rows and columns of cells (N, 2); `on_around` is given the SHA-256 of each file
    with the 288 × 288 px around its patch.

    Raises:
        PatchError: A part of the file is damaged.
    """
    name = view.file.path.name
    patches = (
        (cell_id(row, column), cell_patch(view, row, column), "", name)
        for row, column in places.tolist()
    )
    files = as_files(patches)
    for (row, column), file in zip(places.tolist(), files, strict=False):  # the table is left
        sha256 = hashlib.sha256(file.getvalue()).hexdigest()
        on_around(sha256, cell_surroundings(view, row, column))
        yield file
    yield from files
