from dataclasses import replace

import pytest

from core.bundle import OperatingPoint
from core.errors import SourceError
from core.scoring import AppliedPoint, labelled
from core.tables import labels_in, parse_table
from tests.core.scoring.test_results import FAILED, scored

POINT = OperatingPoint(
    version="v2", threshold=0.8, lower_threshold=0.3, rule="by hand", chosen_on="toys"
)
APPLIED = AppliedPoint(POINT, "m", 1.5)
ROWS = [replace(scored(score), temperature=1.5) for score in (0.9, 0.8, 0.5, 0.3, 0.1)]


def test_calls_follow_the_point_and_scores_stay() -> None:
    called = list(APPLIED.call([*ROWS, FAILED]))
    assert [row.predicted_label for row in called] == [1, 1, None, None, 0, None]
    assert [row.prob_tumour for row in called] == [*(row.prob_tumour for row in ROWS), None]
    assert {row.operating_point for row in called} == {"locked v2"}
    assert "grey zone" in called[2].reason
    assert called[-1].reason == FAILED.reason


def test_scores_of_another_model_or_temperature_keep_their_calls() -> None:
    strange = [replace(ROWS[2], model_id="other"), replace(ROWS[2], temperature=1.0)]
    assert list(APPLIED.call(strange)) == strange
    assert APPLIED.fits([*ROWS, FAILED])
    assert not APPLIED.fits([*ROWS, strange[0]])


@pytest.mark.parametrize(
    "text",
    [
        "id,label\na/z.png,1\ny.png,0\n",
        "\ufeffid;label\r\na/z;tumor\r\ny;Normal\r\n",
        "ID\tLabel\nz.tif\tyes\ny\tno\n",
    ],
)
def test_every_dialect_of_a_table_gives_the_same_labels(text: str) -> None:
    known = labels_in(parse_table("labels.csv", text.encode()))
    rows = [replace(scored(0.9, f"a/{name}.png"), id=name) for name in ("z", "y", "x")]
    assert [row.label for row in labelled(rows, known)] == [1, 0, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,score\na,1\n", "expected also 'label'"),
        ("id,label\na,maybe\n", "'maybe'"),
        ("id,label\na,1\na,0\n", "more than one label"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        labels_in(parse_table("labels.csv", text.encode()))
