"""What a reader needs to trust or repeat a run."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from core.scoring.classifier import Classifier
from core.scoring.journal import RunSpec

_PACKAGES: Final = ("torch", "timm", "openvino", "numpy", "pillow")
_MODULES: Final = {"pillow": "PIL"}


def run_metadata(
    classifier: Classifier, spec: RunSpec, counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return what a reader needs to trust or repeat the run, without times."""
    return {
        "research_use_only": True,
        "spec": asdict(spec),
        "counts": dict(counts),
        **engine_facts(classifier),
    }


def engine_facts(classifier: Classifier) -> dict[str, Any]:
    """Return where and how a model computes, its operating point and its self-test."""
    test = classifier.self_test
    return {
        "device": classifier.engine.device,
        "engine": classifier.engine.name,
        "precision": str(classifier.engine.precision),
        "arithmetic": classifier.engine.arithmetic,
        "operating_point": classifier.operating_point.model_dump(mode="json"),
        "self_test": {
            "golden_patches": test.patches,
            "largest_difference_logit": test.largest_difference_logit,
            "tolerance_logit": test.tolerance_logit,
            "passed": test.passed,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES if find_spec(_MODULES.get(name, name))},
        },
    }
