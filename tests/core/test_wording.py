import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.review import Verdict
from core.scoring.results import Outcome
from core.wording import (
    SIGNS,
    agreeing,
    call_of,
    call_text,
    interval_text,
    label_text,
    number,
    percent,
    percent_interval,
    score_text,
)


def test_every_outcome_and_verdict_has_a_sign_and_tumour_alone_has_the_full_triangle() -> None:
    assert {str(one) for one in [*Outcome, *Verdict]} <= set(SIGNS)
    assert [call for call, sign in SIGNS.items() if sign == "▲"] == ["tumour"]
    assert call_text(Outcome.TUMOUR) == "▲ tumour"


def test_a_label_and_a_call_are_written_alike_and_nothing_known_is_said() -> None:
    assert label_text(1) == call_text(call_of(1))
    assert label_text(0) == call_text(call_of(0))
    assert label_text(None) == label_text(math.nan) == "? unknown"
    assert call_of(None) == "grey zone"


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.0, 1, "0.0 %"),
        (0.0004, 1, "< 0.1 %"),
        (0.004, 0, "< 1 %"),
        (0.5, 0, "50 %"),
        (0.9537, 1, "95.4 %"),
        (0.99951, 1, "> 99.9 %"),
        (0.996, 0, "> 99 %"),
        (1.0, 0, "100 %"),
        (math.nan, 1, "–"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(share: float, digits: int, text: str) -> None:
    assert percent(share, digits).replace("\u00a0", " ") == text


def test_a_sentence_agrees_with_its_count() -> None:
    text = "of 60 [patch|patches] [is|are] new"
    assert agreeing(text, 1) == "of 60 patch is new"
    assert agreeing(text, 0) == agreeing(text, 2) == "of 60 patches are new"


@given(st.floats(0, 1))
def test_only_zero_and_one_are_written_as_zero_and_one(score: float) -> None:
    assert (score_text(score) in {"0.000", "1.000"}) == (score in {0, 1})


def test_an_interval_is_written_from_low_to_high_and_a_minus_sign_is_one() -> None:
    assert interval_text(0.91, 0.994, 2) == "0.91 to 0.99"
    assert interval_text(-0.1, math.inf, 1) == "−0.1 to ∞"
    assert interval_text(math.nan, math.nan) == "–"
    assert percent_interval(0.299, 0.999).replace("\u00a0", " ") == "29.9 to 99.9 %"
    assert number(-0.0004, 2) == "0.00"
    assert number(0.31, 2, signed=True) == "+0.31"
