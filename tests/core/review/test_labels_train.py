"""Corrected labels are what training takes: the list in the place of `train_labels.csv`."""

from pathlib import Path

import pytest

from core.patches import open_source
from core.review.events import CasePatch
from core.review.exports import corrected_labels, write_corrected_labels
from core.review.store import ReviewStore
from core.review.vocabulary import Verdict
from tests.core.review.toys import given, sha256_of_number, toy_case
from tests.toys import write_patches
from training.data.pack import open_pack
from training.data.split import split_patches

PATCHES = 40


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """A toy data set of ten slides, every second patch labelled tumour."""
    data = tmp_path / "data"
    paths = write_patches(data / "train", PATCHES, suffix=".tif")
    labels = "".join(f"{path.stem},{number % 2}\n" for number, path in enumerate(paths))
    slides = "".join(f"{path.stem},s{number // 4}\n" for number, path in enumerate(paths))
    (data / "train_labels.csv").write_text(f"id,label\n{labels}", "utf-8")
    (data / "patch_id_wsi.csv").write_text(f"id,wsi\n{slides}", "utf-8")
    return data


def test_training_takes_the_corrected_labels_in_place_of_the_old_ones(
    kaggle: Path, tmp_path: Path
) -> None:
    with open_source(kaggle) as source:
        before = open_pack(source, tmp_path / "cache").table
    case = toy_case(
        patches=tuple(
            CasePatch(sha256=sha256_of_number(number), id=patch_id, label=int(label))
            for number, (patch_id, label) in enumerate(zip(before.ids, before.labels, strict=True))
        )
    )
    store = ReviewStore(tmp_path / "review.sqlite")
    store.append(case)
    wrong = (2, 3, 17)
    for task in wrong:
        verdict = Verdict.NO_TUMOUR if before.labels[task] else Verdict.TUMOUR
        store.append(given(case, "Ann", task, verdict))
    store.append(given(case, "Ann", 20, Verdict.CANNOT_JUDGE))
    rows = corrected_labels(store.record(), ["c1"])
    write_corrected_labels(kaggle / "train_labels.csv", rows, head=store.head())
    with open_source(kaggle) as source:
        after = open_pack(source, tmp_path / "cache").table
    assert after.ids.tolist() == before.ids.tolist()
    assert (after.labels != before.labels).nonzero()[0].tolist() == list(wrong)
    assert after.slides.tolist() == before.slides.tolist()
    split = split_patches(after, seed=0)
    assert len(split.train) + len(split.val) == PATCHES
    assert not set(after.slides[split.train]) & set(after.slides[split.val])


def test_patches_that_were_not_reviewed_are_not_in_the_list(kaggle: Path, tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "review.sqlite")
    case = toy_case(patches=(CasePatch(sha256=sha256_of_number(0), id="patch-000", label=0),))
    store.append(case)
    store.append(given(case, "Ann", 0, Verdict.TUMOUR))
    rows = corrected_labels(store.record(), ["c1"])
    write_corrected_labels(kaggle / "train_labels.csv", rows, head=store.head())
    with open_source(kaggle) as source:
        table = open_pack(source, tmp_path / "cache").table
    assert (table.ids.tolist(), table.labels.tolist()) == (["patch-000"], [1])
