"""Macenko's normalisation against an implementation of the paper in plain NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.bundle import InputTransform, Preprocessing, build_network, tumour_logit
from core.bundle.stain import normalise_stains
from core.engine import TorchEngine
from core.patches import ImageU8
from tests.toys import TOY_ARCHITECTURE, TOY_PREPROCESSING
from tools.drawing import draw_set

PLAIN: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


@pytest.fixture(scope="module")
def tissue() -> ImageU8:
    return np.stack([patch.image_rgb_u8 for patch in draw_set(12, seed=3)])


def planes(images: ImageU8 | NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.asarray(images, np.float32)).permute(0, 3, 1, 2)


def by_the_paper(image: ImageU8) -> NDArray[np.float64]:
    """One patch (H, W, 3): singular vectors, percentiles of angles, least squares."""
    density = -np.log((image.reshape(-1, 3).astype(np.float64) + 1) / 240)
    tissue = density[(density >= 0.15).all(axis=1)]
    _, _, directions = np.linalg.svd(tissue - tissue.mean(axis=0), full_matrices=False)
    plane = directions[:2].T * np.sign(directions[:2].sum(axis=1))  # (3, 2)
    angles = np.arctan2(tissue @ plane[:, 1], tissue @ plane[:, 0])
    ends = np.percentile(angles, [1, 99])
    pair = plane @ np.stack([np.cos(ends), np.sin(ends)])
    stains = pair[:, np.argsort(-pair[0])]  # haematoxylin absorbs more red
    amounts = np.linalg.lstsq(stains, density.T, rcond=None)[0]
    strengths = np.percentile(np.linalg.lstsq(stains, tissue.T, rcond=None)[0], 99, axis=1)
    scaled = amounts * (np.array([1.9705, 1.0308]) / strengths)[:, None]
    reference = np.array([[0.5626, 0.2159], [0.7201, 0.8012], [0.4062, 0.5581]])
    normalised: NDArray[np.float64] = 240 * np.exp(-reference @ scaled)
    return normalised.clip(0, 255).T.reshape(image.shape)


def test_drawn_tissue_is_normalised_as_the_paper_says(tissue: ImageU8) -> None:
    normalised = normalise_stains(planes(tissue)).permute(0, 2, 3, 1).numpy()
    expected = np.stack([by_the_paper(image) for image in tissue])
    np.testing.assert_allclose(normalised, expected, atol=0.05)
    assert np.abs(normalised - tissue).mean() > 5  # and that is a change


def test_one_tissue_stained_in_two_ways_looks_alike_afterwards(tissue: ImageU8) -> None:
    density = -np.log((tissue.astype(np.float64) + 1) / 240)
    weaker = (240 * np.exp(-0.7 * density)).clip(0, 255)
    before = np.abs(weaker - tissue).mean()
    after = (normalise_stains(planes(weaker)) - normalise_stains(planes(tissue))).abs().mean()
    assert before > 20
    assert after < before / 5


def test_a_patch_gets_the_same_stains_in_any_company(tissue: ImageU8) -> None:
    together = normalise_stains(planes(tissue))
    alone = torch.cat([normalise_stains(planes(image[None])) for image in tissue])
    torch.testing.assert_close(alone, together, atol=0.02, rtol=0)
    assert torch.equal(together, normalise_stains(planes(tissue)))


def _one_pixel(image: ImageU8) -> ImageU8:
    alone = np.full_like(image, 250)
    alone[40, 40] = (120, 60, 140)
    return alone


@pytest.mark.parametrize(
    "make",
    [
        lambda _: np.full((96, 96, 3), 255, np.uint8),
        lambda _: np.zeros((96, 96, 3), np.uint8),
        lambda _: np.full((96, 96, 3), (150, 80, 160), np.uint8),
        lambda _: np.arange(96, dtype=np.uint8)[:, None, None].repeat(96, 1).repeat(3, 2) + 60,
        _one_pixel,
        lambda image: np.where(np.arange(96)[:, None, None] < 3, image, 250).astype(np.uint8),
    ],
    ids=["white", "black", "one colour", "grey", "one pixel", "an edge of tissue"],
)
def test_a_patch_without_two_stains_is_left_as_it_is(make: Any, tissue: ImageU8) -> None:  # noqa: ANN401 - a row above
    images = np.stack([make(tissue[0]), tissue[1]])
    normalised = normalise_stains(planes(images))
    assert torch.equal(normalised[0], planes(images)[0])
    assert not torch.equal(normalised[1], planes(images)[1])
    assert torch.isfinite(normalised).all()


def test_noise_of_any_kind_stays_within_the_range() -> None:
    rng = np.random.default_rng(0)
    for width in (2, 20, 200, 256):
        images = rng.integers(0, width, (8, 96, 96, 3), dtype=np.uint8)
        normalised = normalise_stains(planes(images))
        assert torch.isfinite(normalised).all()
        assert normalised.min() >= 0
        assert normalised.max() <= 255


def test_a_network_of_the_centre_does_not_see_the_ring_by_its_stains(tissue: ImageU8) -> None:
    centre = Preprocessing(crop_px=32, input_size_px=32, stain_normalisation="macenko", **PLAIN)
    transform = InputTransform(centre)
    other = tissue.copy()
    other[:, :32] = np.flip(tissue, axis=0)[:, :32]
    assert not np.array_equal(other, tissue)
    assert torch.equal(transform(torch.from_numpy(other)), transform(torch.from_numpy(tissue)))


def test_stains_are_normalised_before_the_patch_is_enlarged(tissue: ImageU8) -> None:
    larger = InputTransform(
        Preprocessing(input_size_px=192, stain_normalisation="macenko", **PLAIN)
    )
    expected = torch.nn.functional.interpolate(
        normalise_stains(planes(tissue)), size=192, mode="bilinear", antialias=True
    )
    torch.testing.assert_close(larger(torch.from_numpy(tissue)), expected / 255)


def test_without_normalisation_the_input_is_what_it_was_before_there_was_any(
    tissue: ImageU8,
) -> None:
    """A card from before knows no such field."""
    old = Preprocessing.model_validate({"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.1)})
    assert old.stain_normalisation == "none"
    transform = InputTransform(old)
    expected = planes(tissue) * transform.gain + transform.offset
    assert torch.equal(transform(torch.from_numpy(tissue)), expected)


def test_serving_normalises_as_training_does(tissue: ImageU8) -> None:
    preprocessing = TOY_PREPROCESSING.model_copy(update={"stain_normalisation": "macenko"})
    torch.manual_seed(0)
    network = build_network(TOY_ARCHITECTURE)
    engine = TorchEngine(TOY_ARCHITECTURE, preprocessing, network.state_dict(), device="cpu")
    with torch.inference_mode():
        # What training hands over: varied pixels, as float planes seen from the patch's side.
        pixels = planes(tissue).permute(0, 2, 3, 1)
        expected = tumour_logit(network(InputTransform(preprocessing)(pixels)))
    np.testing.assert_allclose(engine.logits(tissue), expected.numpy(), atol=1e-5)
    plain = TorchEngine(TOY_ARCHITECTURE, TOY_PREPROCESSING, network.state_dict(), device="cpu")
    assert np.abs(engine.logits(tissue) - plain.logits(tissue)).max() > 1e-3
