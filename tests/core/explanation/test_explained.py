import csv
import io
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.explanation import (
    EXPLANATION_COLUMNS,
    Explainer,
    MapState,
    Measurement,
    Method,
    table_csv,
)
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.explanation.listing import ORDERS, listed
from core.patches import open_source
from core.scoring import Classifier
from tests.toys import write_patches


@pytest.fixture
def collection(tmp_path: Path) -> PatchCollection:
    """Six noise patches."""
    write_patches(tmp_path / "noise", 6)
    return PatchCollection("key", "noise", open_source(tmp_path / "noise"), tuple(range(6)))


def test_tests_are_kept_beside_the_map(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    known = ExplainedPatches(Explainer(toy_classifier), collection)
    known.measure(collection.positions, Measurement())
    assert known.untested(collection.positions) == list(collection.positions)
    first = collection.positions[0]
    known.measure([first], known.tests())
    known.measure([first], Measurement())
    row = known.row(first)
    assert row is not None
    assert row.reliance is not None
    assert row.twins is not None
    assert known.untested([first]) == []


def test_the_tests_of_a_known_map_do_not_make_it_again(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    first = collection.positions[0]
    at_once, in_steps = (
        ExplainedPatches(Explainer(toy_classifier, method=Method.REPLACEMENT), collection)
        for _ in range(2)
    )
    at_once.measure([first], at_once.tests())
    in_steps.measure([first], Measurement())
    map_alone = in_steps.row(first)
    in_steps.measure([first], in_steps.tests())
    one, other = at_once.row(first), in_steps.row(first)
    assert one is not None
    assert other is not None
    assert map_alone is not None
    assert other.explanation is map_alone.explanation
    assert one.reliance is not None
    assert other.reliance is not None
    assert other.reliance.score == pytest.approx(one.reliance.score, abs=1e-5)
    assert one.views is not None
    assert other.views is not None
    np.testing.assert_allclose(other.views.prob_tumour, one.views.prob_tumour, atol=1e-6)


def test_a_patch_that_was_prepared_needs_no_measuring(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    known = ExplainedPatches(Explainer(toy_classifier, method=Method.REPLACEMENT), collection)
    first = collection.positions[0]
    known.prepare([first], known.tests())
    for _ in range(600):
        if known.row(first) is not None:
            break
        time.sleep(0.05)
    row = known.row(first)
    assert row is not None
    assert known.untested([first]) == []


def test_a_list_has_scores_of_all_and_maps_of_those_made(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    scores = toy_classifier.score(list(collection.source.stream()))
    scored = replace(collection, scored_by=toy_classifier.model_id, scores=dict(enumerate(scores)))
    known = ExplainedPatches(Explainer(toy_classifier, method=Method.REPLACEMENT), scored)
    first = collection.positions[0]
    known.measure([first], Measurement())
    rows = known.listed(collection.positions)
    assert set(rows) == set(collection.positions)
    for at, row in rows.items():
        method = None if row.explanation is None else row.explanation.cam.method
        assert method == (Method.REPLACEMENT if at == first else None)
        assert row.score == scores[at]
    order = ORDERS["Most evidence in the centre"]
    assert order.text(rows[collection.positions[1]]) == "not measured"


def test_scores_of_another_model_are_not_listed(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    scores = toy_classifier.score(list(collection.source.stream()))
    foreign = replace(collection, scored_by="another", scores=dict(enumerate(scores)))
    known = ExplainedPatches(Explainer(toy_classifier), foreign)
    assert known.listed(collection.positions) == {}


def test_every_map_is_put_to_its_check(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    known = ExplainedPatches(Explainer(toy_classifier), collection)
    known.measure(collection.positions, Measurement())
    assert known.untested_maps(collection.positions) == list(collection.positions)
    known.measure(collection.positions, Measurement(twins=known.twins))
    assert known.untested_maps(collection.positions) == []
    for row in known.rows(collection.positions).values():
        assert row.twins is not None
        assert row.map_state is not MapState.UNTESTED


def test_lists_are_sorted_by_the_measure_and_unknown_ones_come_last(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    known = ExplainedPatches(Explainer(toy_classifier), collection)
    known.measure(collection.positions, Measurement())
    known.measure(collection.positions[:3], known.tests())
    rows = known.rows(collection.positions)
    for order in ORDERS.values():
        measures = [order.get(rows[at]) for at in listed(rows, [], order)]
        values = [value for value in measures if value is not None]
        assert values == sorted(values, reverse=not order.lowest_first)
        assert measures[: len(values)] == values
    weak = listed(rows, ["Weak evidence"], ORDERS["Weakest evidence"])
    factors = {at: row.explanation.odds_factor for at, row in rows.items() if row.explanation}
    assert set(weak) == {at for at, factor in factors.items() if factor and factor < 2}


def test_the_table_has_the_columns_of_the_command_and_a_score_in_each_row(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    known = ExplainedPatches(Explainer(toy_classifier), collection)
    known.measure(collection.positions, Measurement())
    rows = known.rows(collection.positions)
    table = list(csv.DictReader(io.StringIO(table_csv(list(rows.values())).decode())))
    assert tuple(table[0]) == EXPLANATION_COLUMNS
    for line, position in zip(table, rows, strict=True):
        image = collection.image(position)
        assert image is not None
        logit = toy_classifier.engine.logits(image[None])[0]
        score = toy_classifier.probability(np.array([logit], np.float32))[0]
        assert float(line["prob_tumour"]) == pytest.approx(float(score), abs=1e-5)
