"""Where a network's weights start: ImageNet from timm's hub, a file in timm's naming, or chance."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import timm
import torch
from safetensors import SafetensorError
from torch import nn

from core.bundle import SIMPLE_CNN, Architecture, build_network
from core.errors import RunError

IMAGENET: Final = "imagenet"
NONE: Final = "none"
_HEAD_STD: Final = 0.01


@dataclass(frozen=True)
class InitialWeights:
    """What a run started from.

    Attributes:
        description: In words, for the model card.
        sha256: Of the file; for hub weights of the tensors in name order; "" for chance.
    """

    description: str
    sha256: str


def initial_network(architecture: Architecture, init: str) -> tuple[nn.Module, InitialWeights]:
    """Return the network with its starting weights, float32 on the CPU, and where they are from.

    Args:
        architecture: What to build. Seed torch first: what the weights do not cover is random.
        init: "imagenet", "none", or the path of a .safetensors file in timm's naming.

    Raises:
        BundleError: timm cannot build the network.
        RunError: The weights cannot be had or do not fit.
    """
    if init == NONE:
        network = build_network(architecture)
        _calm_head(network)
        return network, InitialWeights("random", "")
    if init == IMAGENET:
        return _from_hub(architecture)
    network = build_network(architecture)
    _calm_head(network)
    return network, _from_file(network, architecture, Path(init))


def _from_hub(architecture: Architecture) -> tuple[nn.Module, InitialWeights]:
    if architecture.name == SIMPLE_CNN:
        raise RunError(
            f"There are no ImageNet weights of {SIMPLE_CNN}. Name a file with "
            "--init FILE.safetensors, or start from chance with --init none."
        )
    arguments: dict[str, Any] = {**architecture.arguments, "num_classes": architecture.outputs}
    try:
        hub: nn.Module = timm.create_model(architecture.name, pretrained=True, **arguments)
    except Exception as error:  # noqa: BLE001 - hub, HTTP and DNS errors share no base class
        raise RunError(
            f"The ImageNet weights of {architecture.name} could not be had from timm's hub "
            f"({type(error).__name__}). Connect this machine to the network, name a file with "
            "--init FILE.safetensors, or start from chance with --init none."
        ) from None
    configuration: dict[str, Any] = getattr(hub, "pretrained_cfg", {})
    weights = hub.state_dict()
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    origin = configuration.get("hf_hub_id") or configuration.get("url") or architecture.name
    licence = configuration.get("license") or "not stated"
    network = build_network(architecture)
    head = _head_names(network)
    network.load_state_dict(
        {name: value for name, value in weights.items() if not name.startswith(head)}, strict=False
    )
    _calm_head(network)
    return network.eval(), InitialWeights(
        f"ImageNet, {origin} by timm {timm.__version__}, licence {licence}", digest.hexdigest()
    )


def _from_file(network: nn.Module, architecture: Architecture, file: Path) -> InitialWeights:
    try:
        data = file.read_bytes()
        found = safetensors.torch.load(data)
    except OSError as error:
        raise RunError(
            f"The initial weights {file.name} cannot be read ({error.strerror}). Check --init."
        ) from None
    except SafetensorError as error:
        raise RunError(
            f"{file.name} is not a safetensors file ({error}). Pickled weights (.pt, .pth) are "
            "not read, because they can run code; convert them to safetensors."
        ) from None
    head = _head_names(network)
    own = network.state_dict()
    weights = {
        name: value.float() if value.is_floating_point() else value
        for name, value in found.items()
        # A head for other classes is left out; one that fits is fine-tuned further.
        if not (name.startswith(head) and (name not in own or value.shape != own[name].shape))
    }
    _require_fit(own, weights, head, f"{file.name} for {architecture.name}")
    network.load_state_dict(weights, strict=False)
    return InitialWeights(f"{file.name} (timm naming)", hashlib.sha256(data).hexdigest())


def _require_fit(
    own: dict[str, torch.Tensor],
    weights: dict[str, torch.Tensor],
    head: tuple[str, ...],
    what: str,
) -> None:
    missing = sorted(
        name
        for name in own.keys() - weights.keys()
        if not name.startswith(head) and not name.endswith("num_batches_tracked")
    )
    foreign = sorted(weights.keys() - own.keys())
    misshapen = sorted(
        name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape
    )
    broken = sorted(name for name, value in weights.items() if not torch.isfinite(value).all())
    for names, problem in (
        (missing, "lack"),
        (foreign, "have, unknown to the network,"),
        (misshapen, "have in another shape"),
        (broken, "have values that are no numbers in"),
    ):
        if names:
            raise RunError(
                f"The initial weights {what} {problem} {len(names)} tensors (first "
                f"{names[0]!r}). Name weights of this architecture in timm's naming."
            )


@torch.no_grad()
def _calm_head(network: nn.Module) -> None:
    """Give a fresh head small weights, so that every patch starts near probability 0.5.

    timm scales a head by its number of classes; with one class, logits would start beyond ±5.
    """
    head = _head_names(network)
    for name, parameter in network.named_parameters():
        if name.startswith(head):
            if parameter.ndim > 1:
                parameter.normal_(std=_HEAD_STD)
            else:
                parameter.zero_()


def _head_names(network: nn.Module) -> tuple[str, ...]:
    configuration: dict[str, Any] = getattr(network, "pretrained_cfg", {})
    head = configuration.get("classifier") or "classifier"
    names = (head,) if isinstance(head, str) else tuple(head)
    return tuple(f"{name}." for name in names)
