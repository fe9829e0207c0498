"""The setting of the threshold page goes into the URL and comes back, unless it is wrong."""

from dataclasses import replace

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as st_h

from app.state import tuning, widgets
from app.state.tuning import Tuning

START = Tuning(threshold=0.4)


class Query(dict[str, str]):
    """The part of a URL behind the question mark."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Query:
    """A visit that has just begun, with nothing in its URL."""
    query = Query()
    monkeypatch.setattr(st, "query_params", query)
    monkeypatch.setattr(st, "session_state", {})
    return query


shares = st_h.floats(0.001, 0.999)


settings = st_h.builds(
    Tuning,
    source=st_h.sampled_from(["part", "run", "batch", "review", "csv"]),
    place=st_h.sampled_from(["", "abc123", "runs/one"]),
    threshold=shares,
    lower=st_h.none(),
    prevalence=shares,
    miss_cost=st_h.floats(0.01, 1e6),
    false_alarm_cost=st_h.floats(0.01, 1e6),
    rule=st_h.sampled_from(["", "youden", "sensitivity:0.95:slides"]),
)


@given(settings, st_h.none() | st_h.floats(0, 0.9))
def test_whatever_is_shared_comes_back_as_it_was(setting: Tuning, grey: float | None) -> None:
    shared = replace(setting, lower=None if grey is None else grey * setting.threshold)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(st, "query_params", Query())
        patched.setattr(st, "session_state", {})
        tuning.current(START)
        tuning.change(**vars(shared))
        tuning.share()
        st.query_params.update({name: text for name, text in tuning.shared().items() if text})
        st.session_state.clear()  # another browser opens the link
        assert tuning.current(START) == shared


def test_a_link_without_a_threshold_says_nothing(url: Query) -> None:
    url["prevalence"] = "0.5"
    assert tuning.current(START) == START


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", "1.5"),
        ("threshold", "nan"),
        ("lower", "0.7"),
        ("prevalence", "0"),
        ("prevalence", "1"),
        ("miss", "-1"),
        ("alarm", "inf"),
    ],
)
def test_a_link_that_cannot_be_used_is_named_and_the_page_starts_anew(
    url: Query, name: str, value: str
) -> None:
    url |= {"threshold": "0.6", name: value}
    assert tuning.current(START) == START
    assert "cannot be used" in (widgets.pop_notice() or "")


def test_a_setting_that_is_no_number_is_left_out(url: Query) -> None:
    url |= {"threshold": "0.6", "miss": "<script>"}
    assert tuning.current(START) == replace(START, threshold=0.6)


def test_what_is_given_up_leaves_the_url(url: Query) -> None:
    tuning.current(START)
    tuning.change(lower=0.1, rule="youden")
    tuning.share()
    assert (tuning.shared()["lower"], tuning.shared()["rule"]) == ("0.1", "youden")
    tuning.change(lower=None, rule="")
    assert tuning.shared()["rule"] == "youden"  # a hand may still be moving
    tuning.share()
    assert (tuning.shared()["lower"], tuning.shared()["rule"]) == ("", "")
