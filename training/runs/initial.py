"""Where a network's weights start: ImageNet from timm's hub, a file in timm's naming, or chance."""

import difflib
import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import huggingface_hub
import safetensors.torch
import timm
import torch
from safetensors import SafetensorError
from torch import nn

from core.bundle import (
    HIDDEN_LAYER,
    SIMPLE_CNN,
    Architecture,
    Parent,
    TwoStreams,
    build_network,
    classifier_names,
    head_names,
)
from core.errors import RunError, why

IMAGENET: Final = "imagenet"
NONE: Final = "none"
PREFIX: Final = "hf-hub:"
CHANCE: Final = "random"
"""How weights that nothing was loaded into are described."""
METADATA_KEY: Final = "json"
"""Of what a safetensors file of ours says of itself."""
_HEAD_STD: Final = 0.01
_LONGEST: Final = 400
"""Characters of a file's own description that are believed."""
_WEIGHTS_FILE: Final = "model.safetensors"
_CONFIG_FILE: Final = "config.json"
_PERMISSIVE: Final = frozenset(
    {
        "apache-2.0",
        "mit",
        "bsd",
        "bsd-2-clause",
        "bsd-3-clause",
        "cc0-1.0",
        "cc-by-4.0",
        "unlicense",
        "isc",
    }
)
_SEEN: Final = re.compile(r"pcam|patch[-_ ]?camelyon|camelyon", re.IGNORECASE)
"""A model whose card does not say what it was trained on cannot be told."""


@dataclass(frozen=True)
class InitialWeights:
    """What a run started from.

    Attributes:
        description: In words, for the model card.
        sha256: Of the file; for hub weights of the tensors in name order; "" for chance.
        slides_sha256: Hash of each slide's name that the file says it was pre-trained on.
        parents: The runs that were averaged, if it is a mean.
        has_seen_pcam: Weights of others that were trained on PCam or CAMELYON, by their card.
    """

    description: str
    sha256: str
    slides_sha256: tuple[str, ...] = ()
    parents: tuple[Parent, ...] = ()
    has_seen_pcam: bool = False

    @property
    def at_chance(self) -> bool:
        """Whether nothing was loaded."""
        return not self.sha256


def initial_network(
    architecture: Architecture, init: str, *, accept_licence: bool = False
) -> tuple[nn.Module, InitialWeights]:
    """Return the network with its starting weights, float32 on the CPU, and where they are from.

    Args:
        architecture: What to build. Seed torch first: what the weights do not cover is random.
        init: "imagenet", "none", "hf-hub:OWNER/NAME", or the path of a .safetensors file in
            timm's naming.
        accept_licence: Weights from a hub may have any licence.

    Raises:
        BundleError: timm cannot build the network.
        RunError: The weights cannot be had or do not fit.
    """
    network = build_network(architecture)
    if init == IMAGENET:
        initial = _from_hub(network, architecture)
        _calm_head(network)
        return network.eval(), initial
    _calm_head(network)
    if init == NONE:
        return network, InitialWeights(CHANCE, "")
    if init.startswith(PREFIX):
        return network, _from_card(network, architecture, init, accept_licence=accept_licence)
    return network, _from_file(network, architecture, Path(init))


def require_known_network(name: str) -> None:
    """Check that a network can be built, before anything is fetched or decoded.

    Raises:
        RunError: timm has none of this name.
    """
    if name == SIMPLE_CNN or timm.is_model(name):
        return
    near = difflib.get_close_matches(name, timm.list_models(), n=3)
    raise RunError(
        f"Found no network {name!r} in timm {timm.__version__}; "
        + (f"similar names are {', '.join(near)}. " if near else "")
        + "Name one of timm's models."
    )


def _from_card(
    network: nn.Module, architecture: Architecture, init: str, *, accept_licence: bool
) -> InitialWeights:
    """Load another's weights, downloaded once: safetensors, their licence permissive or accepted.

    They have seen PCam if the name, the tags or the card name it or CAMELYON as training data.
    """
    repository = init.removeprefix(PREFIX)
    try:
        info = huggingface_hub.model_info(repository)
    except Exception as error:  # noqa: BLE001 - hub, HTTP and DNS errors share no base class
        raise RunError(
            f"{repository} could not be downloaded from the hub ({type(error).__name__}). Check "
            "the name and the network, and sign in if the model requires it."
        ) from None
    card = info.card_data
    licence = str((card and card.get("license")) or "not stated")
    if licence.lower() not in _PERMISSIVE and not accept_licence:
        link = (card and card.get("license_link")) or f"https://huggingface.co/{repository}"
        raise RunError(
            f"{repository} has the licence {licence}, which may limit the use of a model trained "
            f"from it. Read it ({link}), then add --accept-licence."
        )
    names = {sibling.rfilename for sibling in info.siblings or []}
    if not {_WEIGHTS_FILE, _CONFIG_FILE} <= names:
        raise RunError(
            f"{repository} has no {_WEIGHTS_FILE} with a {_CONFIG_FILE}; expected a timm network "
            "in safetensors. Pickled weights are not read, because they can run code."
        )
    config = Path(huggingface_hub.hf_hub_download(repository, _CONFIG_FILE))
    try:
        name = str(json.loads(config.read_text("utf-8"))["architecture"])
    except (ValueError, KeyError, TypeError):
        raise RunError(
            f"The {_CONFIG_FILE} of {repository} names no timm architecture. Name weights of a "
            "timm network."
        ) from None
    if name != architecture.name:
        raise RunError(
            f"{repository} is a {name} and the recipe's network a {architecture.name}. "
            f"Add --model {name}."
        )
    # Tags repeat the card's data sets, as "dataset:NAME".
    seen = bool(_SEEN.search(" ".join([repository, *map(str, info.tags or [])])))
    description = f"{init}, licence {licence}{'; trained on PCam or CAMELYON' if seen else ''}"
    file = Path(huggingface_hub.hf_hub_download(repository, _WEIGHTS_FILE))
    loaded = _from_file(network, architecture, file)
    return replace(loaded, description=description, has_seen_pcam=seen)


def _from_hub(network: nn.Module, architecture: Architecture) -> InitialWeights:
    """Load ImageNet weights into a network, into each of its streams where it has two."""
    if not isinstance(network, TwoStreams):
        return _stream_from_hub(network, architecture.name, architecture)
    alone = architecture.model_copy(update={"centre_stream": None})
    context = _stream_from_hub(network.context, architecture.name, alone)
    name = str(architecture.centre_stream)
    centre = _stream_from_hub(network.centre, name, Architecture(name=name))
    digest = hashlib.sha256((context.sha256 + centre.sha256).encode()).hexdigest()
    return InitialWeights(f"{context.description}; centre: {centre.description}", digest)


def _stream_from_hub(network: nn.Module, name: str, architecture: Architecture) -> InitialWeights:
    if name == SIMPLE_CNN:
        raise RunError(
            f"There are no ImageNet weights of {SIMPLE_CNN}. Name a file with "
            "--init FILE.safetensors, or start from random weights with --init none."
        )
    arguments: dict[str, Any] = {**architecture.arguments, "num_classes": architecture.outputs}
    try:
        hub: nn.Module = timm.create_model(name, pretrained=True, **arguments)
    except Exception as error:  # noqa: BLE001 - hub, HTTP and DNS errors share no base class
        raise RunError(
            f"The ImageNet weights of {name} could not be downloaded from timm's hub "
            f"({type(error).__name__}). Connect this machine to the network, name a file with "
            "--init FILE.safetensors, or start from random weights with --init none."
        ) from None
    configuration: dict[str, Any] = getattr(hub, "pretrained_cfg", {})
    weights = hub.state_dict()
    digest = hashlib.sha256()
    for key, value in sorted(weights.items()):
        digest.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
    origin = configuration.get("hf_hub_id") or configuration.get("url") or name
    licence = configuration.get("license") or "not stated"
    head = head_names(network)
    network.load_state_dict(
        {key: value for key, value in weights.items() if not key.startswith(head)}, strict=False
    )
    return InitialWeights(
        f"ImageNet, {origin} by timm {timm.__version__}, licence {licence}", digest.hexdigest()
    )


def _from_file(network: nn.Module, architecture: Architecture, file: Path) -> InitialWeights:
    try:
        data = file.read_bytes()
        tensors = safetensors.torch.load(data)
    except OSError as error:
        raise RunError(
            f"The initial weights {file.name} cannot be read ({why(error)}). Check --init."
        ) from None
    except SafetensorError as error:
        raise RunError(
            f"{file.name} is not a safetensors file ({error}). Pickled weights (.pt, .pth) are "
            "not read, because they can run code; convert them to safetensors."
        ) from None
    provenance, slides = _provenance(data)
    description = f"{file.name} ({provenance})" if provenance else file.name
    parts: list[tuple[nn.Module, str]] = [(network, architecture.name)]
    if isinstance(network, TwoStreams) and not any(name.startswith("context.") for name in tensors):
        parts = [(network.context, architecture.name)]
        if architecture.centre_stream == architecture.name:
            parts.append((network.centre, architecture.name))
        else:
            description += "; the centre stream at random"
    for part, name in parts:
        _load(part, tensors, f"{file.name} for {name}")
    return InitialWeights(description, hashlib.sha256(data).hexdigest(), slides)


def _provenance(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return what a safetensors file says of itself, as earlier versions' `pretrain` wrote it."""
    # Eight bytes tell the length of the JSON header; the library has checked both by now.
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    try:
        facts = json.loads(header["__metadata__"][METADATA_KEY])
        slides = tuple(str(slide) for slide in facts["slides_sha256"])
        return str(facts["description"])[:_LONGEST], slides
    except (KeyError, TypeError, ValueError):
        return "", ()


def _load(network: nn.Module, tensors: dict[str, torch.Tensor], what: str) -> None:
    head = head_names(network)
    own = network.state_dict()
    weights = {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
        # A head for other classes is left out; one that fits is fine-tuned further.
        if not (name.startswith(head) and (name not in own or value.shape != own[name].shape))
    }
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
    network.load_state_dict(weights, strict=False)


@torch.no_grad()
def _calm_head(network: nn.Module) -> None:
    """Give a fresh head small weights, so that every patch starts near probability 0.5.

    timm scales a head by its number of classes; with one class, logits would start beyond ±5.
    """
    for name, module in list(network.named_modules()):
        if not f"{name}.".startswith(classifier_names(network)) or list(module.children()):
            continue
        # Of a head with a hidden layer only the last layer decides the size of the logits.
        if isinstance(module, nn.Linear | nn.Conv2d) and not name.endswith(HIDDEN_LAYER):
            module.weight.normal_(std=_HEAD_STD)
            if module.bias is not None:
                module.bias.zero_()
