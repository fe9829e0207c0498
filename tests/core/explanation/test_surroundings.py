from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.explanation import CentreTest, Decisive
from core.explanation.explained import PatchCollection
from core.explanation.surroundings import Halves, Surroundings, lacking
from core.jobs import Job, JobStore
from core.patches import CENTRE, ImageU8, Patch
from core.scoring import Classifier, Filter, Order, select
from tests.toys import ToyEngine, write_patches


class RedEngine(ToyEngine):
    """The redder, the likelier: of the centre and of all around it, both with the same weight."""

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        red = images_rgb_u8[..., 0].astype(np.float32) / 255
        centre = red[:, CENTRE.start : CENTRE.stop, CENTRE.start : CENTRE.stop].mean(axis=(1, 2))
        logits: NDArray[np.float32] = 12 * (centre + red.mean(axis=(1, 2))) - 11
        return logits


@pytest.fixture
def classifier(toy_classifier: Classifier) -> Classifier:
    return replace(toy_classifier, engine=RedEngine())


@pytest.fixture
def scored(tmp_path: Path, classifier: Classifier) -> tuple[JobStore, Job, PatchCollection]:
    """A finished batch of twelve noise patches."""
    write_patches(tmp_path / "noise", 12)
    store = JobStore(tmp_path / "jobs")
    job = store.add_server_path("owner", "noise", tmp_path / "noise")
    store.start(job, classifier)
    store.wait(job)
    rows = store.rows(job)
    source = store.open(job)
    return store, job, PatchCollection("key", "noise", source, tuple(range(len(rows))))


def test_every_tumour_call_rests_on_what_the_centre_test_says(
    scored: tuple[JobStore, Job, PatchCollection], classifier: Classifier
) -> None:
    store, job, collection = scored
    rows = store.rows(job)
    called = [at for at, row in enumerate(rows) if row.predicted_label == 1]
    assert called
    measuring = Surroundings(store)
    measuring.start(job, rows, lambda: collection, classifier)
    measuring.wait(job)
    task = measuring.task(job)
    assert task is not None
    assert (task.error, task.done, task.total) == ("", len(called), len(called))
    known = measuring.known(job, collection, classifier)
    assert lacking(rows, known) == []
    assert set(known) == {rows[at].sha256 for at in called}
    test = CentreTest(classifier)
    for at in called:
        item = collection.source.read(at)
        assert isinstance(item, Patch)
        (reliance,) = test.run(item.image_rgb_u8[None])
        halves, logit = known[rows[at].sha256], rows[at].logit
        assert logit is not None
        assert halves.decides(reliance.threshold_logit) is reliance.decisive
        expected = logit + reliance.delta_centre_kept
        assert halves.centre_kept == pytest.approx(expected, abs=1e-4)


def test_what_was_measured_is_there_after_a_restart_and_not_for_another_model(
    scored: tuple[JobStore, Job, PatchCollection], classifier: Classifier
) -> None:
    store, job, collection = scored
    first = Surroundings(store)
    first.start(job, store.rows(job), lambda: collection, classifier)
    first.wait(job)
    again = Surroundings(JobStore(store.folder))
    assert again.known(job, collection, classifier) == first.known(job, collection, classifier)
    card = classifier.bundle.card.model_copy(update={"weights_sha256": "0" * 64})
    other = replace(classifier, bundle=replace(classifier.bundle, card=card))
    assert again.known(job, collection, other) == {}
    store.remove(job)
    assert again.known(job, collection, classifier) == {}


def test_the_surroundings_decide_exactly_where_the_margin_is_not_below_zero() -> None:
    rng = np.random.default_rng(0)
    for centre, around in rng.normal(size=(200, 2)):
        halves = Halves(float(centre), float(around))
        for threshold in (-0.5, 0.0, 0.7):
            decided = halves.decides(threshold) is Decisive.RING
            assert decided == (halves.margin(threshold) >= 0)


def test_a_batch_is_filtered_and_sorted_by_what_the_calls_rest_on(
    scored: tuple[JobStore, Job, PatchCollection],
) -> None:
    store, job, _ = scored
    rows = store.rows(job)
    margins = {3: 0.5, 1: 2.0, 2: -0.1}
    assert select(rows, Filter(around=True), Order.AROUND, margins) == [1, 3]
    assert select(rows, Filter(), Order.AROUND, margins)[:3] == [1, 3, 2]
    assert select(rows, Filter(around=True), Order.HIGHEST) == []
