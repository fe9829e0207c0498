from dataclasses import replace

import numpy as np
import pytest

from core.explanation import Explainer, ExplanationRow, TwinTest
from core.explanation.reliance import Decisive
from core.explanation.words import (
    MapLies,
    badge_text,
    line_of,
    map_lies,
    plain_line,
    twins_text,
)
from core.scoring import Classifier, Outcome
from tests.core.explanation.conftest import patch_of
from tests.toys import noise_patches

IMAGE = noise_patches(1)[0]


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (
            (Outcome.TUMOUR, 0.94, Decisive.RING, MapLies.AROUND),
            "Called tumour, score 0.940. Replacing tissue shows that the call rests on the "
            "surroundings: read this patch yourself.",
        ),
        (
            (Outcome.TUMOUR, 0.9991, Decisive.CENTRE, MapLies.AROUND),
            "Called tumour, score 0.999. Replacing tissue shows that the call rests on the "
            "centre. The map, a separate measurement, disagrees: it lies mostly around the centre.",
        ),
        (
            (Outcome.TUMOUR, 0.7, Decisive.TOGETHER, MapLies.CENTRE),
            "Called tumour, score 0.700. Replacing tissue shows that the call rests on both "
            "centre and surroundings.",
        ),
        (
            (Outcome.TUMOUR, 0.7, Decisive.EITHER, MapLies.CENTRE),
            "Called tumour, score 0.700. Replacing tissue shows that either the centre or "
            "the surroundings alone keeps the call.",
        ),
        (
            (Outcome.TUMOUR, 0.6, None, MapLies.AROUND),
            "Called tumour, score 0.600. The map lies mostly around the centre: "
            "read this patch yourself.",
        ),
        (
            (Outcome.NO_TUMOUR, 0.001, None, MapLies.NOWHERE),
            "Called no tumour, score 0.001. Nothing in the patch is clear evidence for tumour.",
        ),
        (
            (Outcome.GREY_ZONE, 0.3, Decisive.CENTRE, None),
            "No call, score 0.300. Between the two thresholds: read this patch yourself.",
        ),
        ((Outcome.TUMOUR, 0.5, None, None), "Called tumour, score 0.500."),
    ],
)
def test_one_line_says_the_call_what_it_rests_on_and_what_to_do(
    what: tuple[Outcome, float, Decisive | None, MapLies | None], line: str
) -> None:
    assert line_of(*what) == line


@pytest.fixture
def row(toy_classifier: Classifier) -> ExplanationRow:
    (score,) = toy_classifier.score([patch_of(0, IMAGE)])
    return ExplanationRow(score, Explainer(toy_classifier).explain(IMAGE[None])[0])


def test_a_map_lies_where_more_than_half_of_it_does(
    row: ExplanationRow,
) -> None:
    assert row.explanation is not None
    explanation = replace(row.explanation, odds_factor=10.0)
    for share, lies in ((0.51, MapLies.CENTRE), (0.49, MapLies.AROUND), (None, MapLies.NOWHERE)):
        centre = replace(explanation.centre, share=share)
        assert map_lies(replace(row, explanation=replace(explanation, centre=centre))) is lies
    weak = replace(row, explanation=replace(explanation, odds_factor=1.1))
    assert map_lies(weak) is MapLies.NOWHERE


def test_an_input_without_a_score_has_nothing_to_explain(row: ExplanationRow) -> None:
    withheld = replace(row, explanation=None, score=replace(row.score, prob_tumour=None))
    assert badge_text(withheld) == ""
    assert plain_line(withheld) == "No score, so there is nothing to explain."


def test_the_badge_counts_the_control_networks_that_explain_as_well() -> None:
    twins = tuple(np.linspace(0.05, 0.95, 19).tolist())  # 0.05, 0.10, … 0.95
    for faith, text in (
        (0.99, "Passed its check: better than 19 of 19 control networks"),
        (0.875, "Did not pass its check: 2 of 19 control networks explain as well"),
        (0.125, "Not better than chance: 17 of 19 control networks explain as well"),
        (-0.2, "Did not pass its check: blurring what it marks does not lower the score"),
    ):
        test = TwinTest(faith, twins, 1.0)
        assert twins_text(test) == text
        assert test.reliable == text.startswith("Passed")
    assert twins_text(TwinTest(0.99, twins, 0.0)).endswith("no single place changes the score")
