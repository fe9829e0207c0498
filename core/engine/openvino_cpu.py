"""The OpenVINO engine: the processor's own arithmetic, several patches at once, no PyTorch.

Each patch is a request of its own. That is as fast as batches (what a patch needs fits the cache,
and every stream of the processor works on another one), and a patch's logit is the same bits
whatever stands beside it.
"""

import json
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    Precision,
    UnderWay,
    check_patches,
)
from core.errors import RunError
from core.patches import PATCH_SIZE_PX, ImageU8

if TYPE_CHECKING:
    from core.engine.pytorch import TorchEngine

LOGITS, FEATURES, EVIDENCE, STATISTICS = "logits", "features", "evidence", "statistics"
GRAD_CAMS: Final = "grad_cams"
LAST_LAYER: Final = "last_layer"
"""What a graph's last layer is kept under in its file."""
_HINTS: Final = {Precision.EXACT: "f32", Precision.FAST: "bf16"}
_PATCHES_PER_TASK: Final = 4
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
    device = "cpu"

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
        if precision is Precision.FAST and "BF16" in _capabilities(runtime):
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
                self.last_layer = _layer(str(model.get_rt_info(LAST_LAYER).value))
            self._compiled = runtime.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise RunError(
                f"OpenVINO cannot run the converted network ({' '.join(str(error).split())[:160]})."
            ) from None
        self._outputs = {
            name: number
            for number, output in enumerate(self._compiled.outputs)
            for name in output.names
        }
        streams = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        # One more than the streams: while a thread hands over a result, its stream has work.
        self._workers = ThreadPoolExecutor(streams + 1, thread_name_prefix="engine")
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with _FIRST_USE:
            for _ in range(streams + 1):
                self._idle.put(self._new_request())
        self._make_pytorch = pytorch
        self._pytorch: TorchEngine | None = None

    def _new_request(self) -> Any:  # noqa: ANN401 - OpenVINO's request
        """Return a request that has been used once, by this thread alone."""
        request = self._compiled.create_infer_request()
        blank = np.zeros((1, PATCH_SIZE_PX, PATCH_SIZE_PX, 3), np.uint8)
        request.infer([blank], share_inputs=True)
        for number in self._outputs.values():
            _ = request.get_output_tensor(number).data
        return request

    def submit(self, images_rgb_u8: ImageU8) -> UnderWay:
        """Start on patches."""
        names = [name for name in (LOGITS, STATISTICS) if name in self._outputs]
        found, tasks = self._collect(images_rgb_u8, names)

        def wait() -> Finished:
            for task in tasks:
                task.result()
            return Finished(found[LOGITS], found.get(STATISTICS))

        return UnderWay(wait)

    def details(self, images_rgb_u8: ImageU8) -> Details:
        """Return logits with their evidence and features, of one pass."""
        check_patches(images_rgb_u8)
        found, tasks = self._collect(images_rgb_u8, list(self._outputs))
        for task in tasks:
            task.result()
        others = (found.get(name) for name in (EVIDENCE, FEATURES, GRAD_CAMS))
        return Details(found[LOGITS], *others)

    def pytorch(self) -> "TorchEngine":
        """Return the same network in PyTorch and float32, made when first asked for."""
        with self.lock:
            if self._pytorch is None:
                self._pytorch = self._make_pytorch()
            return self._pytorch

    def _collect(
        self, images_rgb_u8: ImageU8, names: Sequence[str]
    ) -> tuple[dict[str, NDArray[np.float32]], list[Future[None]]]:
        """Start on patches and return where their outputs will be, and the tasks that write."""
        numbers = {name: self._outputs[name] for name in names}
        found = {
            name: np.empty(
                (len(images_rgb_u8), *list(self._compiled.outputs[number].shape)[1:]), np.float32
            )
            for name, number in numbers.items()
        }

        def take(at: int, request: Any) -> None:  # noqa: ANN401 - OpenVINO's request
            for name, number in numbers.items():
                found[name][at] = request.get_output_tensor(number).data[0]

        return found, self._start(images_rgb_u8, take)

    def _start(
        self, images_rgb_u8: ImageU8, take: Callable[[int, Any], None]
    ) -> list[Future[None]]:
        images = np.ascontiguousarray(images_rgb_u8)

        def run(start: int) -> None:
            request = self._idle.get()
            try:
                for at in range(start, min(start + _PATCHES_PER_TASK, len(images))):
                    request.infer([images[at : at + 1]], share_inputs=True)
                    take(at, request)
            finally:
                self._idle.put(request)

        with self.lock:
            return [
                self._workers.submit(run, start)
                for start in range(0, len(images), _PATCHES_PER_TASK)
            ]


def _layer(written: str) -> Layer:
    """Return the layer that the conversion wrote into its graph."""
    known = json.loads(written)
    return Layer(known["name"], tuple(known["grid"]), known["channels"])


def _capabilities(core: Any) -> Sequence[str]:  # noqa: ANN401 - OpenVINO's core
    found: Sequence[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found
