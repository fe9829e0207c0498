import json
from pathlib import Path

import numpy as np
import pytest

from core.explanation import Explainer, ExplanationRow, Method, kept, table_csv
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.explanation.kept import KeptMeasures
from core.patches import open_source
from core.scoring import Classifier
from tests.toys import write_patches


@pytest.fixture
def collection(tmp_path: Path, toy_classifier: Classifier) -> PatchCollection:
    """Four noise patches with their scores, whose measures are kept in a file."""
    write_patches(tmp_path / "noise", 4)
    source = open_source(tmp_path / "noise")
    scores = dict(enumerate(toy_classifier.score(list(source.stream()))))
    return PatchCollection(
        "key",
        "noise",
        source,
        tuple(range(4)),
        scored_by=toy_classifier.model_id,
        scores=scores,
        kept_in=tmp_path / "explanations.jsonl",
    )


def csv_of(rows: dict[int, ExplanationRow]) -> bytes:
    return table_csv([rows[at] for at in sorted(rows)])


@pytest.mark.parametrize("method", [Method.GRAD_CAM, Method.REPLACEMENT])
def test_a_restart_shows_all_that_was_measured_without_measuring_it(
    collection: PatchCollection, toy_classifier: Classifier, method: Method
) -> None:
    explainer = Explainer(toy_classifier, method=method)
    before = ExplainedPatches(explainer, collection)
    before.measure([0, 1], before.tests())
    after = ExplainedPatches(explainer, collection)
    assert after.missing(range(4)) == [2, 3]
    assert after.untested(range(4)) == []
    assert csv_of(after.rows(range(4))) == csv_of(before.rows(range(4)))
    one, other = before.row(0), after.row(0)
    assert one is not None
    assert other is not None
    assert one.explanation is not None
    assert other.explanation is not None
    np.testing.assert_array_equal(other.explanation.cam.values, one.explanation.cam.values)
    assert other.twins == one.twins
    assert other.reliance == one.reliance


def test_another_method_or_target_begins_with_nothing(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    known = ExplainedPatches(Explainer(toy_classifier), collection)
    known.measure([0], known.tests(twins=False))
    other = ExplainedPatches(Explainer(toy_classifier, method=Method.HIRES_CAM), collection)
    assert other.rows(range(4)) == {}


def test_lines_that_are_torn_or_foreign_are_measured_anew(
    collection: PatchCollection, toy_classifier: Classifier
) -> None:
    explainer = Explainer(toy_classifier)
    known = ExplainedPatches(explainer, collection)
    known.measure([0, 1], known.tests(twins=False))
    path = collection.kept_in
    assert path is not None
    lines = path.read_text().splitlines()
    spoilt = json.loads(lines[0]) | {"measures": '{"values": 3}'}
    path.write_text(json.dumps(spoilt) + "\n" + lines[1] + "\n" + lines[1][:40])
    assert list(ExplainedPatches(explainer, collection).rows(range(4))) == [1]


def test_the_file_keeps_below_its_limit_and_loses_the_oldest(
    collection: PatchCollection, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = Explainer(toy_classifier)
    known = ExplainedPatches(explainer, collection)
    known.measure([0], known.tests(twins=False))
    path = collection.kept_in
    assert path is not None
    line = path.stat().st_size
    monkeypatch.setattr(kept, "MOST_BYTES", int(2.5 * line))
    for position in (1, 2, 3):
        known.measure([position], known.tests(twins=False))
        assert path.stat().st_size <= 2.5 * line
    held = KeptMeasures(path, explainer, None)
    rows = [held.row(collection.scores[at]) for at in range(4)]
    assert rows[0] is None
    assert rows[3] is not None


def test_a_folder_that_may_not_be_changed_gets_no_file(
    collection: PatchCollection, toy_classifier: Classifier, tmp_path: Path
) -> None:
    held = KeptMeasures(
        tmp_path / "other.jsonl", Explainer(toy_classifier), None, writable=lambda: False
    )
    known = ExplainedPatches(Explainer(toy_classifier), collection)
    known.measure([0], known.tests(twins=False))
    row = known.row(0)
    assert row is not None
    held.put(row)
    assert not (tmp_path / "other.jsonl").exists()
