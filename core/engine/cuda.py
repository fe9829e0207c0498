"""The CUDA engine: bytes to the device, one replayed graph a batch, copies beside the arithmetic.

Patches travel as uint8 and are enlarged and normalised on the device. Batches have one fixed size
(a short one is filled up), so that a patch's logit never depends on how many stand beside it, and
the whole pass is one CUDA graph.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.bundle.card import Architecture, Preprocessing
from core.engine.engine import FAST_TOLERANCE_LOGIT, Details, Finished, Pending, Precision
from core.engine.pytorch import TorchEngine, full_precision
from core.patches import PATCH_SIZE_PX, ImageU8

BATCH_SIZE: Final = 256
_SLOTS: Final = 3
"""Batches under way: one is copied to the device, one computed, one read back."""
_WARM_UP_PASSES: Final = 3


class _Slot:
    """Buffers of one batch and the graph that runs on them.

    Attributes:
        host_images: (B, 96, 96, 3) pinned, so that the copy does not hold the host.
        host_logits: (B,) pinned.
        images: On the device.
        logits: On the device, written by the graph.
        graph: Of the pass; None where it could not be captured.
        done: Passed when `host_logits` is whole.
        statistics: (B, S) on the device, likewise; None where the card compares no layers.
        to: Where the logits of the batch under way go; None when there is none.
        statistics_to: The list that the batch's statistics are put behind.
    """

    def __init__(self, batch_size: int, device: torch.device) -> None:
        shape = (batch_size, PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
        pinned = device.type == "cuda"
        self.host_images = torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned)
        self.host_logits = torch.zeros(batch_size, dtype=torch.float32, pin_memory=pinned)
        self.images = torch.zeros(shape, dtype=torch.uint8, device=device)
        self.logits = torch.zeros(batch_size, dtype=torch.float32, device=device)
        self.statistics: torch.Tensor | None = None
        self.statistics_to: list[NDArray[np.float32]] | None = None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.to: NDArray[np.float32] | None = None

    def finish(self) -> None:
        """Wait for the batch under way, if there is one, and hand its logits over."""
        if self.to is not None:
            self.done.synchronize()
            self.to[:] = self.host_logits.numpy()[: len(self.to)]
            if self.statistics is not None and self.statistics_to is not None:
                # Read before the slot's next batch overwrites them on the device.
                self.statistics_to.append(self.statistics[: len(self.to)].cpu().numpy())
                self.statistics_to = None
            self.to = None


class CudaEngine(TorchEngine):
    """A timm network on an NVIDIA GPU.

    EXACT is float32 with TensorFloat-32 off; FAST is bfloat16 where the network allows, by
    PyTorch's autocast.
    """

    name = "cuda"

    def __init__(
        self,
        architecture: Architecture,
        preprocessing: Preprocessing,
        weights: dict[str, torch.Tensor],
        *,
        layers: Sequence[str] = (),
        precision: Precision = Precision.EXACT,
        batch_size: int = BATCH_SIZE,
        graphs: bool = True,
    ) -> None:
        """Build the network and put it on the device; the first pass records the graphs.

        Args:
            architecture: The network.
            preprocessing: Its input.
            weights: Its weights.
            layers: Whose statistics come with the logits.
            precision: See the class.
            batch_size: Patches a pass.
            graphs: Replay passes as CUDA graphs; False launches each kernel from the host.

        Raises:
            BundleError: Network and weights do not fit.
            RunError: There is no CUDA device.
        """
        super().__init__(architecture, preprocessing, weights, layers=layers, device="cuda")
        self.precision, self.offers_fast = precision, True
        self.batch_size = batch_size
        if precision is Precision.FAST:
            self.arithmetic = "bfloat16"
            self.tolerance_logit = FAST_TOLERANCE_LOGIT
        self._wants_graphs = graphs
        self._slots: list[_Slot] = []
        self._next = 0
        self._pool = torch.cuda.graph_pool_handle()
        self._compute = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._copy = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def submit(self, images_rgb_u8: ImageU8) -> Pending:
        """Start on patches; waits only for a slot that a batch under way still holds."""
        logits = np.empty(len(images_rgb_u8), np.float32)
        parts: list[tuple[_Slot, NDArray[np.float32]]] = []
        batch_statistics: list[list[NDArray[np.float32]]] = []
        with self.lock, torch.inference_mode(), full_precision():
            if not self._slots:
                self._slots = [self._new_slot() for _ in range(_SLOTS)]
            for start in range(0, len(images_rgb_u8), self.batch_size):
                slot = self._slots[self._next]
                self._next = (self._next + 1) % _SLOTS
                part = logits[start : start + self.batch_size]
                self._start(slot, images_rgb_u8[start : start + self.batch_size], part)
                slot.statistics_to = []
                batch_statistics.append(slot.statistics_to)
                parts.append((slot, part))

        def wait() -> Finished:
            with self.lock:
                for slot, part in parts:
                    if slot.to is part:  # else a later batch in the slot has handed it over
                        slot.finish()
            statistics = [one for batch in batch_statistics for one in batch]
            return Finished(logits, np.concatenate(statistics) if statistics else None)

        return wait

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return tumour logits (N,) before temperature."""
        return self.submit(images_rgb_u8)().logits

    def details(self, images_rgb_u8: ImageU8) -> Details:
        """Return logits with their evidence and features; the logits are those of `logits`."""
        logits = self.logits(images_rgb_u8)
        with self._autocast():
            details = super().details(images_rgb_u8)
        return replace(details, logits=logits)

    def _start(self, slot: _Slot, images_rgb_u8: ImageU8, to: NDArray[np.float32]) -> None:
        slot.finish()
        count = len(images_rgb_u8)
        slot.host_images.numpy()[:count] = images_rgb_u8
        slot.to = to
        with torch.cuda.stream(self._copy):
            slot.images[:count].copy_(slot.host_images[:count], non_blocking=True)
        self._compute.wait_stream(self._copy)
        with torch.cuda.stream(self._compute):
            if slot.graph is None:
                self._pass(slot)
            else:
                slot.graph.replay()
            slot.host_logits.copy_(slot.logits, non_blocking=True)
            slot.done.record(self._compute)

    def _pass(self, slot: _Slot) -> None:
        with self._autocast():
            logits, *_, statistics = self.served(slot.images)
        slot.logits.copy_(logits)
        if statistics is not None:
            if slot.statistics is None:  # in the first pass, before any recording
                slot.statistics = torch.zeros_like(statistics, dtype=torch.float32)
            slot.statistics.copy_(statistics)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision is Precision.EXACT:
            return nullcontext()
        # A graph keeps no tensors of a pass, so casts of weights must not be kept either.
        return torch.autocast("cuda", torch.bfloat16, cache_enabled=False)

    def _new_slot(self) -> _Slot:
        slot = _Slot(self.batch_size, self.torch_device)
        self._compute.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._compute):
            for _ in range(_WARM_UP_PASSES):  # libraries choose their kernels before the recording
                self._pass(slot)
        self._compute.synchronize()
        if self._wants_graphs:
            graph = torch.cuda.CUDAGraph()
            try:
                # One memory pool for all: they replay one after the other. Other threads may use
                # the device meanwhile.
                with torch.cuda.graph(
                    graph,
                    pool=self._pool,
                    stream=self._compute,
                    capture_error_mode="thread_local",
                ):
                    self._pass(slot)
                slot.graph = graph
            except RuntimeError:  # a network that asks the host in the middle of a pass
                self._wants_graphs = False
                torch.cuda.synchronize()
        return slot
