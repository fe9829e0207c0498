"""Cells judged by their own context, coarse to fine, interrupted and resumed."""

import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.__main__ import main
from core.errors import RunError
from core.files import journal_line
from core.patches import Patch, PatchEntry
from core.scoring import Classifier
from core.slides import (
    CellResult,
    Cells,
    CellState,
    SlideJournal,
    SlideView,
    SlideWatch,
    TissueRule,
    find_tissue,
    open_slide,
    score_into,
    score_slide,
    specify_slide,
)
from tests.core.slides.toys import CELL, PURPLE, green_cells, green_finder, slide_of, tissue_image


def scored(
    view: SlideView, classifier: Classifier, folder: Path, *, all_cells: bool = False
) -> Cells:
    rule = TissueRule()
    tissue = find_tissue(view, rule)
    cells = Cells(tissue.share, tissue.cells)
    spec = specify_slide(view, classifier, rule, all_cells=all_cells)
    with SlideJournal(folder / "journal", spec, resume=False) as journal:
        assert score_slide(view, cells, classifier, journal, all_cells=all_cells)
    return cells


def test_a_cell_scores_like_its_patch(toy_classifier: Classifier, tmp_path: Path) -> None:
    image = tissue_image(green_cells(20, 18, (3, 4), (19, 17)), seed=3)
    with open_slide(slide_of(tmp_path / "a.tif", image)) as view:
        cells = scored(view, toy_classifier, tmp_path, all_cells=True)
    # Cut by hand: also across the border between blocks of 16 cells.
    places = [(1, 1), (3, 4), (15, 15), (16, 16), (18, 16)]
    patches = [
        Patch(
            number,
            PatchEntry(str(number), str(number)),
            image[(row - 1) * CELL : (row + 2) * CELL, (column - 1) * CELL : (column + 2) * CELL],
            sha256="",
        )
        for number, (row, column) in enumerate(places)
    ]
    for place, row in zip(places, toy_classifier.score(patches), strict=True):
        assert cells.logit[place] == pytest.approx(row.logit, abs=1e-4)
        assert cells.prob_tumour[place] == pytest.approx(row.prob_tumour, abs=1e-4)
        assert cells.call[place] == row.predicted_label


def test_only_tissue_is_judged_and_small_things_are_put_right(tmp_path: Path) -> None:
    glass = np.ones((24, 24), np.bool_)
    glass[4:20, 4:20] = False
    glass[10, 10] = True  # a vessel
    glass[1, 1] = False  # debris
    image = tissue_image(green_cells(24, 24), glass_cells=glass)
    image[1 * CELL :, 22 * CELL : 23 * CELL] = 20  # a black line of ink
    with open_slide(slide_of(tmp_path / "a.tif", image)) as view:
        tissue = find_tissue(view, TissueRule())
    expected = np.zeros((24, 24), np.bool_)
    expected[4:20, 4:20] = True
    np.testing.assert_array_equal(tissue.cells, expected)


def run_to_the_end(cells: Cells, flagged: NDArray[np.bool_]) -> None:
    while (wanted := cells.still_to_score(all_cells=False)).any():
        cells.put(
            [
                CellResult(r, c, CellState.SCORED, 0.0, 0.5, int(flagged[r, c]), float("nan"))
                for r, c in np.argwhere(wanted).tolist()
            ]
        )


def of_squares(flagged: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which cells are of a square of 2 × 2 flagged ones."""
    found = np.zeros_like(flagged)
    for row, column in np.ndindex(flagged.shape[0] - 1, flagged.shape[1] - 1):
        square = np.s_[row : row + 2, column : column + 2]
        found[square] |= flagged[square].all()
    return found


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.6))
def test_coarse_to_fine_loses_no_flagged_square_of_two(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    flagged = rng.random((13, 17)) < share
    tissue = rng.random(flagged.shape) < 0.9
    flagged &= tissue
    cells = Cells(tissue.astype(np.float32), tissue)
    run_to_the_end(cells, flagged)
    assert cells.flagged[of_squares(flagged)].all()
    assert not cells.flagged[~flagged].any()
    one_by_one = Cells(tissue.astype(np.float32), tissue)
    while (wanted := np.argwhere(one_by_one.still_to_score(all_cells=False))).size:
        row, column = wanted[rng.integers(len(wanted))]
        call = int(flagged[row, column])
        one_by_one.put([CellResult(row, column, CellState.SCORED, 0.0, 0.5, call, float("nan"))])
    np.testing.assert_array_equal(one_by_one.state, cells.state)


def test_a_square_is_found_wherever_it_lies_and_whatever_lies_around_it() -> None:
    tissue = np.ones((3, 4), np.bool_)
    for number in range(2 ** (3 * 4)):
        flagged = (number >> np.arange(3 * 4) & 1).astype(np.bool_).reshape(3, 4)
        if (must := of_squares(flagged)).any():
            cells = Cells(tissue.astype(np.float32), tissue)
            run_to_the_end(cells, flagged)
            assert cells.flagged[must].all()
    for row, column in np.ndindex(8, 9):
        flagged = np.zeros((9, 10), np.bool_)
        flagged[row : row + 2, column : column + 2] = True
        cells = Cells(np.ones((9, 10), np.float32), np.ones((9, 10), np.bool_))
        begun = cells.first.sum()
        run_to_the_end(cells, flagged)
        assert cells.flagged.sum() == 4
        assert (cells.state != CellState.UNSCORED).sum() <= begun + 8


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1), st.booleans())
def test_coarse_to_fine_begins_with_one_of_every_square_and_no_more_than_a_grid(
    seed: int, share: float, smooth: bool
) -> None:
    tissue: NDArray[np.bool_] = np.random.default_rng(seed).random((21, 30)) < share
    tissue = tissue.repeat(3, axis=0).repeat(3, axis=1) if smooth else tissue
    first = Cells(tissue.astype(np.float32), tissue).first
    windows = (np.lib.stride_tricks.sliding_window_view(one, (2, 2)) for one in (tissue, first))
    counts, begun = (window.sum(axis=(2, 3)) for window in windows)
    assert begun[counts == 4].all()
    assert not (first & ~tissue).any()
    if smooth:  # and no tissue is narrower than a square
        assert first.sum() <= min(tissue[a::2, b::2].sum() for a in (0, 1) for b in (0, 1))


def test_windows_want_what_the_whole_wants() -> None:
    rng = np.random.default_rng(2)
    cells = Cells(np.ones((20, 20), np.float32), np.ones((20, 20), np.bool_))
    cells.put(
        [
            CellResult(r, c, CellState.SCORED, 0.0, 0.5, int(rng.random() < 0.3), 0.0)
            for r, c in rng.integers(0, 20, (60, 2)).tolist()
        ]
    )
    whole = cells.still_to_score(all_cells=False)
    for row in range(0, 20, 7):
        for column in range(0, 20, 5):
            window = slice(row, row + 7), slice(column, column + 5)
            np.testing.assert_array_equal(
                cells.still_to_score(*window, all_cells=False), whole[window]
            )


def test_coarse_to_fine_is_thrifty_and_finds_regions_across_blocks(
    toy_classifier: Classifier, tmp_path: Path
) -> None:
    green = green_cells(40, 40)
    green[13:19, 14:18] = True  # over the corner of four blocks
    green[33:35, 5:7] = True
    with open_slide(slide_of(tmp_path / "a.tif", tissue_image(green))) as view:
        classifier, engine = green_finder(toy_classifier)
        coarse = scored(view, classifier, tmp_path)
        judged = engine.judged
        every = scored(view, classifier, tmp_path, all_cells=True)
    np.testing.assert_array_equal(every.flagged, green)
    np.testing.assert_array_equal(coarse.flagged, green)
    assert judged * 3 < engine.judged - judged == 40 * 40


def test_an_interrupted_run_ends_like_an_unbroken_one(
    toy_classifier: Classifier, tmp_path: Path
) -> None:
    green = green_cells(40, 40)
    green[13:25, 14:18] = True
    with open_slide(slide_of(tmp_path / "a.tif", tissue_image(green))) as view:
        classifier, engine = green_finder(toy_classifier)
        unbroken = scored(view, classifier, tmp_path)
        once = engine.judged
        tissue = find_tissue(view, TissueRule())
        spec = specify_slide(view, classifier, TissueRule(), all_cells=False)
        journal_path = tmp_path / "stopped"
        stop = threading.Event()
        stop.set()
        engine.judged, runs = 0, 0
        while True:
            cells = Cells(tissue.share, tissue.cells)
            with SlideJournal(journal_path, spec, resume=runs > 0) as journal:
                if score_slide(view, cells, classifier, journal, SlideWatch(stop=stop)):
                    break
            with journal_path.open("ab") as file:
                file.write(b'{"cells":[[1,1,')  # torn by a kill
            runs += 1
    assert runs > 4
    assert engine.judged == once
    np.testing.assert_array_equal(cells.logit, unbroken.logit)
    np.testing.assert_array_equal(cells.state, unbroken.state)
    other = specify_slide(view, classifier, TissueRule(), all_cells=True)
    with pytest.raises(RunError, match="all_cells False, now True"):
        SlideJournal(journal_path, other, resume=True)
    head, rest = journal_path.read_bytes().split(b"\n", 1)
    facts = {"format": 1, "spec": asdict(spec)}  # its cells may lie elsewhere
    journal_path.write_bytes(journal_line(facts) + rest)
    with SlideJournal(journal_path, spec, resume=True) as journal:
        assert not journal.kept
    journal_path.write_bytes(head + b"\n" + rest)
    with SlideJournal(journal_path, spec, resume=True) as journal:
        assert journal.kept


def test_damaged_places_fail_alone(toy_classifier: Classifier, tmp_path: Path) -> None:
    image = tissue_image(green_cells(40, 40))
    path = slide_of(tmp_path / "a.tif", image)
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        at, size = page.dataoffsets[0], page.databytecounts[0]
    content = bytearray(path.read_bytes())
    content[at : at + size] = b"\xff" * size
    path.write_bytes(content)
    with open_slide(path) as view:
        classifier, _ = green_finder(toy_classifier)
        cells = scored(view, classifier, tmp_path, all_cells=True)
    assert (cells.state[:8, :8] == CellState.FAILED).all()
    assert (cells.state[20:, 20:] == CellState.SCORED).all()
    assert np.isnan(cells.prob_tumour[:8, :8]).all()


def said(path: Path, classifier: Classifier, out: Path, um_per_px: float | None = None) -> str:
    with open_slide(path, um_per_px=um_per_px) as view:
        summary = score_into(out, view, classifier, all_cells=True)
    assert summary is not None
    return str(summary["in_words"])


def test_what_speaks_against_a_slide_s_own_file_is_said_in_its_summary(
    toy_classifier: Classifier, tmp_path: Path
) -> None:
    classifier, _ = green_finder(toy_classifier)
    path = slide_of(tmp_path / "a.tif", tissue_image(green_cells(40, 40)))
    plain = said(path, classifier, tmp_path / "plain")
    assert "file says" not in plain
    assert "glass" not in plain
    given = said(path, classifier, tmp_path / "given", 0.5)
    assert "scored at 0.5 µm/px, as entered; the file says 0.97 µm/px." in given
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        count, parts = page.tags["TileByteCounts"], len(page.databytecounts)
    content = bytearray(path.read_bytes())
    size = count.valuebytecount // parts
    content[count.valueoffset : count.valueoffset + size] = bytes(size)
    path.write_bytes(content)
    sparse = said(path, classifier, tmp_path / "sparse")
    assert f"1 of {parts} parts of the slide are not in the file and count as glass." in sparse


@pytest.mark.parametrize("share", [0.55, 0.85, 0.999, 1.0])
def test_a_slide_that_was_cut_off_is_told_in_our_words_only_whatever_of_it_can_be_scored(
    toy_classifier: Classifier, tmp_path: Path, capfd: pytest.CaptureFixture[str], share: float
) -> None:
    image, path = tissue_image(green_cells(12, 12)), tmp_path / "a.tif"
    per_cm = 10_000 / 0.97
    kind: dict[str, Any] = {"photometric": "rgb", "tile": (64, 64), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path) as file:
        file.write(image, subifds=1, resolution=(per_cm, per_cm), **kind)
        file.write(image[::2, ::2], subfiletype=1, resolution=(per_cm / 2, per_cm / 2), **kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    told = said(path, toy_classifier, tmp_path / "out")
    assert ("The file was cut off" in told) is (share < 1)
    assert ("could not be read" in told) is (share == 0.55)
    assert "tifffile" not in capfd.readouterr().err


@pytest.mark.parametrize("swapped", [False, True])
def test_a_slide_with_red_and_blue_swapped_is_told(
    toy_classifier: Classifier, tmp_path: Path, swapped: bool
) -> None:
    eosin, nuclei = (230, 150, 190), (110, 70, 150)
    dark = np.random.default_rng(3).random((1280, 1280, 1)) < 0.3
    image = np.where(dark, nuclei, eosin).astype(np.uint8)
    path = slide_of(tmp_path / "a.tif", np.ascontiguousarray(image[..., :: -1 if swapped else 1]))
    told = said(path, toy_classifier, tmp_path / "out")
    assert ("Red and blue look swapped" in told) is swapped


def test_slides_in_folders_below_are_told(
    toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tissue_image(green_cells(8, 8))
    (tmp_path / "in" / "more").mkdir(parents=True)
    slide_of(tmp_path / "in" / "a.tif", image)
    slide_of(tmp_path / "in" / "more" / "b.tif", image)
    out = str(tmp_path / "out")
    arguments = ["regions", str(tmp_path / "in"), "--out", out, "--model", str(toy_bundle)]
    assert main(arguments) == 0
    assert "1 file of slides in folders below not read (more/b.tif)" in capsys.readouterr().err


def sparse_tiles(tile: int, filled: set[tuple[int, int]]) -> Iterator[bytes]:
    piece = zlib.compress(np.full((tile, tile, 3), PURPLE, np.uint8).tobytes())
    if tile == 1024:
        piece = zlib.compress(tissue_image(green_cells(32, 32)).tobytes())
    for row in range(98):
        for column in range(98):
            yield piece if (row, column) in filled else b""


def test_memory_stays_flat_on_a_slide_of_100000_pixels(
    toy_classifier: Classifier, tmp_path: Path
) -> None:
    path = tmp_path / "large.tif"
    filled = {(0, 0), (50, 60), (97, 97)}
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for level, tile in enumerate((1024, 256, 64)):
            side = 100_000 // 4**level
            tiff.write(
                sparse_tiles(tile, filled),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(tile, tile),
                photometric="rgb",
                compression="adobe_deflate",
                subfiletype=int(level > 0),
                resolution=(40_000, 40_000),
                resolutionunit="CENTIMETER",
            )
    classifier, engine = green_finder(toy_classifier)
    tracemalloc.start()
    with open_slide(path) as view:
        assert view.width_px == 25_774
        scored(view, classifier, tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 3 * 4**2 - 12 <= engine.judged <= 3 * 5**2  # every second cell in each filled tile
    assert peak < 400 * 2**20  # the slide's pixels are 30,000,000,000 bytes
