from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import RunError
from core.explanation import choose_donors
from core.explanation.fillers import DONOR_SCORE, FEWEST_DONORS, MOST_DONORS, read_donors
from core.patches import PatchSource, open_source
from core.scoring import ScoreRow, Status

PINK, GLASS = (200, 120, 170), (245, 245, 245)


def row(number: int, score: float | None, label: int | None = None) -> ScoreRow:
    status = Status.FAILED if score is None else Status.SCORED
    return ScoreRow(
        f"p{number}", "", status, score, None, None, 0.5, None, "v", "m", "", "", "", None, label,
        None, None,
    )  # fmt: skip


@pytest.fixture
def tissue(tmp_path: Path) -> PatchSource:
    """Sixty patches; every tenth is glass."""
    for number in range(60):
        colour = GLASS if number % 10 == 0 else PINK
        image = np.full((96, 96, 3), colour, np.uint8)
        image[0, 0] = number  # no two alike
        Image.fromarray(image).save(tmp_path / f"{number:03d}.png")
    return open_source(tmp_path)


def test_donors_are_full_tissue_with_the_lowest_scores(tissue: PatchSource) -> None:
    pool = choose_donors(tissue, [row(n, 0.001 * (60 - n)) for n in range(60)])
    assert pool is not None
    expected = [f"{n:03d}" for n in reversed(range(60)) if n % 10][:MOST_DONORS]
    assert list(pool.ids) == expected


def test_patches_labelled_or_called_tumour_and_unreadable_ones_lend_nothing(
    tissue: PatchSource,
) -> None:
    scores = [row(n, None if n < 5 else 0.01 if n < 25 else DONOR_SCORE) for n in range(60)]
    scores[7] = row(7, 0.01, label=1)
    pool = choose_donors(tissue, scores)
    assert pool is not None
    assert set(pool.ids) == {f"{n:03d}" for n in range(5, 25) if n not in (7, 10, 20)}


def test_too_few_donors_are_none(tissue: PatchSource) -> None:
    few = [row(n, 0.01 if 1 <= n < FEWEST_DONORS else 0.9) for n in range(60)]
    assert choose_donors(tissue, few) is None


def test_given_donors_leave_out_glass_and_labelled_tumour(
    tissue: PatchSource, tmp_path: Path
) -> None:
    table = tmp_path / "donors.csv"
    table.write_text("path,label\n000.png,0\n001.png,1\n002.png,0\n")
    assert read_donors(table).ids == ("002",)
    table.write_text("path,label\n001.png,1\n")
    with pytest.raises(RunError, match="without tumour"):
        read_donors(table)
    assert len(tissue) == 60
