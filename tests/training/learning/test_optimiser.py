from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.bundle import Architecture, InputTransform, Preprocessing, build_network
from core.errors import RunError
from core.patches import open_source
from tests.training.toys import write_toy_kaggle
from training.data.pack import Feed, open_pack
from training.learning.optimiser import build_adamw, freeze, set_learning_rate
from training.learning.validation import predict
from training.recipes.recipe import load_recipe


def test_layer_decay_gives_the_head_the_whole_rate_and_each_layer_below_less() -> None:
    network = build_network(Architecture(name="vit_tiny_patch16_224", arguments={"depth": 3}))
    optimiser = build_adamw(network, 0.05, layer_decay=0.5)
    set_learning_rate(optimiser, 1.0)
    rates = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    names = ["patch_embed.proj", "blocks.0.mlp.fc1", "blocks.1.mlp.fc1", "blocks.2.mlp.fc1", "head"]
    by_layer = [rates[id(network.get_parameter(f"{name}.weight"))] for name in names]
    assert by_layer == pytest.approx([0.5**4, 0.5**3, 0.5**2, 0.5, 1.0])


def test_layer_decay_forgets_no_parameter_and_spares_vectors_from_weight_decay() -> None:
    network = build_network(Architecture(name="test_efficientnet", pooling="gem", head="mlp"))
    optimiser = build_adamw(network, 0.05, layer_decay=0.8)
    held = [p for group in optimiser.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in network.parameters()}
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.05 if parameter.ndim > 1 else 0.0)


def test_a_rate_without_layer_decay_is_the_same_everywhere() -> None:
    optimiser = build_adamw(torch.nn.Linear(2, 1), 0.1)
    set_learning_rate(optimiser, 0.3)
    assert {group["lr"] for group in optimiser.param_groups} == {0.3}


def network(**changes: object) -> nn.Module:
    torch.manual_seed(0)
    return build_network(Architecture(name="test_efficientnet", **changes)).train()


def learning(module: nn.Module) -> set[str]:
    return {name for name, weight in module.named_parameters() if weight.requires_grad}


def test_a_frozen_backbone_neither_learns_nor_counts() -> None:
    frozen = network()
    freeze(frozen, "backbone")
    assert learning(frozen) == {"classifier.weight", "classifier.bias"}
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    optimiser = torch.optim.SGD(frozen.parameters(), lr=1.0)
    frozen(torch.randn(4, 3, 32, 32)).sum().backward()
    optimiser.step()
    changed = {n for n, value in frozen.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {"classifier.weight", "classifier.bias"}  # no running mean, no counter


def test_learnt_pooling_and_a_hidden_layer_are_no_backbone() -> None:
    frozen = network(pooling="gem", head="mlp")
    freeze(frozen, "backbone")
    assert {name.split(".")[0] for name in learning(frozen)} == {"classifier", "global_pool"}
    assert frozen.get_submodule("classifier").training


def test_leading_layers_are_counted_in_the_order_of_the_network() -> None:
    frozen = network()
    freeze(frozen, 2)
    names = [name for name, _ in frozen.named_parameters()]
    assert learning(frozen) == set(names[3:])  # a kernel, then scale and shift
    assert names[:3] == ["conv_stem.weight", "bn1.weight", "bn1.bias"]
    assert not frozen.get_submodule("bn1").training
    assert frozen.get_submodule("blocks.0.0.bn1").training


def test_a_later_phase_sets_layers_free_again() -> None:
    thawed = network()
    freeze(thawed, "backbone")
    thawed.train()
    freeze(thawed, 0)
    assert learning(thawed) == {name for name, _ in thawed.named_parameters()}
    assert all(m.training for m in thawed.modules() if isinstance(m, nn.BatchNorm2d))


def test_a_recipe_that_freezes_everything_is_refused() -> None:
    with pytest.raises(RunError, match="freezes 500 layers"):
        freeze(network(), 500)


def test_the_fine_tuned_efficientnet_thaws_from_where_keras_counts_100_layers() -> None:
    recipe = load_recipe("efficientnet_b0_finetuned")
    with torch.device("meta"):
        whole = build_network(recipe.network).train()
    first = []
    for phase in recipe.schedule.phases:
        freeze(whole, phase.frozen)
        first.append(next(n for n, weight in whole.named_parameters() if weight.requires_grad))
    # Keras: 8 layers of stem, 10 + 14 + 15 + 14 + 15 + 14 of the blocks up to 4a, 10 of 4b.
    assert first == [
        "classifier.weight",
        "blocks.6.0.conv_pw.weight",
        "blocks.5.0.conv_pw.weight",
        "blocks.3.1.conv_pwl.weight",
    ]


def test_a_class_token_leaves_no_layer_still_once_all_may_learn() -> None:
    """Its root has weights of its own, so a frozen phase makes the root itself still."""
    transformer = build_network(Architecture(name="test_vit", arguments={"img_size": 96})).train()
    freeze(transformer, "backbone")
    assert not transformer.training
    freeze(transformer, 0)
    assert all(module.training for module in transformer.modules())


def test_scoring_gives_every_module_its_own_mode_back(tmp_path: Path) -> None:
    """A network that stays in evaluation mode trains without dropout from then on."""
    with open_source(write_toy_kaggle(tmp_path / "toy")) as source:
        feed = Feed(open_pack(source, tmp_path / "pack"), torch.device("cpu"))
    transformer = build_network(Architecture(name="test_vit", arguments={"img_size": 96}))
    freeze(transformer, 3)
    before = [module.training for module in transformer.modules()]
    assert len(set(before)) == 2
    transform = InputTransform(Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
    predict(transformer, transform, feed, np.arange(4), 2)
    assert [module.training for module in transformer.modules()] == before
