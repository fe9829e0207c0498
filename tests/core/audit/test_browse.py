import numpy as np
import pytest

from core.audit import QualityLimits, open_audit
from core.audit.browse import (
    AuditView,
    PatchChoice,
    PatchFilter,
    PatchOrder,
    choose,
    csv_bytes,
    distribution,
    exported,
    listed,
)
from tests.audited_toys import audited


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> AuditView:
    store, job = audited(tmp_path_factory.mktemp("audited"))
    return AuditView(f"{job.id}-0", open_audit(store.folder(job).path), QualityLimits())


def test_a_selection_in_the_histogram_is_the_rows_in_its_bins(view: AuditView) -> None:
    histogram = distribution(view, "grey_mean")
    assert histogram is not None
    low, high = float(histogram.edges[3]), float(histogram.edges[20])
    shown = PatchChoice.parse(f"bins:grey_mean|tumour:{low!r}:{high!r}")
    values = view.patches["grey_mean"]
    expected = view.patches[(values >= low) & (values <= high) & (view.patches["label"] == 1)]
    chosen = choose(view, shown)
    assert len(expected) > 2
    assert set(chosen.rows) == set(expected["row"])
    assert list(values.iloc[chosen.rows]) == sorted(expected["grey_mean"], reverse=True)
    assert chosen.sentence.endswith(f" from {low:.4g} to {high:.4g}, tumour")
    both = f"bins:grey_mean|tumour:{low!r}:{high!r}|no tumour:{low!r}:{high!r}"
    two = choose(view, PatchChoice.parse(both))
    assert two.sentence.endswith(", no tumour, tumour, 2 bars")


def test_every_readable_patch_is_counted_in_a_histogram_once(view: AuditView) -> None:
    known = int(view.patches["grey_mean"].notna().sum())
    histogram = distribution(view, "grey_mean")
    assert histogram is not None
    assert sum(int(count.sum()) for count in histogram.counts.values()) + histogram.outside == known


@pytest.mark.parametrize(
    "text", ["finding:nothing", "bins:grey_mean|x", "bins:a|b", "measure:?", "slide:none", "rows:1"]
)
def test_a_link_that_names_nothing_shows_everything(view: AuditView, text: str) -> None:
    assert len(choose(view, PatchChoice.parse(text)).rows) == len(view.patches)


def test_filters_keep_only_what_passes_all_of_them(view: AuditView) -> None:
    everything = choose(view, PatchChoice())
    patch_filter = PatchFilter(frozenset({"tumour"}), frozenset({"train"}), text="s2")
    rows = listed(view, everything, patch_filter)
    part = view.patches.iloc[rows]
    assert len(part) > 2
    assert set(part["label"]) == {1}
    assert set(part["split"]) == {"train"}
    assert set(part["slide"]) == {"s2"}


def test_a_random_order_is_the_same_patches_and_the_same_for_the_same_seed(
    view: AuditView,
) -> None:
    everything = choose(view, PatchChoice())
    first = listed(view, everything, PatchFilter(order=PatchOrder.RANDOM, seed=1))
    assert list(first) == list(
        listed(view, everything, PatchFilter(order=PatchOrder.RANDOM, seed=1))
    )
    assert list(first) != list(
        listed(view, everything, PatchFilter(order=PatchOrder.RANDOM, seed=2))
    )
    assert sorted(first) == list(range(len(view.patches)))


def test_an_exported_cell_is_never_a_formula(view: AuditView) -> None:
    table = exported(view, np.array([0, 1])).assign(id=["=1+1", "@x"])
    text = csv_bytes(table).decode()
    assert "'=1+1" in text
    assert "'@x" in text


def test_downloaded_columns_are_named_as_pages_name_the_surroundings(view: AuditView) -> None:
    names = [str(name) for name in exported(view, np.array([0]))]
    assert {"centre_red_mean", "surroundings_red_mean"} <= {*names}
    assert not [name for name in names if name.startswith("ring")]
