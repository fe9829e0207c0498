import threading
from copy import copy, deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.engine import TorchEngine
from core.engine.served import ServedNetwork
from core.errors import RunError
from core.explanation import Explainer, Method, Target, TwinTest, TwinTester
from core.explanation.library import ControlHeads
from core.scoring import Classifier
from tests.core.explanation.conftest import OpenRandom
from tests.toys import noise_patches


@pytest.mark.parametrize("method", [Method.EIGEN_CAM, Method.SCORE_CAM, Method.ABLATION_CAM])
def test_a_map_without_gradients_of_the_decision_has_no_test(
    open_random: OpenRandom, method: Method
) -> None:
    with pytest.raises(RunError, match="use no gradients of the decision"):
        TwinTester(Explainer(open_random("test_efficientnet"), method=method))


def with_head(classifier: Classifier, weights: torch.Tensor) -> Classifier:
    """Return a classifier whose last layer has other weights (outputs, C), and no bias."""
    engine = classifier.engine
    assert isinstance(engine, TorchEngine)
    network = deepcopy(engine.network)
    head = network.get_submodule("classifier")
    with torch.no_grad():
        head.get_parameter("weight").copy_(weights)
        head.get_parameter("bias").zero_()
    other = copy(engine)
    other.network, other.lock = network, threading.RLock()
    other.served = ServedNetwork(network, engine.transform).eval()
    return replace(classifier, engine=other)


def test_the_map_of_another_head_is_called_reliable_as_rarely_as_chance_allows(
    open_random: OpenRandom,
) -> None:
    classifier = open_random("test_efficientnet")
    images = noise_patches(8)
    explainer = Explainer(classifier, method=Method.HIRES_CAM, layer="blocks.2")
    head = classifier.engine.pytorch().network.get_submodule("classifier")
    shape = head.get_parameter("weight").shape
    logits = explainer.maps(images).logits
    verdicts: list[bool] = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(100 + seed)
        other = with_head(classifier, torch.randn(*shape, generator=generator))
        foreign = Explainer(other, method=Method.HIRES_CAM, layer="blocks.2").maps(images)
        tests = TwinTester(explainer, seed=7).run(images, replace(foreign, logits=logits))
        verdicts += [one.faithfulness > 0 and one.beaten >= 0.9 for one in tests]
    # By chance 1 in 10 of 32 maps: more than 8 would be a 1 in 300 event.
    assert sum(verdicts) <= 8
    own = TwinTester(explainer, seed=7).run(images)
    assert np.mean([one.beaten for one in own]) > 0.5


@pytest.mark.parametrize("method", [Method.CAM, Method.HIRES_CAM, Method.LAYER_CAM])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_twin_s_map_is_the_map_of_the_network_with_that_head(
    open_random: OpenRandom, method: Method, outputs: int
) -> None:
    classifier = open_random("test_efficientnet", outputs)
    images = noise_patches(3)
    controls = ControlHeads(Explainer(classifier, method=method), 2, 0)
    for row, maps in zip(controls.weights, controls.maps(images), strict=True):
        # With two outputs the logit is their difference.
        weights = torch.stack([torch.zeros_like(row), row])[-outputs:]
        expected = Explainer(with_head(classifier, weights), method=method).maps(images).values
        np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("pooling", ["network", "centre-and-context"])
def test_the_controls_that_come_with_a_map_are_those_of_gradients(
    open_random: OpenRandom, target: Target, outputs: int, pooling: str
) -> None:
    classifier = open_random("test_efficientnet", outputs, 192, (), pooling)
    explainer = Explainer(classifier, target=target)
    assert explainer.brings_controls
    images = noise_patches(2)
    controls = explainer.maps(images).controls
    expected = ControlHeads(explainer, None, 0).maps(images)
    assert controls is not None
    assert controls.shape == (19, 2, 6, 6)
    np.testing.assert_allclose(controls, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


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
