"""Which engine a bundle gets on this machine, and its converted network.

Networks are converted once for each set of weights and kept in the installation's data. The shipped
model's comes with the program, so that a first start neither converts nor loads PyTorch. No other
bundle brings its own: OpenVINO's reader is not made for files of strangers.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from enum import StrEnum
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.bundle.bundle import Bundle
from core.engine.engine import Engine, Precision
from core.errors import RunError
from core.files import key_of
from core.settings import PROJECT, SHIPPED_GRAPHS

if TYPE_CHECKING:
    import torch

    from core.bundle.card import Architecture, Preprocessing
    from core.engine.pytorch import TorchEngine


class EngineKind(StrEnum):
    """AUTO is CUDA where there is a GPU, else OpenVINO, else PyTorch on the CPU."""

    AUTO = "auto"
    OPENVINO = "openvino"
    PYTORCH = "pytorch"


def open_engine(
    bundle: Bundle,
    *,
    device: str = "auto",
    precision: Precision = Precision.EXACT,
    kind: EngineKind = EngineKind.AUTO,
    graphs: Path,
) -> Engine:
    """Return a bundle on the best engine that this machine has.

    Args:
        bundle: The model.
        device: "auto", "cpu" or "cuda".
        precision: FAST is a wish: an engine without it computes EXACT, and says so.
        kind: Of the engine.
        graphs: Where converted networks are kept.

    Raises:
        BundleError: Network and weights do not fit.
        RunError: Device or engine are asked for and not there.
    """
    if device == "cuda" or (device == "auto" and kind is EngineKind.AUTO and _has_cuda()):
        from core.engine.cuda import CudaEngine  # noqa: PLC0415 - loads PyTorch

        return CudaEngine(*_parts(bundle), layers=bundle.card.domain_layers, precision=precision)
    if kind is EngineKind.PYTORCH:
        return _pytorch(bundle)
    try:
        return _openvino(bundle, precision, graphs)
    except (ImportError, RunError, OSError) as error:
        if kind is EngineKind.OPENVINO:
            raise RunError(f"{error} Use --engine pytorch.") from None
        return _pytorch(bundle)


def _has_cuda() -> bool:
    """Return whether PyTorch finds a GPU; without the driver's device PyTorch is not asked."""
    drivers = ("C:/Windows/System32/nvcuda.dll", "/dev/nvidiactl", "/dev/dxg")
    if "torch" not in sys.modules and not any(Path(one).exists() for one in drivers):
        return False
    import torch  # noqa: PLC0415 - where there is no GPU, it is not needed

    return torch.cuda.is_available()


def _openvino(bundle: Bundle, precision: Precision, graphs: Path) -> Engine:
    if find_spec("openvino") is None:
        raise ImportError("OpenVINO is not installed.")
    from core.engine.openvino_cpu import OpenVinoEngine  # noqa: PLC0415

    def opened(graph: Path) -> OpenVinoEngine:
        return OpenVinoEngine(
            graph,
            precision=precision,
            crop_px=bundle.card.preprocessing.crop_px,
            pytorch=lambda: _pytorch(bundle),
        )

    try:
        return opened(shipped_graph(bundle) or converted_graph(bundle, graphs))
    except RunError:
        forget_graph(bundle, graphs)  # damaged on disk; the next attempt makes it anew
        return opened(converted_graph(bundle, graphs))


def _pytorch(bundle: Bundle) -> "TorchEngine":
    from core.engine.pytorch import TorchEngine  # noqa: PLC0415 - loads PyTorch

    layers = bundle.card.domain_layers
    return TorchEngine(*_parts(bundle), layers=layers, device="cpu")


def _parts(bundle: Bundle) -> "tuple[Architecture, Preprocessing, dict[str, torch.Tensor]]":
    return bundle.card.architecture, bundle.card.preprocessing, bundle.weights


_GRAPH_FORMAT: Final = 3
"""Of what a graph takes and gives; another number makes every graph anew."""
_GRAPH_FILE: Final = "graph.xml"
_PARTS: Final = ("graph.xml", "graph.bin")
_REFUSED_FILE: Final = "not_convertible.txt"
_LONGEST_S: Final = 600
NOT_WRITTEN: Final = 74
"""The converter's exit status for a disk that is full or read-only (sysexits' EX_IOERR)."""


def shipped_graph(bundle: Bundle) -> Path | None:
    """Return a bundle's converted network that came with the program, None if none did.

    It is made by `converted_graph(bundle, SHIPPED_GRAPHS)` when the model or OpenVINO changes.
    """
    place = SHIPPED_GRAPHS / graph_key(bundle)
    return place / _GRAPH_FILE if _is_whole(place) else None


def converted_graph(bundle: Bundle, folder: Path) -> Path:
    """Return a bundle's converted network, converting it first if it was not yet.

    Conversion needs PyTorch and runs in a process of its own, unless PyTorch is loaded already.
    Two processes that convert the same network at once both succeed; one result stays.

    Raises:
        RunError: The network cannot be converted; that is remembered, too.
        OSError: The folder cannot be written.
    """
    place = folder / graph_key(bundle)
    refused = place / _REFUSED_FILE
    if refused.is_file():
        raise RunError(refused.read_text("utf-8"))
    if _is_whole(place):
        return place / _GRAPH_FILE
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=folder) as temporary:
        made = Path(temporary) / "graph"
        made.mkdir()
        try:
            _convert(bundle.folder, made / _GRAPH_FILE)
        except RunError as error:
            (made / _REFUSED_FILE).write_text(str(error), "utf-8")
            _put(made, place)
            raise
        _put(made, place)
    return place / _GRAPH_FILE


def forget_graph(bundle: Bundle, folder: Path) -> None:
    """Remove a bundle's converted network, so that it is made anew."""
    shutil.rmtree(folder / graph_key(bundle), ignore_errors=True)


def graph_key(bundle: Bundle) -> str:
    """Return what a graph is found by: weights, network, input, and the converter's version."""
    card = bundle.card
    return key_of(
        str(_GRAPH_FORMAT),
        version("openvino"),
        card.weights_sha256,
        card.architecture.model_dump_json(),
        card.preprocessing.model_dump_json(),
        *card.domain_layers,
    )


def _is_whole(place: Path) -> bool:
    return all((place / part).is_file() for part in _PARTS)


def _put(made: Path, place: Path) -> None:
    for part in made.iterdir():
        with part.open("rb") as file:
            os.fsync(file.fileno())
    try:
        made.rename(place)
    except OSError:  # another process was faster, or half a graph lies there
        if not (place / _REFUSED_FILE).exists() and not _is_whole(place):
            shutil.rmtree(place, ignore_errors=True)
            made.rename(place)


def _convert(bundle: Path, to: Path) -> None:
    if "torch" in sys.modules:
        from core.engine.conversion import write_graph  # noqa: PLC0415 - loads PyTorch

        write_graph(bundle, to)
        return
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "core.engine.conversion", str(bundle.absolute()), str(to)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        if done.returncode == NOT_WRITTEN:
            raise OSError(reason)
        raise RunError(reason)
