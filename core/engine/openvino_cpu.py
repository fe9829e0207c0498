"""The OpenVINO engine: the processor's own arithmetic, several patches at once, no PyTorch.

Each patch is a request of its own. That is as fast as batches (what a patch needs fits the cache,
and every stream of the processor works on another one), and a patch's logit is the same bits
whatever stands beside it.
"""

import itertools
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from core.engine.engine import (
    FAST_TOLERANCE_LOGIT,
    Details,
    Engine,
    Finished,
    Layer,
    Pending,
    Precision,
    check_patches,
)
from core.errors import RunError, in_a_line
from core.patches import PATCH_SIZE_PX, ImageU8

if TYPE_CHECKING:
    from core.engine.pytorch import TorchEngine

LOGITS, FEATURES, EVIDENCE, STATISTICS = "logits", "features", "evidence", "statistics"
GRAD_CAMS: Final = "grad_cams"
LAST_LAYER: Final = "last_layer"
"""What a graph's last layer is kept under in its file."""
_HINTS: Final = {Precision.EXACT: "f32", Precision.FAST: "bf16"}
_UNDER_WAY: Final = 96
"""Patches that are begun ahead at most: those of a run's three batches."""
_FIRST_USE: Final = threading.Lock()
"""OpenVINO's bindings prepare themselves when arrays are first passed, and two threads that do that
at once wait for each other for ever: one holds the interpreter, one what is being prepared."""


def import_openvino() -> Any:  # noqa: ANN401 - a module
    """Return OpenVINO, imported so that it tells nobody.

    It reports each import to its maker through the package `openvino_telemetry`, unless that
    package cannot be imported. Here it cannot; nothing is written to the user's folder either.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # Python's own sign
    import openvino  # noqa: PLC0415 - after the line above

    return openvino


class OpenVinoEngine(Engine):
    """A converted network on the processor.

    EXACT is float32. FAST is bfloat16 where the processor multiplies it (AVX-512 BF16 or AMX), and
    the same as EXACT elsewhere.
    """

    name = "openvino"

    def __init__(
        self,
        graph: Path,
        *,
        precision: Precision = Precision.EXACT,
        crop_px: int | None = None,
        pytorch: "Callable[[], TorchEngine]",
    ) -> None:
        """Compile a graph for this processor.

        Args:
            graph: From `core.engine.graphs`.
            precision: See the class.
            crop_px: See `Engine`.
            pytorch: Makes the same network in PyTorch, when somebody asks for it.

        Raises:
            RunError: OpenVINO cannot read or compile the graph.
        """
        self.lock = threading.RLock()
        self.crop_px = crop_px
        openvino = import_openvino()
        runtime = openvino.Core()
        self.offers_fast = "BF16" in runtime.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision is Precision.FAST and self.offers_fast:
            self.precision, self.arithmetic = Precision.FAST, "bfloat16"
            self.tolerance_logit = FAST_TOLERANCE_LOGIT
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "PERFORMANCE_HINT": "THROUGHPUT",
        }
        try:
            model = runtime.read_model(graph)
            model.reshape([1, *model.inputs[0].partial_shape.get_max_shape()[1:]])
            if model.has_rt_info(LAST_LAYER):
                known = json.loads(str(model.get_rt_info(LAST_LAYER).value))
                self.last_layer = Layer(known["name"], tuple(known["grid"]), known["channels"])
            self._compiled = runtime.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            reason = in_a_line(error)
            raise RunError(f"OpenVINO cannot run the converted network ({reason}).") from None
        self._outputs = {
            name: number
            for number, output in enumerate(self._compiled.outputs)
            for name in output.names
        }
        self._slots: list[_Request] = []
        with _FIRST_USE:
            for _ in range(_UNDER_WAY):
                self._slots.append(_Request(self._compiled.create_infer_request()))
            blank = np.zeros((1, PATCH_SIZE_PX, PATCH_SIZE_PX, 3), np.uint8)
            self._slots[0].start(_Batch(blank, self._outputs, self._room(1, self._outputs)), 0)
            self._slots[0].finish()
        self._turns = itertools.count()
        self._pytorch = cache(pytorch)
        self._exact = cache(partial(OpenVinoEngine, graph, crop_px=crop_px, pytorch=self.pytorch))

    def submit(self, images_rgb_u8: ImageU8) -> Pending:
        """Start on patches."""
        names = [name for name in (LOGITS, STATISTICS) if name in self._outputs]
        batch, slots = self._start(images_rgb_u8, names)

        def wait() -> Finished:
            batch.finish(slots)
            return Finished(batch.outputs[LOGITS], batch.outputs.get(STATISTICS))

        return wait

    def details(self, images_rgb_u8: ImageU8) -> Details:
        """Return logits with their evidence and features, of one pass."""
        check_patches(images_rgb_u8)
        batch, slots = self._start(images_rgb_u8, list(self._outputs))
        batch.finish(slots)
        others = (batch.outputs.get(name) for name in (EVIDENCE, FEATURES, GRAD_CAMS))
        return Details(batch.outputs[LOGITS], *others)

    def pytorch(self) -> "TorchEngine":
        """Return the same network in PyTorch and float32, made when first asked for."""
        with self.lock:
            return self._pytorch()

    def exact(self) -> "OpenVinoEngine":
        """Return the same graph in float32, compiled when first asked for."""
        with self.lock:
            return self if self.precision is Precision.EXACT else self._exact()

    def _start(
        self, images_rgb_u8: ImageU8, names: Sequence[str]
    ) -> "tuple[_Batch, list[_Request]]":
        """Start on patches and return what will hold some of their outputs, and who works on it."""
        numbers = {name: self._outputs[name] for name in names}
        images = np.ascontiguousarray(images_rgb_u8)
        batch = _Batch(images, numbers, self._room(len(images), numbers))
        slots = [self._slots[next(self._turns) % _UNDER_WAY] for _ in range(len(images))]
        for place, slot in enumerate(slots):
            slot.start(batch, place)
        return batch, slots

    def _room(self, count: int, numbers: Mapping[str, int]) -> dict[str, NDArray[np.float32]]:
        shapes = {name: self._compiled.outputs[number].shape for name, number in numbers.items()}
        return {name: np.empty((count, *list(s)[1:]), np.float32) for name, s in shapes.items()}


@dataclass(eq=False)
class _Batch:
    """Patches under way.

    Attributes:
        images: (N, 96, 96, 3), in one piece.
        numbers: Which outputs are wanted.
        outputs: Them, as far as they were handed over.
        error: What OpenVINO said when it could not.
    """

    images: ImageU8
    numbers: Mapping[str, int]
    outputs: dict[str, NDArray[np.float32]]
    error: RuntimeError | None = None

    def finish(self, slots: "Sequence[_Request]") -> None:
        """Wait until all outputs are there.

        Raises:
            RunError: OpenVINO failed, for want of memory for instance.
        """
        for slot in reversed(slots):  # the last first: one sleep, not one for each patch
            slot.finish(self)
        if self.error is not None:
            raise RunError(f"OpenVINO failed ({in_a_line(self.error)}).")


class _Request:
    """A request of OpenVINO's, and the patch that it works on.

    It runs in OpenVINO's own threads and many are begun ahead, so that the processor has work while
    Python's interpreter is busy with something else.
    """

    def __init__(self, request: Any) -> None:  # noqa: ANN401 - OpenVINO's request
        self._request = request
        self._lock = threading.Lock()
        self._batch: _Batch | None = None
        self._place = 0

    def start(self, batch: _Batch, place: int) -> None:
        """Start on a patch, once the one before is handed over."""
        with self._lock:
            self._hand_over()
            self._request.start_async([batch.images[place : place + 1]], share_inputs=True)
            self._batch, self._place = batch, place

    def finish(self, batch: _Batch | None = None) -> None:
        """Wait for the patch under way and hand its outputs over; nothing if of another batch."""
        with self._lock:
            if batch is None or batch is self._batch:
                self._hand_over()

    def _hand_over(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        try:
            self._request.wait()
            for name, number in batch.numbers.items():
                output = self._request.get_output_tensor(number).data
                batch.outputs[name][self._place] = output[0]
        except RuntimeError as error:
            batch.error = error
