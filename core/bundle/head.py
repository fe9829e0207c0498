"""The end of a network: where its classifier is, one with a hidden layer, two streams joined."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from core.errors import BundleError

HIDDEN_LAYER: Final = "hidden"
"""Name of the hidden layer within a head that has one."""
CENTRE_STREAM: Final = "centre"
"""Name of the stream that sees the centre alone, within two streams."""


class MlpHead(nn.Sequential):
    """Pooled features to outputs: dense, ReLU, dropout, batch normalisation, dense."""

    def __init__(self, features: int, outputs: int, *, width: int, dropout: float) -> None:
        super().__init__()
        self.add_module(HIDDEN_LAYER, nn.Linear(features, width))
        self.add_module("relu", nn.ReLU())
        self.add_module("dropout", nn.Dropout(dropout))
        self.add_module("norm", nn.BatchNorm1d(width))
        self.add_module("output", nn.Linear(width, outputs))


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
    """Put a hidden layer before the outputs of a network.

    Raises:
        BundleError: It does not end in a linear layer.
    """
    last = network.get_submodule(_last_name(network))
    outputs = last.out_features if isinstance(last, nn.Linear) else 1
    features = drop_classifier(network)
    _replace(network, MlpHead(features, outputs, width=width, dropout=dropout))


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
    _replace(network, nn.Identity())
    return last.in_features


def _replace(network: nn.Module, module: nn.Module) -> None:
    parent, _, name = _last_name(network).rpartition(".")
    setattr(network.get_submodule(parent), name, module)


def _last_name(network: nn.Module) -> str:
    return classifier_names(network)[0].removesuffix(".")
