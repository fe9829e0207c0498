from typing import ClassVar

import pytest
import torch
from torch import nn

from core.bundle import SIMPLE_CNN, Architecture, TwoStreams, build_network, head_names
from core.bundle.network import replace_with_mlp
from core.engine.served import trace_layers
from core.errors import BundleError

INPUTS = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def test_a_hidden_layer_stands_between_the_mean_and_the_outputs() -> None:
    torch.manual_seed(0)
    network = build_network(
        Architecture(name="test_resnet", head="mlp", head_width=16, head_dropout=0.3, outputs=2)
    )
    head = network.get_submodule("fc")
    kinds = [type(module) for module in head.children()]
    assert kinds == [nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d, nn.Linear]
    with torch.no_grad():
        pooled = network.forward_features(INPUTS).mean(dim=(2, 3))  # type: ignore[operator]
        torch.testing.assert_close(network(INPUTS), head(pooled))
    assert network(INPUTS).shape == (2, 2)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnext_atto", "mobilenetv3_small_050"])
def test_networks_of_any_kind_take_a_hidden_layer(name: str) -> None:
    arguments = {"img_size": 96} if name.startswith("vit") else {}
    network = build_network(Architecture(name=name, head="mlp", arguments=arguments))
    names = [key for key, _ in network.named_parameters() if key.startswith(head_names(network))]
    assert len(names) == 6
    assert network(INPUTS).shape == (2, 1)


def test_two_streams_join_the_features_of_patch_and_centre() -> None:
    torch.manual_seed(0)
    network = build_network(Architecture(name="test_efficientnet", centre_stream="test_resnet"))
    assert isinstance(network, TwoStreams)
    with torch.no_grad():
        context = network.context(INPUTS)
        centre = network.centre(INPUTS[:, :, 32:64, 32:64])
        expected = network.get_classifier()(torch.cat([context, centre], dim=1))
        torch.testing.assert_close(network(INPUTS), expected)


def test_the_centre_stream_sees_nothing_else() -> None:
    torch.manual_seed(0)
    network = build_network(Architecture(name="test_efficientnet", centre_stream="test_resnet"))
    ring = INPUTS.clone()
    ring[:, :, :32] += 1.0
    with torch.no_grad():
        assert torch.equal(
            network.centre(ring[:, :, 32:64, 32:64]),  # type: ignore[operator]
            network.centre(INPUTS[:, :, 32:64, 32:64]),  # type: ignore[operator]
        )
        assert not torch.equal(network(ring), network(INPUTS))


def test_a_transformer_takes_no_centre_stream() -> None:
    tokens = Architecture(
        name="vit_tiny_patch16_224", arguments={"img_size": 96}, centre_stream="test_resnet"
    )
    with pytest.raises(BundleError, match="needs a convolutional network"):
        build_network(tokens)


def test_layers_of_the_centre_stream_are_not_explained_over_the_whole_patch() -> None:
    network = build_network(Architecture(name="resnet18", centre_stream="resnet18"))
    names = [layer.name for layer in trace_layers(network, INPUTS[:1])]
    assert names
    assert all(name.startswith("context.") for name in names)
    assert names[-1] == "context.layer4"


def test_two_streams_take_another_pooling_and_a_hidden_layer() -> None:
    network = build_network(
        Architecture(
            name="resnet18", pooling="centre-and-context", centre_stream="test_resnet", head="mlp"
        )
    )
    alone = build_network(Architecture(name="test_resnet")).get_parameter("fc.weight")
    joined = network.get_parameter("classifier.hidden.weight")
    assert joined.shape[1] == 2 * 512 + alone.shape[1]
    assert network(INPUTS).shape == (2, 1)


def test_our_own_network_takes_a_hidden_layer_too() -> None:
    network = build_network(Architecture(name=SIMPLE_CNN, head="mlp"))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 1)


class Convolutional(nn.Module):
    pretrained_cfg: ClassVar[dict[str, str]] = {"classifier": "classifier"}

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(3, 1, 1)


def test_a_network_that_does_not_end_in_a_linear_layer_is_refused() -> None:
    with pytest.raises(BundleError, match="another head needs one that ends in a linear layer"):
        replace_with_mlp(Convolutional(), width=8, dropout=0.0)


def test_it_has_the_published_number_of_parameters() -> None:
    network = build_network(Architecture(name=SIMPLE_CNN, outputs=2))
    layers = (3 * 3 * 3 + 1) * 32, (3 * 3 * 32 + 1) * 64, (3 * 3 * 64 + 1) * 128
    dense = (2 * 2 * 128 + 1) * 128, (128 + 1) * 2
    assert sum(p.numel() for p in network.parameters()) == sum((*layers, *dense)) == 159_170


def test_its_parts_make_the_whole_and_memory_layout_does_not_matter() -> None:
    torch.manual_seed(0)
    network = build_network(Architecture(name=SIMPLE_CNN, outputs=2))
    inputs = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features = network.forward_features(inputs)  # type: ignore[operator]
        assert features.shape == (3, 128, 2, 2)
        expected = network(inputs)
        assert torch.equal(network.forward_head(features), expected)  # type: ignore[operator]
        network.to(memory_format=torch.channels_last)
        outputs = network(inputs.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(outputs, expected)


def test_an_input_too_small_for_it_is_refused() -> None:
    with pytest.raises(BundleError, match="at least 22"):
        build_network(Architecture(name=SIMPLE_CNN, arguments={"img_size": 21}))
