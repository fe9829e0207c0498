import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from torch import nn

from core.bundle.last_map import as_grid
from core.engine import TorchEngine
from core.errors import RunError
from core.explanation import (
    CentreTest,
    Explainer,
    MapState,
    Measurement,
    Method,
    OverlayStyle,
    Target,
    TwinTester,
    explain_batch,
    explained_picture,
)
from core.scoring import Classifier
from tests.core.explanation.conftest import OpenRandom, patch_of
from tests.toys import noise_patches

LIBRARY = {
    Method.GRAD_CAM: GradCAM,
    Method.GRAD_CAM_PLUS_PLUS: GradCAMPlusPlus,
    Method.HIRES_CAM: HiResCAM,
    Method.LAYER_CAM: LayerCAM,
}
VIT = ("vit_tiny_patch16_224", 1, None, (("img_size", 96),))
VIT_MEAN = (
    "vit_tiny_patch16_224",
    1,
    None,
    (("img_size", 96), ("global_pool", "avg"), ("fc_norm", False)),
)


def network_of(classifier: Classifier) -> nn.Module:
    assert isinstance(classifier.engine, TorchEngine)
    return classifier.engine.network


def as_the_library_scales(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Clip at zero and stretch each map to 0..1 at 96 px, as pytorch-grad-cam does."""
    return np.asarray(scale_cam_image(scale_cam_image(np.maximum(values, 0), (96, 96))))


def library_maps(
    classifier: Classifier, method: Method, layer: str, images: NDArray[np.uint8], sign: int = 1
) -> NDArray[np.float32]:
    engine = classifier.engine
    assert isinstance(engine, TorchEngine)
    network = engine.network
    inputs = engine.transform(torch.from_numpy(images)).requires_grad_()
    cam: Any = LIBRARY[method](
        network,
        [network.get_submodule(layer)],
        reshape_transform=lambda output: as_grid(network, output),
    )
    with cam:
        targets = [lambda output: sign * output[0]] * len(images)
        return np.asarray(cam(inputs, targets))


def bias_of(classifier: Classifier) -> float:
    bias = network_of(classifier).get_classifier().bias  # type: ignore[operator]
    return float(bias[-1] - bias[0]) if len(bias) == 2 else float(bias[0])


def hooks_of(network: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._backward_hooks) for module in network.modules()
    )


@pytest.mark.parametrize(
    "network",
    [
        ("test_efficientnet",),
        ("tf_efficientnet_lite0",),
        ("resnet18",),
        ("resnet18", 2),
        ("test_efficientnet", 2, None, (), "centre-and-context"),
        ("resnet18", 1, None, (), "centre-and-context"),
        VIT_MEAN,
        ("swin_tiny_patch4_window7_224", 1, None, (("img_size", 96), ("window_size", 3))),
    ],
    ids=lambda network: "-".join(str(part) for part in network if part),
)
def test_a_closed_form_map_and_the_bias_of_the_head_sum_to_the_logit_of_scoring(
    open_random: OpenRandom, network: tuple[Any, ...]
) -> None:
    classifier = open_random(*network)
    images = noise_patches(5)
    explainer = Explainer(classifier, method=Method.CAM)
    assert explainer.method is Method.CAM
    batch = explainer.maps(images)
    logits = classifier.engine.logits(images)
    np.testing.assert_allclose(batch.logits, logits, rtol=1e-5, atol=1e-6)
    bias = logits - batch.values.astype(float).sum(axis=(1, 2))
    np.testing.assert_allclose(bias, bias_of(classifier), rtol=0, atol=1e-4)


def test_with_the_centre_weighed_apart_the_closed_form_equals_hires_cam(
    open_random: OpenRandom,
) -> None:
    classifier = open_random("resnet18", 1, None, (), "centre-and-context")
    images = noise_patches(3)
    exact = Explainer(classifier, method=Method.CAM).maps(images).values
    maps = Explainer(classifier, method=Method.HIRES_CAM).maps(images).values
    np.testing.assert_allclose(maps / np.abs(exact).max(), exact / np.abs(exact).max(), 0, 1e-4)


@pytest.mark.parametrize("name", ["test_efficientnet", "tf_efficientnet_lite0", "resnet18"])
@pytest.mark.parametrize("target", list(Target))
def test_the_closed_form_equals_grad_cam_and_hires_cam_before_clipping(
    open_random: OpenRandom, name: str, target: Target
) -> None:
    classifier = open_random(name)
    images = noise_patches(3)
    exact = Explainer(classifier, method=Method.CAM, target=target).maps(images).values
    for method in (Method.GRAD_CAM, Method.HIRES_CAM):
        maps = Explainer(classifier, method=method, target=target).maps(images).values
        np.testing.assert_allclose(maps / np.abs(exact).max(), exact / np.abs(exact).max(), 0, 1e-4)


@pytest.mark.parametrize(
    ("network", "layer"),
    [
        (("tf_efficientnet_lite0",), "bn2"),
        (("tf_efficientnet_lite0",), "blocks.4"),
        (("resnet18",), "layer3"),
        (("resnet18",), "layer4"),
        (VIT, "blocks.11.norm1"),
    ],
    ids=["lite0-last", "lite0-middle", "resnet-middle", "resnet-last", "vit"],
)
@pytest.mark.parametrize("method", list(LIBRARY))
@pytest.mark.parametrize("target", list(Target))
def test_gradient_methods_equal_those_of_the_library_once_stretched(
    open_random: OpenRandom, network: tuple[Any, ...], layer: str, method: Method, target: Target
) -> None:
    classifier = open_random(*network)
    images = noise_patches(3)
    maps = Explainer(classifier, method=method, layer=layer, target=target).maps(images)
    expected = library_maps(classifier, method, layer, images, target.sign)
    # Grad-CAM++ divides by sums that may nearly cancel: it enlarges the rounding of the two passes.
    tolerance = 1e-3 if method is Method.GRAD_CAM_PLUS_PLUS else 1e-4
    np.testing.assert_allclose(as_the_library_scales(maps.values), expected, atol=tolerance)


@pytest.mark.parametrize("method", sorted(set(Method) - {Method.CAM, Method.REPLACEMENT}))
@pytest.mark.parametrize("network", [("test_efficientnet",), VIT], ids=["cnn", "vit"])
def test_every_method_of_the_library_gives_a_raw_map_and_leaves_the_model_as_it_was(
    open_random: OpenRandom, method: Method, network: tuple[Any, ...]
) -> None:
    if method is Method.ABLATION_CAM and network is VIT:
        pytest.skip("the library's Ablation-CAM wants another layer class for transformers")
    classifier = open_random(*network)
    images = noise_patches(1)
    before = classifier.engine.logits(images)
    explainer = Explainer(classifier, method=method)
    batch = explainer.maps(images)
    assert batch.values.shape[1:] == explainer.layer.grid
    assert np.ptp(batch.values) > 0
    np.testing.assert_allclose(batch.logits, before, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(classifier.engine.logits(images), before)
    assert hooks_of(network_of(classifier)) == 0


def test_raw_values_shrink_with_the_weights_and_are_never_stretched(
    open_random: OpenRandom,
) -> None:
    classifier = open_random("resnet18")
    images = noise_patches(2)
    strong = Explainer(classifier, method=Method.GRAD_CAM).maps(images).values
    head = network_of(classifier).get_submodule("fc")
    with torch.no_grad():
        head.get_parameter("weight").mul_(0.01)
    try:
        weak = Explainer(classifier, method=Method.GRAD_CAM).maps(images).values
    finally:
        with torch.no_grad():
            head.get_parameter("weight").mul_(100)
    np.testing.assert_allclose(weak, 0.01 * strong, rtol=1e-3, atol=1e-7)


def test_the_closed_form_is_refused_where_it_would_be_wrong(open_random: OpenRandom) -> None:
    for network in (("convnext_atto",), VIT):
        with pytest.raises(RunError, match="Use the method grad-cam"):
            Explainer(open_random(*network), method=Method.CAM)
    with pytest.raises(RunError, match="only at the last map"):
        Explainer(open_random("resnet18"), method=Method.CAM, layer="layer2")


@pytest.mark.parametrize(
    ("network", "grid"),
    [
        (("test_efficientnet",), (6, 6)),  # its last map has 3 x 3 cells
        (("convnext_atto",), (6, 6)),
        (("test_efficientnet", 1, 192), (6, 6)),
        (("test_efficientnet", 1, 192, (), "centre-and-context"), (6, 6)),
        (("test_efficientnet", 1, 64), (4, 4)),
        (VIT, (6, 6)),
        (VIT_MEAN, (6, 6)),
    ],
    ids=str,
)
def test_the_default_is_grad_cam_with_cells_small_enough_to_tell_the_centre_from_the_ring(
    open_random: OpenRandom, network: tuple[Any, ...], grid: tuple[int, int]
) -> None:
    explainer = Explainer(open_random(*network))
    assert (explainer.method, explainer.layer.grid) == (Method.GRAD_CAM, grid)
    images = noise_patches(2)
    rows = explain_batch(
        [patch_of(number, image) for number, image in enumerate(images)],
        explainer,
        Measurement(
            centre_test=CentreTest(explainer.classifier),
            views=True,
            twins=TwinTester(explainer, twins=3),
        ),
    )
    measured = Explainer(explainer.classifier, method=Method.REPLACEMENT)
    for row, cam in zip(rows, measured.maps(images), strict=True):
        assert row.explanation is not None
        assert row.reliance is not None
        assert row.map_state in {MapState.RELIABLE, MapState.UNRELIABLE}
        assert cam.values.shape == (3, 3)
        # The middle square is the centre of the centre-against-ring test.
        assert cam.values[1, 1] == pytest.approx(row.reliance.centre_rise_logit, abs=1e-4)
        picture = explained_picture(images[0], row, scale=1.0, style=OverlayStyle(zoom=2))
        assert picture.shape[1] == 2 * 192 + 4


def test_layers_are_found_by_name_and_unknown_ones_refused_with_the_choices(
    open_random: OpenRandom,
) -> None:
    explainer = Explainer(open_random("resnet18"), method=Method.GRAD_CAM, layer="layer2")
    assert explainer.layer.grid == (12, 12)
    grids = [layer.grid for layer in explainer.layer_choices]
    assert grids == [(48, 48), (24, 24), (12, 12), (6, 6), (3, 3)]
    with pytest.raises(RunError, match=r"no layer 'layer9'.*layer4"):
        Explainer(open_random("resnet18"), layer="layer9")


def test_a_model_that_sees_a_crop_has_maps_of_the_crop(open_random: OpenRandom) -> None:
    cam = Explainer(open_random("test_efficientnet", 1, 64), method=Method.CAM).maps(
        noise_patches(1)
    )[0]
    assert cam.span_px == (16, 80)
    assert cam.values.shape == (2, 2)


def test_scoring_and_explaining_from_eight_threads_equals_the_serial_results(
    open_random: OpenRandom,
) -> None:
    classifier = open_random("test_efficientnet")
    explainers = [
        Explainer(classifier, method=Method.CAM),
        Explainer(classifier, method=Method.GRAD_CAM_PLUS_PLUS, layer="blocks.2"),
        Explainer(classifier, method=Method.LAYER_CAM, layer="blocks.1"),
        Explainer(classifier, method=Method.EIGEN_CAM),
    ]

    def work(number: int) -> NDArray[np.float32]:
        images = noise_patches(3, seed=number)
        if number % 5 == 4:
            return classifier.engine.logits(images)
        return explainers[number % 5].maps(images).values

    serial = [work(number) for number in range(80)]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(work, range(80)))
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_hook_and_no_gradient_is_left_behind_even_after_an_error(
    open_random: OpenRandom, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = open_random("test_efficientnet")
    network = network_of(classifier)
    for method in (Method.CAM, Method.GRAD_CAM, Method.EIGEN_CAM):
        Explainer(classifier, method=method).maps(noise_patches(2))
    explainer = Explainer(classifier, method=Method.GRAD_CAM)

    def broken(_: torch.Tensor) -> torch.Tensor:
        raise IndexError("in the middle of the pass")

    monkeypatch.setattr(network.get_submodule("classifier"), "forward", broken)
    with pytest.raises(IndexError, match="in the middle"):
        explainer.maps(noise_patches(2))
    assert hooks_of(network) == 0
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_explanations_leave_no_tensors_behind(open_random: OpenRandom) -> None:
    explainer = Explainer(open_random("test_efficientnet"), method=Method.GRAD_CAM)

    def tensors() -> int:
        gc.collect()
        return sum(type(thing) is torch.Tensor for thing in gc.get_objects())

    explainer.explain(noise_patches(4))
    before = tensors()
    for _ in range(5):
        explainer.explain(noise_patches(4))
    assert tensors() <= before


def test_weak_evidence_looks_weak_and_probabilities_are_those_of_scoring(
    open_random: OpenRandom,
) -> None:
    classifier = open_random("test_efficientnet")
    images = noise_patches(3)
    explanations = Explainer(classifier).explain(images)
    expected = classifier.probability(classifier.engine.logits(images))
    np.testing.assert_allclose([one.prob_tumour for one in explanations], expected, atol=1e-7)
    assert all(one.weak for one in explanations)  # a random head hardly moves the odds
    assert all(one.strength == 1 or 0.35 <= one.strength < 1 for one in explanations)  # but is seen
    assert Explainer(classifier, method=Method.EIGEN_CAM).explain(images)[0].weak is None


def test_no_patches_have_no_explanations_and_other_arrays_are_refused(
    toy_classifier: Classifier,
) -> None:
    explainer = Explainer(toy_classifier)
    assert explainer.explain(noise_patches(1)[:0]) == []
    with pytest.raises(RunError, match="expected \\(N, 96, 96, 3\\) uint8"):
        explainer.explain(noise_patches(1)[:, :64])
