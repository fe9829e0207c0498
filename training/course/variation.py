"""Variation of a batch with random numbers of the device, so that a step can be captured.

The same kinds as `training.variation`: orientation, stain, light, transplants; and the stain
statistics of another patch. Nothing here waits for the device.
"""

import torch
from torch import Tensor

from core.engine import D4_VIEWS
from core.patches import PATCH_SIZE_PX
from training.recipes.recipe import Augmentation
from training.variation.augment import GREY_WEIGHTS, RGB_FROM_HED, sources, swap_stain
from training.variation.transplant import MARGIN_PX, SEAM_PX, blend_shares, recoloured


class Variator:
    """Varies batches on one device; its tables are made once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._places = sources(PATCH_SIZE_PX, device)
        self._grey = torch.tensor(GREY_WEIGHTS, device=device)
        mix = torch.tensor(RGB_FROM_HED, dtype=torch.float64).T
        self._mix = mix.float().to(device)
        self._unmix = torch.linalg.inv(mix).float().to(device)

    def oriented(self, planes: Tensor) -> Tensor:
        """Return planes (N, 3, 9216), each in a random one of its eight orientations."""
        views = torch.randint(D4_VIEWS, (len(planes),), device=self._device)
        places = self._places[views][:, None].expand(-1, 3, -1)
        return planes.gather(2, places)

    def view(self, planes: Tensor, number: int) -> Tensor:
        """Return planes (N, 3, 9216) in one orientation, 0 the given one."""
        return planes[:, :, self._places[number]]

    def varied(
        self, images_rgb_u8: Tensor, augmentation: Augmentation, transplants: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Return varied planes and which rows are transplants.

        Args:
            images_rgb_u8: (N, 96, 96, 3) in random order: the partner of a row is a neighbour.
            augmentation: Orientation, stain and light; no other part is done.
            transplants: Share of the patches that get the surroundings of another.

        Returns:
            (N, 3, 9216) float32, 0..255; (N,) bool.
        """
        count = len(images_rgb_u8)
        images = images_rgb_u8.float()
        moved = torch.rand(count, device=self._device) < transplants
        if transplants:
            images = self._transplanted(images, moved)
        planes = images.permute(0, 3, 1, 2).flatten(2)
        if augmentation.stain_swap:
            planes = self._swapped(planes, augmentation.stain_swap)
        planes = self._coloured(planes, augmentation)
        return (self.oriented(planes) if augmentation.d4 else planes), moved

    def _transplanted(self, images: Tensor, moved: Tensor) -> Tensor:
        margin, seam, matching = torch.rand(3, len(images), device=self._device)
        ring = recoloured(images.roll(1, 0), images, matching)
        kept = blend_shares(PATCH_SIZE_PX, margin * MARGIN_PX, 1 + seam * (SEAM_PX - 1))
        blended = torch.lerp(ring, images, kept[..., None]).clamp(0, 255)
        return torch.where(moved[:, None, None, None], blended, images)

    def _swapped(self, planes: Tensor, share: float) -> Tensor:
        reach, chosen = torch.rand(2, len(planes), 1, device=self._device)
        return swap_stain(planes, reach * (chosen < share))

    def _coloured(self, planes: Tensor, colour: Augmentation) -> Tensor:
        """The maths of `training.variation.augment.vary_stain` and `vary_light`, drawn here."""
        count = len(planes)

        def around(centre: float, reach: float, width: int) -> Tensor:
            return centre + reach * (2 * torch.rand(count, width, device=self._device) - 1)

        gain, shift = around(1, colour.stain_gain, 3), around(0, colour.stain_shift, 3)
        change = self._mix @ (gain[:, :, None] * self._unmix)
        density = torch.log((planes + 1) / 256).neg()
        changed = torch.baddbmm((shift @ self._mix.T)[:, :, None], change, density)
        planes = torch.exp(-changed).mul(256).sub(1).clamp(0, 255)
        saturation = around(1, colour.saturation, 1)[:, :, None]
        contrast = around(1, colour.contrast, 1)
        light = around(1, colour.brightness, 1) * around(1, colour.channel, 3)
        mean_grey = planes.mean(dim=2) @ self._grey
        saturate = saturation * torch.eye(3, device=self._device) + (1 - saturation) * self._grey
        change = (contrast * light)[:, :, None] * saturate
        constant = (1 - contrast) * light * mean_grey[:, None]
        return torch.baddbmm(constant[:, :, None], change, planes).clamp(0, 255)
