import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from core.bundle import Preprocessing, read_bundle, read_card, read_validation
from core.bundle.network import InputTransform, build_network, tumour_logit
from core.errors import BundleError
from core.scoring import open_classifier
from tests.toys import TOY_ARCHITECTURE, noise_patches


@pytest.fixture
def bundle(toy_bundle: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(toy_bundle, tmp_path / "bundle"))


def change_card(bundle: Path, **changes: object) -> None:
    card: dict[str, Any] = json.loads((bundle / "card.json").read_text())
    (bundle / "card.json").write_text(json.dumps(card | changes))


def test_a_bundle_comes_back_as_it_was_written(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert read.card.model_id.startswith("toy-")
    assert set(read.weights) == set(build_network(TOY_ARCHITECTURE).state_dict())
    np.testing.assert_array_equal(read.golden_images, noise_patches(4, seed=99))
    scores = read_validation(bundle, read.card.validation.scores_sha256)
    assert len(scores.labels) == read.card.validation.data.patches
    assert int(scores.labels.sum()) == read.card.validation.data.positives


def test_the_self_test_passes_on_the_machine_that_made_the_bundle(bundle: Path) -> None:
    classifier = open_classifier(bundle, device="cpu")
    assert classifier.self_test.passed
    assert classifier.self_test.patches == 4


def test_one_changed_byte_anywhere_is_found(bundle: Path) -> None:
    for part in ["weights.safetensors", "golden/drawn-02.png"]:
        original = (bundle / part).read_bytes()
        data = bytearray(original)
        data[len(data) // 2] ^= 1
        (bundle / part).write_bytes(data)
        with pytest.raises(BundleError, match="was altered"):
            read_bundle(bundle)
        (bundle / part).write_bytes(original)
    scores = bundle / "validation.csv"
    scores.write_bytes(scores.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(BundleError, match="was altered"):
        read_validation(bundle, read_card(bundle).validation.scores_sha256)


def test_weights_that_score_their_golden_patches_otherwise_refuse_to_score(bundle: Path) -> None:
    golden = json.loads((bundle / "card.json").read_text())["golden"]
    golden["files"][3]["logit"] += 0.01
    change_card(bundle, golden=golden)
    with pytest.raises(BundleError, match=r"Self-test failed: the 4 golden patches .* 0\.01"):
        open_classifier(bundle, device="cpu")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"temperature": 0}, "temperature"),
        ({"surprise": 1}, "surprise"),
        ({"weights_sha256": "abc"}, "weights_sha256"),
        ({"created": "2026-01-01T00:00:00"}, "time zone"),
        ({"class_order": ["tumour in the centre", "no tumour in the centre"]}, "class_order"),
    ],
)
def test_a_card_off_the_schema_is_refused_by_the_name_of_the_field(
    bundle: Path, changes: dict[str, object], complaint: str
) -> None:
    change_card(bundle, **changes)
    with pytest.raises(BundleError, match=complaint):
        read_card(bundle)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{", b"[" * 100_000, "{}".encode("utf-16"), b"\xff\xfe\xff", b"\0" * 99],
    ids=["nothing", "a list", "null", "torn", "deep", "UTF-16", "no text", "zeros"],
)
def test_a_card_that_is_none_is_a_sentence(bundle: Path, content: bytes) -> None:
    (bundle / "card.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"The model card .*Export the bundle again\."):
        read_card(bundle)


def test_no_temperature_is_taken_for_granted(bundle: Path) -> None:
    card = json.loads((bundle / "card.json").read_text())
    del card["temperature"]
    (bundle / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match="temperature: Field required"):
        read_card(bundle)


def test_a_card_of_schema_1_still_opens_and_says_what_it_says_in_schema_2(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        card = Path(__file__).parent / "cards" / f"shipped_{version}.json"
        shutil.copy(card, tmp_path / version / "card.json")
    was = json.loads((tmp_path / "v1" / "card.json").read_text("utf-8"))
    old, new = (read_card(tmp_path / version) for version in ("v1", "v2"))
    assert old.validation.split_seed == new.validation.split_seed == 98
    # What schema 1 could not say; and the threshold was moved off the very score that it was.
    later = {"initial_weights", "orientations", "fast", "domain", "centre_auroc", "operating_point"}
    changed = {name: getattr(new, name) for name in later}
    assert old.model_copy(update=changed) == new
    assert old.operating_point.threshold == pytest.approx(new.operating_point.threshold, abs=2e-5)
    assert old.initial_weights.description == was["initial_weights"]
    assert len(old.validation.notes) == len(was["validation"]["notes"]) - 1


def test_a_card_cannot_make_timm_load_other_weights(bundle: Path) -> None:
    for argument in ("pretrained", "checkpoint_path"):
        change_card(
            bundle, architecture={"name": "test_efficientnet", "arguments": {argument: "x"}}
        )
        with pytest.raises(BundleError, match="other weights"):
            open_classifier(bundle, device="cpu")


def test_weights_that_are_no_numbers_or_do_not_fit_are_refused(bundle: Path) -> None:
    state = safetensors.torch.load_file(bundle / "weights.safetensors")
    name = next(name for name, value in state.items() if value.is_floating_point())
    for value, complaint in [
        (torch.full_like(state[name], torch.nan), "not numbers"),
        (torch.zeros(1, 2, 3), "do not fit"),
    ]:
        safetensors.torch.save_file(state | {name: value}, bundle / "weights.safetensors")
        digest = hashlib.sha256((bundle / "weights.safetensors").read_bytes()).hexdigest()
        change_card(bundle, weights_sha256=digest)
        with pytest.raises(BundleError, match=complaint):
            open_classifier(bundle, device="cpu")


def test_a_folder_without_a_card_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"card\.json cannot be read"):
        read_bundle(tmp_path)


def test_the_input_transform_equals_scale_subtract_divide() -> None:
    images = noise_patches(3)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    transform = InputTransform(Preprocessing(mean=tuple(mean), std=tuple(std)))
    expected = ((images / 255.0) - mean) / std
    transformed = transform(torch.from_numpy(images)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(transformed, expected, atol=2e-6)


def test_a_crop_takes_the_centre_and_only_a_wish_resizes() -> None:
    images = noise_patches(2)
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    crop = InputTransform(Preprocessing(crop_px=32, input_size_px=32, **plain))
    transformed = crop(torch.from_numpy(images)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(transformed, images[:, 32:64, 32:64] / 255.0, atol=1e-6)
    larger = InputTransform(Preprocessing(input_size_px=192, **plain))
    assert larger(torch.from_numpy(images)).shape == (2, 3, 192, 192)


def test_two_outputs_give_the_logit_of_their_softmax() -> None:
    outputs = torch.randn(16, 2, dtype=torch.float64)
    expected = outputs.softmax(dim=1)[:, 1]
    torch.testing.assert_close(tumour_logit(outputs).sigmoid(), expected)
