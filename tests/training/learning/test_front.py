"""Leading layers that do not learn give OpenVINO the same work that PyTorch would do."""

import pytest
import torch

from core.bundle import Architecture, InputTransform, Preprocessing, build_network
from training.learning.front import cut_front
from training.learning.optimiser import freeze

LITE = Architecture(name="tf_efficientnet_lite0", outputs=1, pooling="centre-and-context")
STILL_LAYERS = 2 + 4 + 12 + 12
"""Convolutions and normalisations of the stem and of three stages."""


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(LITE)


@pytest.fixture
def patches() -> torch.Tensor:
    return torch.rand(4, 96, 96, 3, generator=torch.Generator().manual_seed(1)) * 255


TRANSFORM = InputTransform(
    Preprocessing(input_size_px=128, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
)


def test_both_halves_give_what_the_network_gives(
    network: torch.nn.Module, patches: torch.Tensor
) -> None:
    freeze(network, STILL_LAYERS)
    front = cut_front(network, TRANSFORM, 4, "float32")
    assert front is not None
    network.eval()
    front.rest.eval()
    with torch.no_grad():
        expected = network(TRANSFORM(patches))
        torch.testing.assert_close(front.outputs(patches), expected, atol=1e-4, rtol=1e-4)


def test_gradients_of_what_learns_are_those_of_the_whole_network(
    network: torch.nn.Module, patches: torch.Tensor
) -> None:
    freeze(network, STILL_LAYERS)
    front = cut_front(network, TRANSFORM, 4, "float32")
    assert front is not None
    for module in network.modules():
        module.training = False  # dropout draws, normalisation of batches amplifies rounding
    front.rest.training = False
    learning = {name: w for name, w in network.named_parameters() if w.requires_grad}
    assert len(learning) > 20
    whole = torch.autograd.grad(network(TRANSFORM(patches)).sum(), list(learning.values()))
    cut = torch.autograd.grad(front.outputs(patches).sum(), list(learning.values()))
    for name, expected, found in zip(learning, whole, cut, strict=True):
        # Rounding flips a few of the activations' corners, so single weights differ.
        assert (found - expected).norm() < 0.01 * expected.norm(), name


def test_nothing_is_cut_where_nothing_is_still_or_where_stages_do_not_follow_each_other(
    network: torch.nn.Module,
) -> None:
    freeze(network, 0)
    assert cut_front(network, TRANSFORM, 4, "float32") is None
    freeze(network, STILL_LAYERS)
    assert cut_front(network, TRANSFORM, 4, "pytorch") is None
    other = build_network(Architecture(name="resnet10t", outputs=1))
    freeze(other, 4)
    assert cut_front(other, TRANSFORM, 4, "float32") is None
