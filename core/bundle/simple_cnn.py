"""The small network of the classic baselines: three convolutions, one hidden layer."""

from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor, nn

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
