import numpy as np
import pytest
import torch

from core.engine import TorchEngine
from core.explanation import Explainer, Method, Target, TwinTest, TwinTester
from core.explanation.library import RoadMetric
from tests.core.explanation.conftest import OpenRandom
from tests.toys import noise_patches


def test_a_map_that_ignores_the_decision_is_never_called_reliable(open_random: OpenRandom) -> None:
    explainer = Explainer(open_random("test_efficientnet"), method=Method.EIGEN_CAM)
    found = TwinTester(explainer, twins=3).run(noise_patches(3))
    assert not any(one.reliable for one in found)
    assert all(one.beaten == 0 for one in found)  # the twins' maps are the map itself


def test_the_maps_of_a_random_head_are_called_reliable_as_rarely_as_chance_allows(
    open_random: OpenRandom,
) -> None:
    classifier = open_random("resnet18")
    engine = classifier.engine
    assert isinstance(engine, TorchEngine)
    weight = engine.network.get_submodule("fc").get_parameter("weight")
    trained = weight.clone()
    verdicts: list[bool] = []
    try:
        for seed in range(4):
            drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
            with torch.no_grad():
                weight.copy_(10 * drawn)  # so large that effects are above the floor
            found = TwinTester(Explainer(classifier), seed=7).run(noise_patches(6, seed))
            verdicts += [one.reliable for one in found]
    finally:
        with torch.no_grad():
            weight.copy_(trained)
    assert np.mean(verdicts) <= 0.35


def test_the_test_leaves_the_model_as_it_was_and_repeats_itself(open_random: OpenRandom) -> None:
    classifier = open_random("test_efficientnet")
    images = noise_patches(2)
    before = classifier.engine.logits(images)
    tester = TwinTester(Explainer(classifier), twins=4)
    assert tester.run(images) == tester.run(images)
    np.testing.assert_array_equal(classifier.engine.logits(images), before)


@pytest.mark.parametrize("layer", ["blocks.0", "blocks.3", "bn2"])
def test_every_grid_can_be_tested(open_random: OpenRandom, layer: str) -> None:
    explainer = Explainer(
        open_random("test_efficientnet"), method=Method.HIRES_CAM, layer=layer, target=Target.TUMOUR
    )
    (found,) = TwinTester(explainer, twins=2).run(noise_patches(1))
    assert len(found.twins) == 2
    assert all(-1 <= one <= 1 for one in (found.faithfulness, *found.twins))


def test_reliable_needs_faith_an_effect_and_nine_in_ten_twins_beaten() -> None:
    twins = tuple(np.linspace(-0.5, 0.4, 19).tolist())
    assert TwinTest(0.8, twins, 1.0).reliable
    assert not TwinTest(0.2, twins, 1.0).reliable
    assert not TwinTest(0.8, twins, 0.0).reliable
    assert not TwinTest(-0.1, (-0.5,) * 19, 1.0).reliable


def test_road_is_finite_repeatable_and_leaves_random_numbers_alone(
    open_random: OpenRandom,
) -> None:
    explainer = Explainer(open_random("test_efficientnet"))
    images = noise_patches(1)
    batch = explainer.maps(images)
    metric = RoadMetric(explainer.network)
    torch.manual_seed(5)
    first = metric(images, batch)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.rand(1) == after
    np.testing.assert_array_equal(metric(images, batch), first)
    assert np.isfinite(first).all()
    assert first.shape == (1,)
