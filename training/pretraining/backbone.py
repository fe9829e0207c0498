"""A network without its last layer, and the projector behind it that only pre-training needs."""

from torch import Tensor, nn

from core.bundle import Architecture, drop_classifier
from training.runs.initial import InitialWeights, initial_network


class ProjectedBackbone(nn.Module):
    """Inputs (N, 3, S, S) to features (N, F) and their projections (N, width).

    Attributes:
        backbone: The network without its last layer.
        projector: Three linear layers, as in Bardes et al. 2022; thrown away afterwards.
    """

    def __init__(self, network: nn.Module, width: int) -> None:
        """Take over a network, whose last layer is dropped.

        Raises:
            BundleError: It does not end in a linear layer.
        """
        super().__init__()
        features = drop_classifier(network)
        self.backbone = network
        self.projector = nn.Sequential(
            *_layer(features, width), *_layer(width, width), nn.Linear(width, width, bias=False)
        )

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and projections."""
        features = self.backbone(inputs)
        return features, self.projector(features)


def _layer(before: int, width: int) -> tuple[nn.Module, ...]:
    return nn.Linear(before, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()


def initial_backbone(
    architecture: Architecture, init: str, width: int
) -> tuple[ProjectedBackbone, InitialWeights]:
    """Return the network to be pre-trained, and where its weights start; seed torch first.

    Raises:
        BundleError: timm cannot build the network, or it does not end in a linear layer.
        RunError: The weights cannot be had or do not fit.
    """
    plain = architecture.model_copy(update={"head": "linear"})  # any head is dropped anyway
    network, initial = initial_network(plain, init)
    return ProjectedBackbone(network, width), initial
