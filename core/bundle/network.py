"""From a card's architecture to a network, and from a uint8 patch to its input."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.bundle.card import Architecture, Preprocessing
from core.bundle.pooling import replace_pooling
from core.bundle.stain import normalise_stains
from core.errors import BundleError, in_a_line

HIDDEN_LAYER: Final = "hidden"
"""Name of the hidden layer within a head that has one."""
CENTRE_STREAM: Final = "centre"
"""Name of the stream that sees the centre alone, within two streams."""


class TwoStreams(nn.Module):
    """One network on the whole patch and one on its centre 32 px, before one linear layer.

    Attributes:
        context: Sees the whole input.
        centre: Sees the middle third of it, at the same scale.
        classifier: Reads the features of the context, then those of the centre.
        pretrained_cfg: Names the last layer, as timm's networks do.
    """

    pretrained_cfg: Final[dict[str, Any]] = {"classifier": "classifier"}

    def __init__(self, context: nn.Module, centre: nn.Module, outputs: int) -> None:
        """Join two networks, whose own last layers are dropped.

        Raises:
            BundleError: One does not end in a linear layer, or the context has tokens and no map.
        """
        super().__init__()
        if hasattr(context, "patch_embed"):
            raise BundleError(
                f"{type(context).__name__} works on tokens; a centre stream needs a convolutional "
                "network. Use a ResNet or an EfficientNet."
            )
        widths = [drop_classifier(network) for network in (context, centre)]
        self.context = context
        self.centre = centre
        self.classifier: nn.Module = nn.Linear(sum(widths), outputs)

    def forward_features(self, inputs: Tensor) -> Tensor:
        """Return the last map of the context alone."""
        features: Tensor = self.context.forward_features(inputs)  # type: ignore[operator]
        return features

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs (N, outputs) for inputs (N, 3, S, S)."""
        margin = inputs.shape[-1] // 3
        middle = slice(margin, inputs.shape[-1] - margin)
        # The centre first: the last map that is seen is then that of the whole patch.
        near = self.centre(inputs[:, :, middle, middle])
        outputs: Tensor = self.classifier(torch.cat([self.context(inputs), near], dim=1))
        return outputs

    def get_classifier(self) -> nn.Module:
        """Return what reads the joined features."""
        return self.classifier


def classifier_names(network: nn.Module) -> tuple[str, ...]:
    """Return how the names of the last layer's parts start, e.g. ("fc.",)."""
    configuration: dict[str, Any] = getattr(network, "pretrained_cfg", {})
    head = configuration.get("classifier") or "classifier"
    names = (head,) if isinstance(head, str) else tuple(head)
    return tuple(f"{name}." for name in names)


def head_names(network: nn.Module) -> tuple[str, ...]:
    """Return how the names of all that is no backbone start: the last layer and the pooling."""
    return (*classifier_names(network), "global_pool.")


def replace_with_mlp(network: nn.Module, *, width: int, dropout: float) -> None:
    """Put a hidden layer with dropout and batch normalisation before the outputs of a network.

    Raises:
        BundleError: It does not end in a linear layer.
    """
    last = network.get_submodule(_last_name(network))
    outputs = last.out_features if isinstance(last, nn.Linear) else 1
    features = drop_classifier(network)
    layers = {
        HIDDEN_LAYER: nn.Linear(features, width),
        "relu": nn.ReLU(),
        "dropout": nn.Dropout(dropout),
        "norm": nn.BatchNorm1d(width),
        "output": nn.Linear(width, outputs),
    }
    network.set_submodule(_last_name(network), nn.Sequential(OrderedDict(layers)))


def drop_classifier(network: nn.Module) -> int:
    """Let a network end in its pooled features, and return how many they are.

    Raises:
        BundleError: It does not end in a linear layer.
    """
    last = network.get_submodule(_last_name(network))
    if not isinstance(last, nn.Linear):
        raise BundleError(
            f"{type(network).__name__} ends in a {type(last).__name__}; another head needs one "
            "that ends in a linear layer. Use a ResNet or an EfficientNet."
        )
    network.set_submodule(_last_name(network), nn.Identity())
    return last.in_features


def _last_name(network: nn.Module) -> str:
    return classifier_names(network)[0].removesuffix(".")


SIMPLE_CNN: Final = "nodelens_simple_cnn"
"""The name that a card gives it; timm knows no such name."""
_CHANNELS: Final = (32, 64, 128)
_HIDDEN: Final = 128


class SimpleCnn(nn.Module):
    """Three blocks of 3 × 3 convolution without padding, ReLU and 2 × 2 maximum; two dense layers.

    159,170 parameters with two outputs on 32 × 32 px. Offers what a network of timm offers to
    training and explanation.

    Attributes:
        pretrained_cfg: Names the last layer, as timm's networks do.
    """

    pretrained_cfg: Final[dict[str, Any]] = {"classifier": "classifier"}

    def __init__(self, num_classes: int = 2, img_size: int = 32, drop_rate: float = 0.0) -> None:
        """Build it for square inputs of one size.

        Args:
            num_classes: Outputs.
            img_size: Height and width of the input, 22 or more.
            drop_rate: Of the hidden layer.
        """
        super().__init__()
        widths = (3, *_CHANNELS)
        blocks = [
            nn.Sequential(nn.Conv2d(before, after, 3), nn.ReLU(), nn.MaxPool2d(2))
            for before, after in pairwise(widths)
        ]
        self.blocks = nn.Sequential(*blocks)
        side = img_size
        for _ in _CHANNELS:
            side = (side - 2) // 2
        if side < 1:
            raise ValueError(f"img_size is {img_size}; three blocks need at least 22")
        self.hidden = nn.Linear(_CHANNELS[-1] * side * side, _HIDDEN)
        self.dropout = nn.Dropout(drop_rate)
        self.classifier = nn.Linear(_HIDDEN, num_classes)

    def forward_features(self, inputs: Tensor) -> Tensor:
        """Return the last map, (N, 128, h, w)."""
        features: Tensor = self.blocks(inputs)
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        """Return the outputs (N, num_classes) of the last map."""
        # contiguous: channels-last memory would flatten into another order on some backends.
        hidden = torch.relu(self.hidden(features.contiguous().flatten(1)))
        outputs: Tensor = self.classifier(self.dropout(hidden))
        return outputs

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs (N, num_classes) for inputs (N, 3, S, S)."""
        return self.forward_head(self.forward_features(inputs))

    def get_classifier(self) -> nn.Linear:
        """Return the last layer."""
        return self.classifier


def build_network(architecture: Architecture) -> nn.Module:
    """Return the network with random weights, on the CPU, in evaluation mode.

    Raises:
        BundleError: Neither we nor timm's own list know the name, an argument is not one that a
            card may give, or the network cannot take the pooling or the head.
    """
    network = _create(architecture.name, architecture.arguments, architecture.outputs)
    if architecture.pooling != "network":
        replace_pooling(network, architecture.pooling)
    if architecture.centre_stream is not None:
        centre = _create(architecture.centre_stream, {}, architecture.outputs)
        network = TwoStreams(network, centre, architecture.outputs)
    if architecture.head == "mlp":
        replace_with_mlp(network, width=architecture.head_width, dropout=architecture.head_dropout)
    return network.eval()


def _create(name: str, arguments: Mapping[str, Any], outputs: int) -> nn.Module:
    # Other names than those of timm's own list lead to hubs and folders.
    if name != SIMPLE_CNN and (":" in name or "/" in name or not timm.is_model(name)):
        raise BundleError(
            f"timm {timm.__version__} cannot build {name!r}: expected a name in its own list. "
            "A card never names a hub or a folder. Install the version named in the card."
        )
    _check_arguments(arguments)
    complete: dict[str, Any] = {**arguments, "num_classes": outputs}
    try:
        if name == SIMPLE_CNN:
            return SimpleCnn(**complete)
        network: nn.Module = timm.create_model(name, pretrained=False, **complete)
    except (RuntimeError, TypeError, ValueError, AssertionError, KeyError) as error:
        raise BundleError(
            f"timm {timm.__version__} cannot build {name!r} ({in_a_line(error)}). Install the "
            "version named in the card."
        ) from None
    return network


def _check_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that are not known to change the network's shape and nothing else.

    Raises:
        BundleError: One is unknown, or its value is none that it can have.
    """
    for argument, value in arguments.items():
        if argument in {"pretrained", "checkpoint_path"}:
            raise BundleError(
                "The card asks timm to load other weights; a bundle has its own. Export the "
                "bundle again."
            )
        allowed = _ARGUMENTS.get(argument)
        if allowed is None or not allowed(value):
            known = ", ".join(sorted(_ARGUMENTS))
            raise BundleError(
                f"The card sets the network's {argument} = {value!r}; a card may give {known}, "
                "each with a value of its kind. Export the bundle again."
            )


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST


_LARGEST: Final = 4096
_ARGUMENTS: Final[dict[str, Callable[[object], bool]]] = {
    **dict.fromkeys(
        ("drop_rate", "drop_path_rate", "attn_drop_rate", "proj_drop_rate", "pos_drop_rate"),
        _is_share,
    ),
    **dict.fromkeys(
        ("img_size", "patch_size", "window_size", "output_stride", "depth", "embed_dim"), _is_count
    ),
    "num_heads": _is_count,
    "global_pool": lambda value: value in {"", "avg", "max", "avgmax", "catavgmax", "token", "map"},
    **dict.fromkeys(("fc_norm", "class_token"), lambda value: isinstance(value, bool)),
}
"""What a card may tell timm of a network, and the values that each may have."""


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights into a network, all of them and nothing else.

    Raises:
        BundleError: Names or shapes differ, or a weight is not finite.
    """
    broken = [
        name
        for name, value in weights.items()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    if broken:
        raise BundleError(
            f"The weights contain values that are not numbers (first in {broken[0]!r}). Export the "
            "bundle again."
        )
    try:
        network.load_state_dict(
            {name: v.float() if v.is_floating_point() else v for name, v in weights.items()}
        )
    except RuntimeError as error:
        raise BundleError(
            f"The weights do not fit the network ({in_a_line(error)}). "
            "Card and weights must come from one export."
        ) from None


class InputTransform(nn.Module):
    """Patches (N, H, W, 3), 0..255, to the network's input (N, 3, S, S), on any device."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.size_px = preprocessing.input_size_px
        self.crop_px = preprocessing.crop_px
        self.stain_normalisation = preprocessing.stain_normalisation
        # One multiply-add instead of scale, subtract, divide.
        mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1)
        std = torch.tensor(preprocessing.std).view(1, 3, 1, 1)
        self.register_buffer("gain", 1.0 / (255.0 * std))
        self.register_buffer("offset", -mean / std)
        self.gain: Tensor
        self.offset: Tensor

    def forward(self, images_rgb_u8: Tensor) -> Tensor:
        """Return normalised input, (N, 3, S, S) float32, channels last in memory."""
        images = images_rgb_u8.permute(0, 3, 1, 2)  # (N, 3, H, W), still a channels-last view
        if self.crop_px is not None:
            margin = (images.shape[-1] - self.crop_px) // 2
            inside = slice(margin, margin + self.crop_px)
            images = images[:, :, inside, inside]
        pixels = images.float()
        if self.stain_normalisation == "macenko":
            pixels = normalise_stains(pixels)
        if pixels.shape[-1] != self.size_px:
            pixels = functional.interpolate(
                pixels, size=self.size_px, mode="bilinear", antialias=True, align_corners=False
            )
        scaled: Tensor = pixels * self.gain + self.offset
        return scaled.contiguous(memory_format=torch.channels_last)


def tumour_logit(outputs: Tensor) -> Tensor:
    """Return the tumour logit (N,) of one-output (N, 1) or two-output (N, 2) networks."""
    if outputs.shape[1] == 1:
        return outputs[:, 0]
    return outputs[:, 1] - outputs[:, 0]
