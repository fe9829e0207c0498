"""The page of slides: what a reader is asked, shown and kept from."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.screens.slides import words
from app.screens.slides.viewer import cell_line
from core.jobs.folder import Job
from core.scoring import Classifier
from core.slides.cells import CellResult, Cells, CellState
from core.slides.store import SlideStore
from tests.app.conftest import TOKEN, html
from tests.core.slides.toys import green_cells, slide_of, tissue_image

Opener = Callable[..., AppTest]


@pytest.fixture
def kept(data_dir: Path) -> SlideStore:
    return SlideStore(data_dir / "slides")


def a_slide(kept: SlideStore, folder: Path, um_px: float | None = 0.97) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    image = tissue_image(green_cells(24, 20, (5, 5), (5, 6), (6, 5), (6, 6)))
    path = slide_of(folder / "node.tif", image, um_px)
    file = io.BytesIO(path.read_bytes())
    file.name = path.name
    return kept.add_upload(TOKEN, file)


def scored(kept: SlideStore, job: Job, classifier: Classifier) -> Job:
    kept.start(job, classifier)
    kept.wait(job, 90)
    assert kept.progress(job).state == "done"
    return job


@pytest.mark.parametrize("um_px", words.SPACINGS)
def test_a_missing_spacing_is_asked_for_by_buttons(
    kept: SlideStore, open_page: Opener, tmp_path: Path, um_px: float
) -> None:
    job = a_slide(kept, tmp_path / "in", None)
    page = open_page("slides", query={"slide": job.id})
    assert "does not state its spacing" in page.warning[0].value
    assert "--um-per-px" not in page.warning[0].value
    assert [button.label for button in page.button if button.key and "spacing" in button.key] == [
        "0.25 µm (40×)",
        "0.5 µm (20×)",
        "1.0 µm (10×)",
        "Use it",
    ]
    page.button(key=f"spacing-{um_px}").click().run()
    assert kept.choices(job).um_per_px == um_px
    assert not page.exception
    assert not page.warning  # it is not asked for again


def test_tissue_is_shown_and_adjusted_before_the_start(
    kept: SlideStore, open_page: Opener, tmp_path: Path
) -> None:
    job = a_slide(kept, tmp_path / "in")
    kept.look(job)
    kept.wait(job, 60)
    page = open_page("slides", query={"slide": job.id})
    page.slider(key=f"tissue-least_share-{job.id}").set_value(50).run()
    page.slider(key=f"tissue-least_optical_density-{job.id}").set_value(0.2).run()
    assert not page.exception
    rule = kept.choices(job).rule
    assert (rule.least_share, rule.least_optical_density) == (0.5, 0.2)
    page.slider(key=f"tissue-least_optical_density-{job.id}").set_value(0.4).run()
    assert [one.value for one in page.warning] == [words.NO_TISSUE]
    assert not [one for one in page.button if one.key == "start"]
    page.slider(key=f"tissue-least_optical_density-{job.id}").set_value(0.2).run()
    page.button(key="start").click().run()
    assert not page.exception


def test_a_scored_slide_is_told_in_plain_words(
    kept: SlideStore, open_page: Opener, toy_classifier: Classifier, tmp_path: Path
) -> None:
    job = scored(kept, a_slide(kept, tmp_path / "in"), toy_classifier)
    page = open_page("slides", query={"slide": job.id, "cell": "5-5"})
    summary = kept.summary(job)
    assert summary["in_words"] in html(page)
    cells = kept.cells(job)
    assert f"{cells.prob_tumour[5, 5]:.3f}" in html(page) or np.isnan(cells.prob_tumour[5, 5])
    for cell in ("0-0", "99-99", "x", "-1-5"):
        assert not open_page("slides", query={"slide": job.id, "cell": cell}).exception


@pytest.mark.parametrize("distance", [0.5, 1.5])
def test_a_cell_is_told_with_its_place_unlike_the_training_data_or_not(distance: float) -> None:
    cells = Cells(np.ones((4, 5), np.float32), np.ones((4, 5), np.bool_))
    cells.put([CellResult(1, 2, CellState.SCORED, 2.0, 0.88, 1, distance)])
    line = cell_line(cells, (1, 2))
    assert "<small>row 2, column 3</small>" in line
    assert ("unlike the training data" in line) == (distance > 1)


def test_nobody_else_sees_a_slide(
    kept: SlideStore, open_page: Opener, toy_classifier: Classifier, tmp_path: Path
) -> None:
    job = a_slide(kept, tmp_path / "in")
    page = open_page("slides", token="u" * 43, query={"slide": job.id})
    assert any("not in your workspace" in one.value for one in page.info)
    assert "node.tif" not in html(page)
