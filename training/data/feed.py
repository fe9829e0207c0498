"""Patches of a pack as batches on the device, and small tensors on their way there."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from training.data.pack import Pack
from training.data.split import IntArray

_RESIDENT_SHARE: Final = 0.5
"""Share of the free memory of a CUDA device that the patches may fill."""
_CHUNK: Final = 4096


class Feed:
    """Batches by row of the pack's table; all in device memory on CUDA, where they fit."""

    def __init__(self, pack: Pack, device: torch.device) -> None:
        self._pack = pack
        self._device = device
        self._labels = torch.from_numpy(pack.table.labels.astype(np.float32)).to(device)
        self._resident: Tensor | None = None
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if pack.images_rgb_u8.nbytes <= free * _RESIDENT_SHARE:
                self._resident = _upload(pack, device)

    def images(self, rows: IntArray) -> Tensor:
        """Return the patches of some rows, (N, 96, 96, 3) uint8."""
        stored = self._pack.image_rows[rows]
        if self._resident is not None:
            return self._resident[to_device(torch.from_numpy(stored), self._device)]
        # Fancy indexing copies out of the read-only file.
        return to_device(torch.from_numpy(self._pack.images_rgb_u8[stored]), self._device)

    def labels(self, rows: IntArray) -> Tensor:
        """Return the labels of some rows, (N,) float32, 0 or 1."""
        return self._labels[to_device(torch.from_numpy(rows), self._device)]


def _upload(pack: Pack, device: torch.device) -> Tensor:
    images = torch.empty(pack.images_rgb_u8.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(images), _CHUNK):
        chunk = np.array(pack.images_rgb_u8[start : start + _CHUNK])
        images[start : start + _CHUNK] = torch.from_numpy(chunk).to(device)
    return images


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on the device; to CUDA the copy takes its place among the queued work."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
