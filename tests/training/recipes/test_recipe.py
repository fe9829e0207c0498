from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from core.bundle import build_network
from core.errors import RunError
from training.recipes.recipe import (
    Augmentation,
    load_recipe,
    parse_recipe,
    recipe_names,
    recipe_of,
    recipe_values,
)

SMALLEST = """
description = "a toy"
[network]
name = "test_efficientnet"
[preprocessing]
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[schedule]
epochs = 1
learning_rate = 1e-3
"""

# Published counts (torchvision's and timm's tables) less the head of 1,000 classes, plus ours.
PARAMETERS = {
    "center_crop_cnn": 159_170,
    "convnext": 28_589_128 - 769 * 1000 + 769,
    "efficientnet_b0_finetuned": 5_288_548 - 1281 * 1000 + 1281,
    "efficientnet_b0_frozen": 5_288_548 - 1281 * 1000 + 1281,
    "efficientnet_b4": 19_341_616 - 1793 * 1000 + 1793,
    "efficientnet_b7": 66_347_960 - 2561 * 1000 + 2561,
    "efficientnet_lite0_finetuned": 4_652_008 - 1281 * 1000 + 1281,
    "mobilenetv3": 5_483_032 - 1281 * 1000 + 1281,
    "ours_lite0": 4_652_008 - 1281 * 1000 + 1281,
    "ours_lite0_192": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_centre": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_centre_first": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_course": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_base": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_base_192": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_base_student": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_progressive": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_shipped": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "ours_lite0_settle": 4_652_008 - 1281 * 1000 + 2 * 1280 + 1,
    "resnet18": 11_689_512 - 513 * 1000 + 513,
    "resnet34": 21_797_672 - 513 * 1000 + 513,
    "resnet50_classweights": 25_557_032 - 2049 * 1000 + 2049,
    "resnet50_frozen": 25_557_032 - 2049 * 1000 + 2049,
    "resnet50_warmup": 25_557_032 - 2049 * 1000 + 2049,
    "resnet50_mlp_head": 25_557_032 - 2049 * 1000 + 2049 * 256 + 2 * 256 + 257,
    "seresnet50_attention": 28_088_024 - 2049 * 1000 + 2049 + (2048 + 1 + 1) * 128,
    "simple_cnn": 159_170,
    "tiny": 99_453,
    # 16 × 16 px to 384; a class token, 37 positions; 12 blocks of 12 w² + 13 w; norm; head.
    "vit_small": 769 * 384 + 38 * 384 + 12 * (12 * 384**2 + 13 * 384) + 2 * 384 + 385,
}


def test_the_promised_recipes_are_shipped() -> None:
    assert set(recipe_names()) == set(PARAMETERS)


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_loads_builds_its_network_and_survives_json(name: str) -> None:
    recipe = load_recipe(name)
    with torch.device("meta"):
        network = build_network(recipe.network)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]
    assert recipe_of(recipe_values(recipe)) == recipe


def test_a_recipe_of_ones_own_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(SMALLEST, "utf-8")
    assert load_recipe(str(file)).name == "mine"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("batchsize = 3", "batchsize"),
        ("batch_size = 1", "batch_size"),
        ("label_smoothing = 1.5", "label_smoothing"),
        ('init = "internet"', "init"),
        ("ema_decay = nan", "ema_decay"),
        ("augmentation.zoom = 0.5", "zoom"),
    ],
)
def test_a_wrong_key_or_value_is_named(line: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        parse_recipe("mine", line + "\n" + SMALLEST)


def test_phases_that_do_not_fill_the_epochs_are_refused() -> None:
    phase = '[[schedule.phases]]\nname = "head"\nepochs = 2\n'
    with pytest.raises(RunError, match=r"phases have 2 epochs and schedule\.epochs is 1"):
        parse_recipe("mine", SMALLEST + phase)


def test_layer_decay_over_two_streams_is_refused() -> None:
    text = SMALLEST.replace("[prep", 'centre_stream = "test_resnet"\n[prep')
    with pytest.raises(RunError, match="not of two streams"):
        parse_recipe("mine", text + "layer_decay = 0.8\n")


def test_an_unknown_key_inside_a_part_is_refused() -> None:
    with pytest.raises(RunError, match=r"schedule\.epoch"):
        parse_recipe("mine", SMALLEST + "epoch = 3\n")


def test_text_that_is_no_toml_is_refused() -> None:
    with pytest.raises(RunError, match="not TOML"):
        parse_recipe("mine", "description = ")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RunError, match="ours_lite0"):
        load_recipe("resnet")


def test_a_part_checks_itself_wherever_it_is_made() -> None:
    with pytest.raises(ValidationError):
        Augmentation(brightness=-0.1)
