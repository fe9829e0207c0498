"""A network of PyTorch written out as one graph, for OpenVINO and, as ONNX, for others."""

import json
import sys
import threading
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from core.bundle.bundle import read_bundle
from core.engine.graphs import NOT_WRITTEN
from core.engine.openvino_cpu import (
    EVIDENCE,
    FEATURES,
    GRAD_CAMS,
    LAST_LAYER,
    LOGITS,
    STATISTICS,
    import_openvino,
)
from core.engine.served import ServedNetwork, probe_patches, serve
from core.errors import NodelensError, RunError, in_a_line, why
from core.files import require_apart, require_folder_of
from core.patches import PATCH_SIZE_PX

_TRACING: Final = threading.Lock()
"""PyTorch traces modules of one process one after the other, or finds that they differ."""


class _Present(nn.Module):
    """A served network that gives only what there is."""

    def __init__(self, served: ServedNetwork) -> None:
        super().__init__()
        self.served = served

    def forward(self, images_rgb_u8: Tensor) -> tuple[Tensor, ...]:
        return tuple(output for output in self.served(images_rgb_u8) if output is not None)


def write_graph(folder: Path, to: Path) -> None:
    """Convert a bundle's network into `to` (.xml, its weights beside it as .bin).

    Raises:
        BundleError: The bundle is damaged.
        RunError: The network holds an operation that OpenVINO lacks.
        OSError: It cannot be written there; that says nothing of the network.
    """
    served, names = _served(folder)
    openvino = import_openvino()
    try:
        with _TRACING, warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # tracing is said to be old, and warns of constants
            model = openvino.convert_model(
                _Present(served),
                example_input=probe_patches(2),
                input=[openvino.PartialShape([-1, PATCH_SIZE_PX, PATCH_SIZE_PX, 3])],
            )
    except Exception as error:  # noqa: BLE001 - the converter raises errors of many kinds
        raise RunError(f"The network cannot be converted ({in_a_line(error)}).") from None
    for output, name in zip(model.outputs, names, strict=True):
        output.get_tensor().set_names({name})
    if served.last_layer is not None:
        model.set_rt_info(json.dumps(asdict(served.last_layer)), LAST_LAYER)
    try:
        openvino.save_model(model, to, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(f"The converted network cannot be written ({why(error)}).") from None


def write_onnx(folder: Path, to: Path) -> None:
    """Write a bundle's network as ONNX: uint8 patches (N, 96, 96, 3) in, logits and more out.

    Raises:
        BundleError: The bundle is damaged.
        RunError: ONNX is not installed, or cannot hold the network.
        NodelensError: `to` may not be written.
    """
    require_folder_of(to)
    require_apart((to,), ())
    served, names = _served(folder)
    try:
        with _TRACING, warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Present(served),
                (probe_patches(2),),
                str(to),
                input_names=["images_rgb_u8"],
                output_names=list(names),
                dynamic_axes={name: {0: "patches"} for name in ("images_rgb_u8", *names)},
                dynamo=False,
            )
    except Exception as error:  # noqa: BLE001 - the exporter raises errors of many kinds
        raise RunError(
            f"The network cannot be written as ONNX ({in_a_line(error)}). Install onnx, or use the "
            "bundle."
        ) from None


def _served(folder: Path) -> tuple[ServedNetwork, tuple[str, ...]]:
    bundle = read_bundle(folder)
    card = bundle.card
    served = serve(card.architecture, card.preprocessing, bundle.weights, card.domain_layers)
    with torch.inference_mode():
        outputs = served(probe_patches(2))
    named = zip((LOGITS, FEATURES, EVIDENCE, GRAD_CAMS, STATISTICS), outputs, strict=True)
    return served, tuple(name for name, output in named if output is not None)


if __name__ == "__main__":
    # A process of its own, so that whoever only scores never holds PyTorch.
    try:
        write_graph(Path(sys.argv[1]), Path(sys.argv[2]))
    except NodelensError as trouble:
        sys.exit(str(trouble))
    except OSError as trouble:
        sys.stderr.write(f"{trouble}\n")
        sys.exit(NOT_WRITTEN)
