import pytest
import torch

from core.bundle import SIMPLE_CNN, Architecture, build_network
from core.errors import BundleError


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
        found = network(inputs.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected)


def test_an_input_too_small_for_it_is_refused() -> None:
    with pytest.raises(BundleError, match="at least 22"):
        build_network(Architecture(name=SIMPLE_CNN, arguments={"img_size": 21}))
