import json
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.screens.explanation import measures, words
from core.explanation import (
    CentreTest,
    Explainer,
    ExplanationRow,
    score_views,
)
from core.explanation.explained import PatchCollection
from core.explanation.listing import worth_explaining
from core.explanation.words import plain_line
from core.jobs import Job, JobStore
from core.patches import ImageU8
from core.scoring import Classifier, Status
from tests.app.conftest import html, scored_folder
from tests.toys import write_toy_bundle

OpenPage = Callable[..., AppTest]


@pytest.fixture
def folder(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the installation may read."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(allowed))
    return allowed / "case 1"


@pytest.fixture
def done(folder: Path, store: JobStore, toy_classifier: Classifier) -> Job:
    return scored_folder(store, toy_classifier, folder)


@pytest.fixture
def collection(store: JobStore, done: Job) -> PatchCollection:
    positions, _ = worth_explaining(store.rows(done))
    return PatchCollection("key", done.name, store.open(done), positions)


def gallery(page: AppTest) -> AppTest:
    view = next(group for group in page.button_group if "Gallery" in group.options)
    return view.set_value("Gallery").run()


def image_of(folder: Path, name: str) -> ImageU8:
    return np.array(Image.open(folder / name).convert("RGB"), np.uint8)


def test_the_first_patch_has_the_numbers_that_the_engine_gives(
    open_page: OpenPage, done: Job, folder: Path, store: JobStore, toy_classifier: Classifier
) -> None:
    rows = store.rows(done)
    first = rows[worth_explaining(rows)[0][0]]
    image = image_of(folder, first.path)[None]
    explained = Explainer(toy_classifier).explain(image)[0]
    test = CentreTest(toy_classifier).run(image)[0]
    views = score_views(toy_classifier, image)[0]
    row = ExplanationRow(first, explained, test, views)

    said = unescape(html(open_page("explanation")))
    assert first.path in said
    assert f"{explained.prob_tumour:.3f}" in said
    assert plain_line(row) in said
    for one in (
        *measures.of_map(row),
        *measures.of_centre_test(test, words.DRAWN_DONORS),
        measures.of_views(views),
    ):
        assert f"{one.name}</th><td>{one.value}</td><td>{one.expected}</td>" in said


def test_the_strength_of_evidence_is_said_as_what_it_does_to_the_odds(
    folder: Path, done: Job, store: JobStore, toy_classifier: Classifier
) -> None:
    first = next(row for row in store.rows(done) if row.prob_tumour is not None)
    (explained,) = Explainer(toy_classifier).explain(image_of(folder, first.path)[None])
    for factor, said in ((1.44, "1.4-fold"), (376.04, "376-fold"), (5e4, "over 1,000-fold")):
        row = ExplanationRow(first, replace(explained, odds_factor=factor))
        strength = measures.of_map(row)[-1]
        assert (strength.value, strength.expected) == (f"raises the odds {said}", "2-fold or more")


@pytest.mark.usefixtures("done")
def test_a_map_is_called_no_finding_and_nothing_clinical_is_said(open_page: OpenPage) -> None:
    said = html(open_page("explanation")).casefold()
    assert "a map is not a finding" in said
    for word in ("malignant", "benign", "metastasis", "carcinoma", "patient has", "diagnosed"):
        assert word not in said


@pytest.mark.usefixtures("done")
def test_the_ways_on_lead_from_a_patch_and_from_the_gallery(open_page: OpenPage) -> None:
    page = open_page("explanation")
    ways = ["To the batch", "Review", "Threshold"]
    for view in (page, gallery(page)):
        assert [one.label for one in view.button if one.label in ways] == ways


@pytest.mark.usefixtures("done")
def test_the_map_of_every_patch_is_drawn_whatever_its_check_says(
    open_page: OpenPage, collection: PatchCollection
) -> None:
    page = open_page("explanation")
    for _ in collection.positions:
        assert not page.exception
        # The patch, and its map: drawn at once, and again with the outcome of its check.
        assert len(page.get("image")) >= 2
        assert "Grad-CAM" in html(page)
        following = next(found for found in page.button if found.label == "Next")
        if following.disabled:
            break
        following.click().run()
    else:
        pytest.fail("the list had no end")


def test_the_gallery_has_a_tile_for_each_scored_patch_and_none_for_the_broken_file(
    open_page: OpenPage, done: Job, store: JobStore
) -> None:
    page = gallery(open_page("explanation"))
    assert not page.exception
    scored = [row for row in store.rows(done) if row.status is Status.SCORED]
    tiles = [found for found in page.button if found.label.startswith("View patch")]
    assert len(tiles) == len(scored) == 6
    assert "broken.png" not in html(page)


@pytest.mark.usefixtures("done")
def test_a_click_on_a_tile_looks_at_that_patch(open_page: OpenPage) -> None:
    page = gallery(open_page("explanation"))
    tile = [found for found in page.button if found.label.startswith("View patch")][-1]
    position = int(str(tile.key).rsplit("-", 1)[1])
    tile.click().run()
    assert not page.exception
    assert "Centre against surroundings" in html(page)
    path = f"patch-{position - 1:03d}.png"  # broken.png comes first
    assert path in html(page)


@pytest.mark.usefixtures("done")
def test_the_gallery_draws_every_map_and_says_how_far_it_can_be_trusted(
    open_page: OpenPage,
) -> None:
    said = html(gallery(open_page("explanation"))).casefold()
    assert said.count('<figure class="nl-tile') == 6
    assert said.count("passed its check") + said.count("did not pass its check") == 6


@pytest.mark.usefixtures("done")
def test_the_gallery_says_what_its_colours_mean(open_page: OpenPage) -> None:
    page = gallery(open_page("explanation"))
    said = html(page)
    assert "for tumour" in said
    assert words.OWN_SCALE in said
    assert words.NOT_A_FINDING in unescape(said)
    next(found for found in page.toggle if found.label == "One scale for all").set_value(True).run()
    assert words.COMMON_SCALE in html(page)
    assert "logits per square" in html(page)


@pytest.mark.usefixtures("done")
def test_a_filter_that_nothing_passes_says_so_and_can_be_cleared(
    open_page: OpenPage, toy_classifier: Classifier
) -> None:
    page = gallery(open_page("explanation"))
    pills = next(group for group in page.button_group if group.label == "Only")
    pills.set_value(["Decided by the surroundings"]).run()  # nothing was measured for it
    assert "No patch matches “Decided by the surroundings”." in html(page)
    assert "have not been measured" in html(page)
    next(found for found in page.button if found.label == "Clear filters").click().run()
    assert not page.exception
    assert "No patch matches" not in html(page)
    assert len([b for b in page.button if b.label.startswith("View patch")]) == 6


def _filters(page: AppTest) -> list[str]:
    return next(group for group in page.button_group if group.label == "Only").options


@pytest.mark.usefixtures("done")
def test_measuring_the_list_counts_what_the_filters_find(
    open_page: OpenPage, collection: PatchCollection, toy_classifier: Classifier
) -> None:
    page = gallery(open_page("explanation"))
    next(found for found in page.button if str(found.key) == "explain-test-all").click().run()
    assert not page.exception
    assert not any(str(found.key) == "explain-test-all" for found in page.button)
    images = [collection.image(at) for at in collection.positions]
    views = score_views(toy_classifier, np.stack([one for one in images if one is not None]))
    flipped = sum(one.flips > 0 for one in views)
    assert f"Orientations flip the call  {flipped}" in _filters(page)


def test_without_a_finished_batch_the_page_says_so(open_page: OpenPage) -> None:
    page = open_page("explanation")
    assert not page.exception
    assert "No finished batch" in html(page)


def test_nobody_sees_the_batch_of_another(open_page: OpenPage, done: Job) -> None:
    assert "patch-000.png" not in html(open_page("explanation", token="o" * 43, job=done))


@pytest.mark.usefixtures("done")
def test_the_page_offers_the_methods_that_are_tested_and_names_grad_cam_so(
    open_page: OpenPage,
) -> None:
    page = open_page("explanation")
    box = next(found for found in page.selectbox if found.label == "Method")
    assert "Grad-CAM" in box.options
    assert not {"Score-CAM", "Ablation-CAM", "Eigen-CAM"}.intersection(box.options)
    box.select("Grad-CAM++").run()
    assert not page.exception
    assert not page.error
    assert "Control networks that this map beats" in html(page)


def test_without_a_model_the_page_says_why(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NODELENS_MODEL", str(tmp_path / "nowhere"))
    (problem,) = open_page("explanation").error
    assert "nowhere" in problem.value


@pytest.mark.usefixtures("done")
def test_a_batch_of_another_model_is_explained_with_a_warning(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NODELENS_MODEL", str(write_toy_bundle(tmp_path / "other", seed=1)))
    page = open_page("explanation")
    assert any("was scored by" in found.value for found in page.warning)


def _kept_url(page: AppTest) -> dict[str, str]:
    """What the page brings into its URL."""
    (kept,) = [one for one in page.get("bidi_component") if '"values"' in one.proto.json]
    values: dict[str, str] = json.loads(kept.proto.json)["values"]
    return values


def test_patch_method_filters_and_order_stand_in_the_url_and_a_reload_finds_them(
    open_page: OpenPage, done: Job, collection: PatchCollection
) -> None:
    at = collection.positions[2]
    name = collection.source.entries[at].path
    said = {
        "job": done.id,
        "row": str(at),
        "method": "grad-cam++",
        "order": "least-evidence-in-the-centre",
        "only": "weak-evidence",
    }
    page = open_page("explanation", query=said)
    assert not page.exception
    assert f'title="{name}"' in html(page) or name in html(page)
    assert next(box for box in page.selectbox if box.label == "Method").value == "grad-cam++"
    kept = _kept_url(page)
    assert {key: value for key, value in kept.items() if value} == said
