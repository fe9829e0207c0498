"""From a Kaggle folder to a bundle that the app opens."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.bundle import read_bundle, read_validation
from core.engine import TorchEngine
from core.scoring import open_classifier
from core.statistics import Evidence, auroc
from tests.training.toys import write_toy_kaggle
from tools.drawing import draw_set
from training.commands import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on eight slides, four of which validate by their own split.csv."""
    folder = tmp_path_factory.mktemp("run")
    data = write_toy_kaggle(folder / "data", slides=8)
    split = data / "split.csv"
    text = split.read_text("utf-8")
    for number in range(40, 60):
        text = text.replace(f"p{number:03d},train", f"p{number:03d},val")
    split.write_text(text, "utf-8")
    out = folder / "run"
    assert main(["fit", "--data", str(data), "--out", str(out), "--recipe", "tiny"]) == 0
    return out


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "model"
    arguments = ["export", str(run), "--to", str(folder), "--note", "A toy, no tissue."]
    assert main(arguments) == 0
    return folder


def test_a_run_folder_holds_what_was_promised(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert {
        "config.json",
        "metrics.csv",
        "validation_scores.csv",
        "best.safetensors",
        "checkpoint.safetensors",
        "outcome.json",
    } <= names
    config = json.loads((run / "config.json").read_text("utf-8"))
    assert config["config"]["recipe"]["name"] == "tiny"
    assert config["config"]["seed"] == 0
    assert config["sittings"][0]["versions"]["torch"]


def test_the_bundle_passes_its_own_self_test(bundle: Path) -> None:
    classifier = open_classifier(bundle, device="cpu")
    assert classifier.self_test.patches == 32


def test_the_golden_patches_are_the_drawn_ones_and_their_logits_reproduce(bundle: Path) -> None:
    read = read_bundle(bundle)
    drawn = np.stack([patch.image_rgb_u8 for patch in draw_set(32, 2016)])
    np.testing.assert_array_equal(read.golden_images, drawn)
    card = read.card
    engine = TorchEngine(card.architecture, card.preprocessing, read.weights, device="cpu")
    np.testing.assert_allclose(engine.logits(drawn), read.golden_logits, atol=1e-4)


def test_validation_scores_are_the_runs_logits_over_the_temperature(
    run: Path, bundle: Path
) -> None:
    with (run / "validation_scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    card = read_bundle(bundle).card
    scores = read_validation(bundle, card.validation.scores_sha256)
    logits = np.array([float(row["logit"]) for row in rows])
    np.testing.assert_allclose(
        scores.scores, 1 / (1 + np.exp(-logits / card.temperature)), rtol=1e-12
    )
    assert scores.ids.tolist() == [row["id"] for row in rows]


def test_the_runs_logits_are_those_of_the_exported_network(run: Path, bundle: Path) -> None:
    pack = next(run.glob("pack/*/images.npy"))
    images = np.load(pack)[40:]
    classifier = open_classifier(bundle, device="cpu")
    with (run / "validation_scores.csv").open(encoding="utf-8") as file:
        logits = [float(row["logit"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(classifier.engine.logits(images), logits, atol=1e-4)


def test_a_network_that_normalises_stains_is_served_as_it_was_trained(
    run: Path, tmp_path: Path
) -> None:
    shipped = Path(__file__).parents[3] / "training" / "recipes" / "tiny.toml"
    recipe, out = tmp_path / "normalised.toml", tmp_path / "run"
    text = shipped.read_text("utf-8")
    changed = text.replace("[preprocessing]", '[preprocessing]\nstain_normalisation = "macenko"')
    recipe.write_text(changed, "utf-8")
    arguments = ["fit", "--data", str(run.parent / "data"), "--out", str(out)]
    assert main([*arguments, "--cache", str(run / "pack"), "--recipe", str(recipe)]) == 0
    assert main(["export", str(out), "--to", str(tmp_path / "model")]) == 0
    images = np.load(next(run.glob("pack/*/images.npy")))[40:]
    read = read_bundle(tmp_path / "model")
    with (out / "validation_scores.csv").open(encoding="utf-8") as file:
        logits = [float(row["logit"]) for row in csv.DictReader(file)]
    served = open_classifier(tmp_path / "model", device="cpu").engine.logits(images)
    np.testing.assert_allclose(served, logits, atol=1e-4)
    plain = read.card.preprocessing.model_copy(update={"stain_normalisation": "none"})
    engine = TorchEngine(read.card.architecture, plain, read.weights, device="cpu")
    assert np.abs(engine.logits(images) - served).max() > 1e-3


def test_the_card_says_how_it_was_validated(bundle: Path) -> None:
    card = read_bundle(bundle).card
    assert (card.training.patches, card.training.slides) == (40, 4)
    assert (card.validation.data.patches, card.validation.data.positives) == (40, 20)
    assert len(card.validation.data.slides_sha256) == 4
    assert not set(card.training.slides_sha256) & set(card.validation.data.slides_sha256)
    assert any("epoch was chosen" in note for note in card.validation.notes)
    assert "A toy, no tissue." in card.validation.notes
    assert any("Research only" in limit for limit in card.limits)


def test_the_cards_auroc_is_that_of_its_validation_scores(bundle: Path) -> None:
    card = read_bundle(bundle).card
    scores = read_validation(bundle)
    area = auroc(Evidence.of(scores.labels, scores.scores, scores.slides))
    assert card.validation.metrics["auroc"].value == pytest.approx(area.value)


def test_the_threshold_keeps_its_promise_on_its_own_slides(bundle: Path) -> None:
    card = read_bundle(bundle).card
    assert "all 40 validation patches" in card.operating_point.chosen_on
    assert card.operating_point.sensitivity is not None
    assert card.operating_point.sensitivity.value >= 0.95


def test_a_bundle_is_not_overwritten_unless_told_to(
    run: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "model"
    shutil.copytree(bundle, copy)
    assert main(["export", str(run), "--to", str(copy)]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["export", str(run), "--to", str(copy), "--replace", "--name", "other"]) == 0
    assert read_bundle(copy).card.name == "other"
    assert not list(tmp_path.glob(".*"))


def test_weights_of_another_run_are_refused(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("pack"))
    config = copy / "config.json"
    config.write_text(config.read_text("utf-8").replace('"seed": 0', '"seed": 1'), "utf-8")
    assert main(["export", str(copy), "--to", str(tmp_path / "model")]) == 2
    assert not (tmp_path / "model").exists()
