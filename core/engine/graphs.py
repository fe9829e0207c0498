"""The networks that are converted for OpenVINO, kept on disk.

Each is converted once for each set of weights and kept in the installation's data. The shipped
model's comes with the program, so that a first start neither converts nor loads PyTorch. No other
bundle brings its own: OpenVINO's reader is not made for files of strangers.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from core.bundle.bundle import Bundle
from core.errors import RunError
from core.files import key_of
from core.settings import PROJECT, SHIPPED_GRAPHS

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
