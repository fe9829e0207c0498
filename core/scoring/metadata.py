"""What a reader needs to trust or repeat a run."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from core.scoring.classifier import Classifier
from core.scoring.journal import RunSpec


def run_metadata(
    classifier: Classifier, spec: RunSpec, counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return what a reader needs to trust or repeat the run, without times.

    Args:
        classifier: What scored.
        spec: What was asked.
        counts: Rows of each status.
    """
    test = classifier.self_test
    return {
        "research_use_only": True,
        "spec": asdict(spec),
        "counts": dict(counts),
        "device": classifier.engine.device,
        "operating_point": classifier.operating_point.model_dump(mode="json"),
        "self_test": {
            "golden_patches": test.patches,
            "largest_difference_logit": test.largest_difference_logit,
            "tolerance_logit": test.tolerance_logit,
            "passed": test.passed,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "timm", "numpy", "pillow")},
        },
    }
