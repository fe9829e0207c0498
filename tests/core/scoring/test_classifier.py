import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.bundle import OperatingPoint
from core.errors import BundleError
from core.patches import Patch, PatchEntry, UnreadablePatch
from core.scoring import Classifier, Status, TestTimeAugmentation, open_classifier
from tests.toys import noise_patches


def patch(index: int, image: np.ndarray) -> Patch:
    return Patch(
        index, PatchEntry(f"p{index}", f"p{index}.png", label=1, slide="s"), image, "0" * 64
    )


def test_a_row_holds_the_logit_and_its_tempered_sigmoid(toy_classifier: Classifier) -> None:
    images = noise_patches(5)
    rows = toy_classifier.score([patch(i, image) for i, image in enumerate(images)])
    logits = toy_classifier.engine.logits(images)
    for row, logit in zip(rows, logits, strict=True):
        assert row.logit == pytest.approx(float(logit), abs=1e-6)
        assert row.prob_tumour == pytest.approx(1 / (1 + math.exp(-float(logit) / 1.5)), abs=1e-7)
        assert row.predicted_label == int((row.prob_tumour or 0) >= 0.4)
        assert (row.label, row.slide, row.status) == (1, "s", Status.SCORED)
        assert row.model_id == toy_classifier.model_id


def test_d4_scores_the_mean_logit_of_eight_views_and_tells_their_spread(
    toy_classifier: Classifier,
) -> None:
    images = noise_patches(2)
    views = toy_classifier.engine.d4_logits(images).astype(np.float64)
    rows = toy_classifier.score(
        [patch(i, image) for i, image in enumerate(images)], TestTimeAugmentation.D4
    )
    for row, eight in zip(rows, views, strict=True):
        assert row.logit == pytest.approx(eight.mean(), abs=1e-5)
        assert row.d4_sd_logit == pytest.approx(eight.std(), abs=1e-5)


@pytest.mark.parametrize("lower", [None, 0.2])
def test_between_the_scores_that_are_told_lie_the_logits_near_a_threshold(
    toy_classifier: Classifier, lower: float | None
) -> None:
    point = toy_classifier.operating_point.model_copy(update={"lower_threshold": lower})
    low, high = toy_classifier.at(point).near_scores(1.2)
    first, last = (math.log(t / (1 - t)) for t in (lower or 0.4, 0.4))
    assert low == pytest.approx(1 / (1 + math.exp(-(first * 1.5 - 1.2) / 1.5)))
    assert high == pytest.approx(1 / (1 + math.exp(-(last * 1.5 + 1.2) / 1.5)))


def test_failed_and_flat_inputs_are_rows_in_place_without_a_score(
    toy_classifier: Classifier,
) -> None:
    image = noise_patches(1)[0]
    flat = np.full((96, 96, 3), 244, np.uint8)
    rows = toy_classifier.score(
        [
            UnreadablePatch(7, PatchEntry("broken", "broken.png"), "The file is empty."),
            patch(8, image),
            patch(9, flat),
        ]
    )
    assert [row.status for row in rows] == [Status.FAILED, Status.SCORED, Status.WITHHELD]
    assert rows[0].reason == "The file is empty."
    assert "flat colour" in rows[2].reason
    for row in (rows[0], rows[2]):
        assert (row.prob_tumour, row.logit, row.predicted_label) == (None, None, None)


def test_a_threshold_equal_to_the_probability_calls_tumour(toy_classifier: Classifier) -> None:
    item = patch(0, noise_patches(1)[0])
    (row,) = toy_classifier.score([item])
    assert row.prob_tumour is not None
    for threshold, label in [
        (row.prob_tumour, 1),
        (math.nextafter(row.prob_tumour, 1), 0),
    ]:
        point = OperatingPoint(version="v1", threshold=threshold, rule="", chosen_on="")
        (again,) = toy_classifier.at(point).score([item])
        assert (again.predicted_label, again.operating_point) == (label, "locked v1")


@pytest.mark.parametrize(
    "arguments", [{"act_layer": "none such"}, {"drop_rate": "nan"}, {"device": "meta"}]
)
def test_whatever_a_card_asks_of_a_network_a_refusal_is_a_sentence(
    toy_bundle: Path, tmp_path: Path, arguments: dict[str, object]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(toy_bundle, folder)
    card = json.loads((folder / "card.json").read_text())
    card["architecture"]["arguments"] = arguments
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError):
        open_classifier(folder, device="cpu")
