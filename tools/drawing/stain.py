"""How one slide looks: the colours of its dyes, its glass, its focus and its noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tools.drawing.canvas import Canvas
from tools.drawing.noise import FloatField, grain

Colour = tuple[float, float, float]

# Optical density of red, green and blue per unit of dye.
# Source: Ruifrok & Johnston, Anal Quant Cytol Histol 23 (2001) 291-299.
RUIFROK_HAEMATOXYLIN: Colour = (0.650, 0.704, 0.286)
RUIFROK_EOSIN: Colour = (0.072, 0.990, 0.105)
# The warmer pair that many scanners show: plum nuclei, salmon stroma.
WARM_HAEMATOXYLIN: Colour = (0.444, 0.780, 0.437)
WARM_EOSIN: Colour = (0.290, 0.830, 0.460)
BLOOD: Colour = (0.190, 0.790, 0.580)


@dataclass(frozen=True)
class SlideStain:
    """The look of one slide; patches of one slide share it.

    Attributes:
        haematoxylin_od: optical density (red, green, blue) of a fully stained nucleus.
        eosin_od: the same of a fully stained fibre.
        blood_od: the same of a red blood cell.
        glass_rgb: colour of the bare glass, 0 to 255.
        focus_sigma_px: blur of the optics.
        noise_rgb: standard deviation of the sensor noise, in steps of 255.
    """

    haematoxylin_od: Colour
    eosin_od: Colour
    blood_od: Colour
    glass_rgb: Colour
    focus_sigma_px: float
    noise_rgb: float


def draw_stain(rng: np.random.Generator) -> SlideStain:
    """Return the look of a random slide, between a violet and a plum-and-salmon laboratory."""
    warm = float(np.clip(rng.choice([0.1, 0.9]) + 0.12 * rng.standard_normal(), 0.0, 1.0))
    glass = rng.uniform(236, 250)
    return SlideStain(
        haematoxylin_od=_dye(rng, RUIFROK_HAEMATOXYLIN, WARM_HAEMATOXYLIN, warm, (0.95, 1.35)),
        eosin_od=_dye(rng, RUIFROK_EOSIN, WARM_EOSIN, 0.45 + 0.55 * warm, (0.26, 0.48)),
        blood_od=_dye(rng, BLOOD, BLOOD, warm, (0.45, 0.75)),
        glass_rgb=(float(glass), float(glass - rng.uniform(0, 4)), float(glass)),
        focus_sigma_px=float(rng.uniform(0.3, 0.65)),
        noise_rgb=float(rng.uniform(0.6, 1.6)),
    )


def _dye(
    rng: np.random.Generator,
    cold: Colour,
    warm: Colour,
    share: float,
    strength: tuple[float, float],
) -> Colour:
    mixed = (1 - share) * np.array(cold) + share * np.array(warm)
    mixed = np.clip(mixed + 0.02 * rng.standard_normal(3), 0.02, None)
    mixed *= rng.uniform(*strength) / np.sqrt((mixed**2).sum())
    return float(mixed[0]), float(mixed[1]), float(mixed[2])


def photograph(canvas: Canvas, stain: SlideStain, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the slide as a scanner sees it, image_rgb_u8 (H, W, 3).

    Dyes absorb by Beer-Lambert; then the optics blur, the sensor adds noise, sharpening and the
    coarser colour of an image that has once been a JPEG.
    """
    density = (
        canvas.haematoxylin[..., None] * np.array(stain.haematoxylin_od)
        + canvas.eosin[..., None] * np.array(stain.eosin_od)
        + canvas.blood[..., None] * np.array(stain.blood_od)
    )
    light = np.array(stain.glass_rgb) * 10.0 ** -np.clip(density, 0.0, None)
    sigma = stain.focus_sigma_px
    light = gaussian_filter(light, (sigma, sigma, 0.0), mode="nearest")
    light += 1.0 * (light - gaussian_filter(light, (1.0, 1.0, 0.0), mode="nearest"))
    grey: FloatField = light.mean(axis=2)
    tint = gaussian_filter(light - grey[..., None], (0.8, 0.8, 0.0), mode="nearest")
    grey = grey + stain.noise_rgb * grain(rng, grey.shape, 0.45)
    image: NDArray[np.uint8] = np.clip(np.rint(grey[..., None] + tint), 0, 255).astype(np.uint8)
    return image
