import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.drawing import TissueKind, TumourPlace, draw_patch, draw_set
from tools.drawing.__main__ import main

SHIPPED = Path(__file__).parents[3] / "assets" / "samples"


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "samples.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows_of(SHIPPED), ids=lambda row: row["id"])
def test_a_shipped_sample_is_what_the_renderer_draws_now(row: dict[str, str]) -> None:
    patch = draw_patch(
        place=TumourPlace(row["place"]), tissue=TissueKind(row["tissue"]), seed=int(row["seed"])
    )
    # Pixels, not files: two versions of a PNG writer may pack the same pixels differently.
    with Image.open(SHIPPED / row["path"]) as image:
        assert np.array_equal(np.asarray(image), patch.image_rgb_u8)
    with Image.open(SHIPPED / "masks" / f"{row['id']}.png") as mask:
        assert mask.mode == "1"
        assert np.array_equal(np.asarray(mask), patch.tumour_mask)
    assert int(row["label"]) == patch.label


@pytest.mark.parametrize("row", rows_of(SHIPPED), ids=lambda row: row["id"])
def test_a_shipped_sample_has_the_checksum_that_is_listed(row: dict[str, str]) -> None:
    data = (SHIPPED / row["path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == row["sha256"]


def test_every_shipped_image_is_listed_and_called_drawn() -> None:
    listed = {row["path"] for row in rows_of(SHIPPED)}
    files = {f"patches/{path.name}" for path in (SHIPPED / "patches").iterdir()}
    assert listed == files
    assert len(listed) == 24
    assert all("drawn" in path for path in listed)


def test_the_shipped_readme_says_that_they_are_not_tissue() -> None:
    assert "not tissue" in (SHIPPED / "README.md").read_text(encoding="utf-8")


def test_the_command_writes_the_set_of_its_seed(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--count", "3", "--seed", "5"]) == 0
    expected = draw_set(3, 5)
    rows = rows_of(tmp_path)
    assert [int(row["seed"]) for row in rows] == [patch.seed for patch in expected]
    for row, patch in zip(rows, expected, strict=True):
        with Image.open(tmp_path / row["path"]) as image:
            assert np.array_equal(np.asarray(image), patch.image_rgb_u8)


def test_the_command_refuses_a_negative_count_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path), "--count", "-2"]) == 2
    assert "expected 0 or greater" in capsys.readouterr().err
