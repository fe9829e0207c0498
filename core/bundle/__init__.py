"""Model bundles: weights with the contract that travels with them."""

from typing import TYPE_CHECKING

from core.bundle.card import (
    SHIPPED,
    Architecture,
    Card,
    DataSummary,
    GoldenPatch,
    GoldenPatches,
    OperatingPoint,
    Parent,
    Preprocessing,
    StartingWeights,
    Validation,
)
from core.bundle.summary import card_table, interval_text, metric_name
from core.late_exports import late_exports

if TYPE_CHECKING:
    from core.bundle.bundle import (
        Bundle,
        ValidationScores,
        read_bundle,
        read_card,
        read_validation,
        write_card,
        write_golden,
        write_validation,
        write_weights,
    )
    from core.bundle.head import (
        CENTRE_STREAM,
        HIDDEN_LAYER,
        TwoStreams,
        classifier_names,
        drop_classifier,
        head_names,
    )
    from core.bundle.network import InputTransform, build_network, load_weights, tumour_logit
    from core.bundle.pooling import CentreAndContextPool
    from core.bundle.simple_cnn import SIMPLE_CNN
else:
    __getattr__ = late_exports(
        __name__,
        {
            "bundle": (
                "Bundle",
                "ValidationScores",
                "read_bundle",
                "read_card",
                "read_validation",
                "write_card",
                "write_golden",
                "write_validation",
                "write_weights",
            ),
            "head": (
                "CENTRE_STREAM",
                "HIDDEN_LAYER",
                "TwoStreams",
                "classifier_names",
                "drop_classifier",
                "head_names",
            ),
            "network": ("InputTransform", "build_network", "load_weights", "tumour_logit"),
            "pooling": ("CentreAndContextPool",),
            "simple_cnn": ("SIMPLE_CNN",),
        },
    )

__all__ = [
    "CENTRE_STREAM",
    "HIDDEN_LAYER",
    "SHIPPED",
    "SIMPLE_CNN",
    "Architecture",
    "Bundle",
    "Card",
    "CentreAndContextPool",
    "DataSummary",
    "GoldenPatch",
    "GoldenPatches",
    "InputTransform",
    "OperatingPoint",
    "Parent",
    "Preprocessing",
    "StartingWeights",
    "TwoStreams",
    "Validation",
    "ValidationScores",
    "build_network",
    "card_table",
    "classifier_names",
    "drop_classifier",
    "head_names",
    "interval_text",
    "load_weights",
    "metric_name",
    "read_bundle",
    "read_card",
    "read_validation",
    "tumour_logit",
    "write_card",
    "write_golden",
    "write_validation",
    "write_weights",
]
