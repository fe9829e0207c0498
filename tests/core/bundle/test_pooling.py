import numpy as np
import pytest
import torch

from core.bundle import Architecture, CentreAndContextPool, build_network
from core.bundle.pooling import AttentionPool, GemPool
from core.errors import BundleError


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 12, 24])
def test_the_centre_mean_is_the_mean_over_the_centre_32_pixels(size: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 4, size, size)
    pooled = CentreAndContextPool()(features)
    # Every cell spread out over the pixels that it stands for.
    pixels = np.kron(features.numpy(), np.ones((96, 96)))  # (2, 4, size * 96, size * 96)
    third = size * 32
    centre = pixels[:, :, third : 2 * third, third : 2 * third].mean(axis=(2, 3))
    np.testing.assert_allclose(pooled[:, :4], features.mean(dim=(2, 3)), rtol=0, atol=1e-6)
    np.testing.assert_allclose(pooled[:, 4:], centre, rtol=0, atol=1e-5)


def test_the_head_reads_centre_and_context() -> None:
    network = build_network(Architecture(name="resnet18", pooling="centre-and-context"))
    inputs = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        features = network.forward_features(inputs)  # type: ignore[operator]
        joined = torch.cat([features.mean(dim=(2, 3)), features[:, :, 1, 1]], dim=1)
        expected = network.fc(joined)  # type: ignore[operator]
        torch.testing.assert_close(network(inputs), expected)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnext_atto", "mobilenetv3_small_050"])
def test_a_network_that_does_not_average_last_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match="does not end in an average and a linear layer"):
        build_network(Architecture(name=name, pooling="centre-and-context"))


def test_the_generalised_mean_lies_between_mean_and_maximum() -> None:
    features = torch.rand(2, 4, 3, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    torch.testing.assert_close(GemPool(1.0)(features), features.mean(dim=(2, 3)))
    largest = features.amax(dim=(2, 3))
    torch.testing.assert_close(GemPool(200.0)(features), largest, rtol=0.02, atol=0)
    cubes = features.pow(3).mean(dim=(2, 3)).pow(1 / 3)
    torch.testing.assert_close(GemPool()(features), cubes)


def test_the_exponent_learns_even_where_features_are_zero() -> None:
    pool = GemPool()
    pool(torch.relu(torch.randn(2, 4, 3, 3))).sum().backward()
    assert pool.exponent.grad is not None
    assert torch.isfinite(pool.exponent.grad).all()
    assert float(pool.exponent.grad) != 0


def test_attention_starts_as_the_mean_and_then_weighs_cells() -> None:
    torch.manual_seed(0)
    features, pool = torch.randn(2, 4, 3, 3), AttentionPool(4)
    torch.testing.assert_close(pool(features), features.mean(dim=(2, 3)))
    torch.nn.init.normal_(pool.score.weight, std=5.0)
    cells = features.flatten(2)  # (N, C, cells)
    pooled = pool(features)
    assert (pooled <= cells.amax(dim=2)).all()
    assert (pooled >= cells.amin(dim=2)).all()
    assert not torch.allclose(pooled, features.mean(dim=(2, 3)), atol=0.01)


@pytest.mark.parametrize("pooling", ["gem", "attention"])
def test_a_network_is_served_with_learnt_pooling(pooling: str) -> None:
    network = build_network(Architecture(name="test_resnet", pooling=pooling))
    assert any(name.startswith("global_pool.") for name in network.state_dict())
    assert network(torch.zeros(2, 3, 96, 96)).shape == (2, 1)
