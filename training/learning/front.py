"""Leading layers that do not learn, computed by OpenVINO while PyTorch trains the rest.

Nothing is kept of their passes for a backward pass, so they need no training framework; on two CPU
cores, three of EfficientNet-Lite0's seven stages at 192 px took a twentieth of PyTorch's time.
"""

import copy
import warnings
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from core.bundle import InputTransform
from core.engine import import_openvino
from core.patches import PATCH_SIZE_PX
from training.recipes.recipe import FrontPrecision
from training.runs.device import cpu_has_bfloat16

_HINTS: Final = {"float32": "f32", "bfloat16": "bf16"}


@dataclass(frozen=True, eq=False)
class Front:
    """A network cut in two behind its still stages.

    Attributes:
        request: OpenVINO's, of one shape of batch: from pixels to the last still stage's features.
        rest: The layers behind them; they share their weights with the network.
    """

    request: Any
    rest: nn.Module

    def outputs(self, images: Tensor) -> Tensor:
        """Return what the network returns.

        Args:
            images: (N, 96, 96, 3), 0..255; N is the request's.
        """
        planes = images.permute(0, 3, 1, 2).contiguous().numpy()
        (features,) = self.request.infer([planes], share_inputs=True).values()
        # Copied: the request writes its next answer to the same place.
        into = torch.from_numpy(features).clone(memory_format=torch.channels_last)
        outputs: Tensor = self.rest(into)
        return outputs


class _Still(nn.Module):
    """Transform and leading stages, from planes."""

    def __init__(self, transform: InputTransform, stages: list[nn.Module]) -> None:
        super().__init__()
        self.transform, self.stages = transform, nn.Sequential(*stages)

    def forward(self, planes: Tensor) -> Tensor:
        features: Tensor = self.stages(self.transform(planes.permute(0, 2, 3, 1)))
        return features


def cut_front(
    network: nn.Module, transform: InputTransform, batch_size: int, precision: FrontPrecision
) -> Front | None:
    """Return a network cut in two, or None where it cannot be, or nothing leads that is still.

    Networks of timm's EfficientNet and MobileNetV3 families can be: a stem, stages in a row, a
    head. The weights of the still stages are those of now.

    Args:
        network: As `training.learning.optimiser.freeze` left it, on the CPU.
        transform: From pixels to the network's input.
        batch_size: Of every step.
        precision: "bfloat16" only where the processor has instructions for it, else float32.
    """
    stem, norm, stages = (getattr(network, name, None) for name in ("conv_stem", "bn1", "blocks"))
    if precision == "pytorch" or stem is None or norm is None or stages is None:
        return None
    still = 0
    while still < len(stages) and _learns_not(stages[still]):
        still += 1
    if not still or not (_learns_not(stem) and _learns_not(norm)):
        return None
    lead = copy.deepcopy(_Still(transform, [stem, norm, *stages[:still]])).eval()
    openvino = import_openvino()
    example = torch.zeros(batch_size, 3, PATCH_SIZE_PX, PATCH_SIZE_PX)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing is said to be old, and warns of constants
        model = openvino.convert_model(lead, example_input=example, input=[list(example.shape)])
    kind = precision if precision == "float32" or cpu_has_bfloat16() else "float32"
    compiled = openvino.Core().compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": _HINTS[kind],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        },
    )
    rest = copy.copy(network)  # its own table of modules, the same modules
    rest._modules = {
        **network._modules,
        "conv_stem": nn.Identity(),
        "bn1": nn.Identity(),
        "blocks": nn.Sequential(*stages[still:]),
    }
    return Front(compiled.create_infer_request(), rest)


def _learns_not(module: nn.Module) -> bool:
    return not any(weight.requires_grad for weight in module.parameters())
