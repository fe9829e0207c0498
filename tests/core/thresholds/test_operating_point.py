import numpy as np
import pytest

from core.statistics import (
    METRIC_NAMES,
    Evidence,
    OperatingTable,
    SlideBootstrap,
    SlideCounts,
    wilson_of,
)
from core.thresholds import operating_point


def test_every_metric_comes_with_both_its_intervals(evidence: Evidence) -> None:
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(0), replicates=200)
    found = operating_point(evidence, 0.5, bootstrap=bootstrap)
    assert tuple(row.name for row in found.rows) == METRIC_NAMES
    assert found.confusion == OperatingTable.of(evidence).confusion(0.5)
    for row in found.rows:
        assert row.value == found.confusion.value(row.name)
        assert row.by_patches == wilson_of(row.name, found.confusion)
        assert row.by_slides is not None
        assert row.by_slides.value == pytest.approx(row.value)
        if row.by_slides.interval is not None:
            assert row.by_slides.interval.covers(row.value)


def test_the_slide_interval_of_a_rate_is_the_cluster_robust_one(evidence: Evidence) -> None:
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(0), replicates=50)
    (row,) = (r for r in operating_point(evidence, 0.5, None, bootstrap).rows if r.name == "npv")
    assert row.by_slides is not None
    assert row.by_slides.interval == SlideCounts.of(evidence, 0.5).rate("npv").interval


def test_without_slides_only_the_patch_intervals_are_there() -> None:
    found = operating_point(Evidence.of([0, 1], [0.1, 0.9]), 0.5)
    assert all(row.by_slides is None for row in found.rows)
    assert any("Slides unknown" in note for note in found.notes)
