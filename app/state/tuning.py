"""What the threshold page is set to, in this visit and in the URL."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import streamlit as st

from app.state import widgets

_TUNING: Final = "tuning"
_SHARED: Final = "tuning-shared"
_URL_NAMES: Final = {
    "source": "scores",
    "place": "at",
    "threshold": "threshold",
    "lower": "lower",
    "prevalence": "prevalence",
    "miss_cost": "miss",
    "false_alarm_cost": "alarm",
    "rule": "rule",
}


@dataclass(frozen=True)
class Tuning:
    """What the threshold page is set to; it stands in the URL, so that it can be shared.

    Attributes:
        source: Which scores: "part", "run", "batch", "review" or "csv".
        place: The run's folder, the batch's or the case's id, or the beginning of the CSV's hash.
        threshold: Flag from here.
        lower: Start of a grey zone; None without one.
        prevalence: Assumed.
        miss_cost: Assumed.
        false_alarm_cost: Assumed.
        rule: Text of the rule that chose the threshold; "" if chosen by hand.
    """

    source: str = "part"
    place: str = ""
    threshold: float = 0.5
    lower: float | None = None
    prevalence: float = 0.05
    miss_cost: float = 10.0
    false_alarm_cost: float = 1.0
    rule: str = ""


def current(start: Tuning | None = None) -> Tuning:
    """Return what the threshold page is set to: in this visit, else by the URL, else `start`."""
    if _TUNING not in st.session_state:
        st.session_state[_TUNING] = _tuning_in_url(start or Tuning())
    now: Tuning = st.session_state[_TUNING]
    return now


def change(**changes: Any) -> None:  # noqa: ANN401 - the fields of Tuning
    """Change what the threshold page is set to; `share` brings it into the URL."""
    st.session_state[_TUNING] = replace(st.session_state[_TUNING], **changes)


def share() -> None:
    """Have what the threshold page is set to now brought into the URL; see `shared`."""
    values = asdict(st.session_state[_TUNING])
    st.session_state[_SHARED] = {
        short: "" if values[name] is None else str(values[name])
        for name, short in _URL_NAMES.items()
    }


def shared() -> dict[str, str]:
    """Return what the URL is to hold, by its names there; "" for what it is not to hold.

    A threshold that a hand is still moving is not in it.
    """
    values: dict[str, str] = st.session_state.get(_SHARED, {})
    return values


def _tuning_in_url(start: Tuning) -> Tuning:
    if _URL_NAMES["threshold"] not in st.query_params:
        return start
    values: dict[str, Any] = {"lower": None}
    for name, short in _URL_NAMES.items():
        text = st.query_params.get(short)
        if text is None:
            continue
        if isinstance(getattr(start, name), str):
            values[name] = text[:500]
            continue
        try:
            values[name] = float(text)
        except ValueError:
            continue
    linked = replace(start, **values)
    shares = 0 <= linked.threshold <= 1 and 0 < linked.prevalence < 1
    costs = all(0 < cost < math.inf for cost in (linked.miss_cost, linked.false_alarm_cost))
    zone = linked.lower is None or 0 <= linked.lower < linked.threshold
    if shares and costs and zone:
        return linked
    widgets.notify("The link contains a setting that cannot be used; the page shows the defaults.")
    return start
