import pytest
import torch

from core.bundle import Architecture, build_network
from training.learning.optimiser import build_adamw, set_learning_rate


def test_layer_decay_gives_the_head_the_whole_rate_and_each_layer_below_less() -> None:
    network = build_network(Architecture(name="vit_tiny_patch16_224", arguments={"depth": 3}))
    optimiser = build_adamw(network, 0.05, layer_decay=0.5)
    set_learning_rate(optimiser, 1.0)
    rates = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    names = ["patch_embed.proj", "blocks.0.mlp.fc1", "blocks.1.mlp.fc1", "blocks.2.mlp.fc1", "head"]
    found = [rates[id(network.get_parameter(f"{name}.weight"))] for name in names]
    assert found == pytest.approx([0.5**4, 0.5**3, 0.5**2, 0.5, 1.0])


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
