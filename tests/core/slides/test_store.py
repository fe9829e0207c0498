"""Slides kept for their owners: stored, looked at, scored in the background, resumed."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import SourceError, SpacingError
from core.files import write_json
from core.jobs.folder import Job
from core.scoring import Classifier
from core.slides import TissueRule, find_tissue, open_slide, score_into
from core.slides import store as slide_store
from core.slides.store import SlideChoices, SlidePreview, SlideStore
from core.slides.tissue import CELL_PX
from tests.core.slides.toys import green_cells, green_finder, slide_of, tissue_image

OWNER = "o" * 43


def file_of(path: Path, name: str) -> io.BytesIO:
    file = io.BytesIO(path.read_bytes())
    file.name = name
    return file


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    green = green_cells(40, 36)
    green[13:25, 14:18] = True
    glass = green_cells(40, 36)
    glass[:4] = True
    return slide_of(tmp_path / "in" / "a.tif", tissue_image(green, glass_cells=glass))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def store(tmp_path: Path) -> SlideStore:
    return SlideStore(tmp_path / "slides", server_roots=((tmp_path / "in").resolve(),))


def uploaded(store: SlideStore, path: Path, name: str = "a.tif") -> Job:
    return store.add_upload(OWNER, file_of(path, name))


def preview_of(store: SlideStore, job: Job) -> SlidePreview:
    store.look(job)
    store.wait(job, 60)
    preview = store.look(job)
    assert isinstance(preview, SlidePreview)
    return preview


@pytest.mark.parametrize("name", ["../../etc/a b.tif", "..\\x.tif", ".tif.tif", "ö/ü.TIF"])
def test_an_upload_stays_in_its_folder_whatever_it_is_called(
    store: SlideStore, slide: Path, name: str
) -> None:
    job = uploaded(store, slide, name)
    path = store.path(job)
    assert path.parent == store.jobs.folder / job.id / "input"
    assert path.resolve().is_relative_to(store.jobs.folder.resolve())
    assert path.suffix == ".tif"
    store.open(job).close()


def test_a_file_that_is_no_slide_is_refused(store: SlideStore, slide: Path) -> None:
    with pytest.raises(SourceError, match=r"ending in \.exe"):
        uploaded(store, slide, "a.exe")
    assert store.jobs.jobs(OWNER) == []


def test_a_slide_outside_the_allowed_folders_is_never_opened(
    store: SlideStore, slide: Path, tmp_path: Path
) -> None:
    outside = slide_of(tmp_path / "secret.tif", tissue_image(green_cells(4, 4)))
    with pytest.raises(SourceError, match="not below a folder"):
        store.path(store.jobs.add_server_path(OWNER, "x", outside))
    link = slide.with_name("link.tif")
    link.symlink_to(outside)
    with pytest.raises(SourceError, match="not below a folder"):
        store.path(store.jobs.add_server_path(OWNER, "x", link))


def test_the_preview_shows_what_will_be_scored(store: SlideStore, slide: Path) -> None:
    job = uploaded(store, slide)
    preview = preview_of(store, job)
    assert preview.is_exact
    for rule in (TissueRule(), TissueRule(least_saturation=0.5, least_share=0.9)):
        with open_slide(slide) as view:
            expected = find_tissue(view, rule)
        found = preview.cells(rule)
        np.testing.assert_array_equal(found.tissue, expected.cells)
        np.testing.assert_allclose(found.tissue_share, expected.share, atol=1e-6)


def test_a_spacing_that_the_file_lacks_is_asked_for_and_noted(
    store: SlideStore, tmp_path: Path, toy_classifier: Classifier
) -> None:
    path = slide_of(tmp_path / "in" / "bare.tif", tissue_image(green_cells(8, 8)), None)
    job = uploaded(store, path)
    with pytest.raises(SpacingError, match="does not state its spacing"):
        store.look(job)
    store.choose(job, SlideChoices(um_per_px=0.97))
    preview_of(store, job)
    store.start(job, toy_classifier)
    store.wait(job, 60)
    slide = store.summary(job)["slide"]
    assert (slide["um_per_px"], slide["spacing_origin"]) == (0.97, "given")


def test_a_stopped_slide_resumes_and_ends_like_an_unbroken_one(
    store: SlideStore, slide: Path, toy_classifier: Classifier, tmp_path: Path
) -> None:
    classifier, engine = green_finder(toy_classifier)
    with open_slide(slide) as view:
        assert score_into(tmp_path / "at-once", view, classifier) is not None
    once = engine.judged
    job = store.jobs.add_server_path(OWNER, "a", slide.resolve())
    assert store.progress(job).state == "new"
    task_ends_after_a_block(store, job, classifier)
    assert store.progress(job).state == "stopped"
    between = engine.judged
    assert once < between < 2 * once
    another = SlideStore(store.jobs.folder, server_roots=(slide.parent.resolve(),))
    assert another.progress(job).state == "stopped"
    another.start(job, classifier)
    another.wait(job, 60)
    finished = another.progress(job)
    assert (finished.state, finished.done, finished.total) == ("done", once, once)
    assert engine.judged == 2 * once
    for name in ("cells.csv", "cells.geojson.gz", "regions.geojson", "heatmap.tif"):
        found = (another.result(job) / name).read_bytes()
        assert found == (tmp_path / "at-once" / name).read_bytes()
    again = another.cells(job)
    assert again.flagged.sum() == another.summary(job)["cells"]["flagged"]
    assert again.tissue.sum() == another.summary(job)["cells"]["tissue"]


def test_cells_of_an_earlier_version_stay_on_the_tissue_that_they_were_judged_by(
    store: SlideStore, slide: Path, toy_classifier: Classifier
) -> None:
    job = store.jobs.add_server_path(OWNER, "a", slide.resolve())
    store.start(job, toy_classifier)
    store.wait(job, 60)
    with store.open(job) as view:
        assert view.spacing_um_px == store.summary(job)["slide"]["judged_um_per_px"]
        now_px = view.full_px
    summary = store.summary(job)
    summary["slide"]["judged_um_per_px"] *= 1.016
    write_json(store.result(job) / "summary.json", summary)
    with store.open(job) as view:
        assert view.full_px == pytest.approx(1.016 * now_px)
        assert view.full_px * CELL_PX == pytest.approx(store.cell_px(job))
    store.restart(job)
    with store.open(job) as view:
        assert view.full_px == now_px


def task_ends_after_a_block(store: SlideStore, job: Job, classifier: Classifier) -> None:
    store.start(job, classifier)
    store.cancel(job)
    store.wait(job, 60)


def test_another_choice_forgets_the_scores(
    store: SlideStore, slide: Path, toy_classifier: Classifier
) -> None:
    job = uploaded(store, slide)
    store.start(job, toy_classifier)
    store.wait(job, 60)
    assert store.progress(job).state == "done"
    store.choose(job, SlideChoices(all_cells=True))
    assert store.progress(job).state == "new"
    store.start(job, toy_classifier)
    store.wait(job, 60)
    assert json.loads((store.result(job) / "summary.json").read_text())["spec"]["all_cells"]
    store.remove(job)
    assert store.jobs.jobs(OWNER) == []


def test_the_drawn_slide_is_found_when_the_data_are_moved(
    store: SlideStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, _: object) -> None:
        path.write_bytes(b"drawn")

    monkeypatch.setattr(slide_store, "write_drawn_slide", write)
    job = store.add_drawn("me", "drawn")
    moved = store.jobs.folder.rename(store.jobs.folder.with_name("restored"))
    restored = SlideStore(moved)
    (kept,) = restored.jobs.jobs("me")
    assert kept == job
    assert restored.is_drawn(kept)
    assert restored.path(kept).read_bytes() == b"drawn"
