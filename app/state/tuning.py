"""What the threshold page is set to, in this visit and in the URL."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import streamlit as st

from app.state import widgets

_TUNING: Final = "tuning"
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
        source: Which scores: "part", "all", "run" or "csv".
        place: The run's folder, or the beginning of the CSV's hash.
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
    found: Tuning = st.session_state[_TUNING]
    return found


def change(**changes: Any) -> None:  # noqa: ANN401 - the fields of Tuning
    """Change what the threshold page is set to; `share` brings it into the URL."""
    st.session_state[_TUNING] = replace(st.session_state[_TUNING], **changes)


def share() -> None:
    """Write what the threshold page is set to into the URL."""
    found: Tuning = st.session_state[_TUNING]
    told = {
        _URL_NAMES[name]: str(value)
        for name, value in asdict(found).items()
        if value not in {"", None}
    }
    if {name: st.query_params.get(name) for name in told} == told and not (
        set(_URL_NAMES.values()) - set(told)
    ) & set(st.query_params):
        return
    for name in _URL_NAMES.values():
        if name not in told:
            st.query_params.pop(name, None)
    st.query_params.update(told)


def _tuning_in_url(start: Tuning) -> Tuning:
    if _URL_NAMES["threshold"] not in st.query_params:
        return start
    told: dict[str, Any] = {"lower": None}
    for name, short in _URL_NAMES.items():
        text = st.query_params.get(short)
        if text is None:
            continue
        if isinstance(getattr(start, name), str):
            told[name] = text[:500]
            continue
        try:
            told[name] = float(text)
        except ValueError:
            continue
    found = replace(start, **told)
    shares = 0 <= found.threshold <= 1 and 0 < found.prevalence < 1
    costs = 0 < found.miss_cost < float("inf") and 0 < found.false_alarm_cost < float("inf")
    zone = found.lower is None or 0 <= found.lower < found.threshold
    if shares and costs and zone:
        return found
    widgets.say("The link holds a setting that cannot be used; the page starts anew.")
    return start
