"""The rules as buttons: each sets the threshold and says how it chose."""

from typing import Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.screens.threshold import words
from app.state import tuning, widgets
from core.errors import NodelensError
from core.thresholds import Assumptions, GreyZoneTargets, ThresholdStudy, rule_of
from core.thresholds.rules import By

_BYS: Final[dict[By, str]] = {
    "estimate": "the estimate",
    "slides": "the lower bound",
}


def rules(study: ThresholdStudy, assumptions: Assumptions) -> None:
    """Draw the rules; a click chooses a threshold on the scores of the page."""
    with _row("nl-rules"):
        for text, name, why in words.RULES:
            _button(text, name, why, study, assumptions)
        by_slides = study.bootstrap is not None
        by = st.segmented_control(
            "A target must be met by",
            list(_BYS) if by_slides else ["estimate"],
            format_func=lambda by: _BYS[by],
            default="estimate",
            required=True,
            key="threshold-by",
            persist_state="session",
            help=words.BY_HELP,
        )
    with _row("nl-goals"):
        for metric, other in (("sensitivity", "specificity"), ("specificity", "sensitivity")):
            with _row(f"nl-goal-{metric}", width="content"):
                goal = _percent(f"{metric.capitalize()} ≥ %", f"threshold-{metric}", 95.0)
                why = f"The highest {other} that meets this target"
                _button(f"{metric}:{goal:g}:{by}", "Set", why, study, assumptions)
        with _row("nl-goal-top", width="content"):
            top = _percent("Flag the top %", "threshold-top", 10.0)
            _button(f"top:{top:g}", "Set", "A fixed workload", study, assumptions)
    with _row("nl-grey"):
        miss = _percent("Grey: missed ≤ %", "threshold-grey-miss", 2.0)
        alarm = _percent("false alarms ≤ %", "threshold-grey-alarm", 2.0)
        why = "Two thresholds; a reader decides on the patches between them"
        _button(f"grey:{miss:g}:{alarm:g}:{by}", "Set", why, study, assumptions)
        st.button(
            "No grey zone",
            key="rule-no-grey",
            on_click=lambda: tuning.change(lower=None, rule=""),
            disabled=tuning.current().lower is None,
        )


def stability(study: ThresholdStudy, assumptions: Assumptions) -> None:
    """Draw how far the rule's threshold moves with other slides, if a reader asks."""
    now = tuning.current()
    if not now.rule or now.rule.startswith("fixed") or study.bootstrap is None:
        return
    if not st.toggle("How stable is this choice?", key="threshold-steady"):
        return
    try:
        rule = rule_of(now.rule, assumptions)
        if isinstance(rule, GreyZoneTargets):
            st.caption(words.NO_STABILITY_GREY)
            return
        with st.spinner("Choosing again on 2,000 draws of the slides …"):
            stable = study.stability(rule)
    except NodelensError as error:
        st.caption(str(error))
        return
    if stable is None or not stable.threshold.has_interval:
        st.caption(words.TOO_FEW_SLIDES)
        return
    slide, without = stable.most_influential
    st.caption(
        words.STABILITY.format(
            low=f"{stable.threshold.low:.3f} and {stable.threshold.high:.3f}",
            draws=len(stable.replicates),
            slide=slide,
            without=without,
        )
    )


def _row(key: str, *, width: Literal["stretch", "content"] = "stretch") -> DeltaGenerator:
    """Return a row; of the content's width, a narrow page does not part what is in it."""
    return st.container(
        horizontal=True, gap="small", vertical_alignment="bottom", width=width, key=key
    )


def _percent(label: str, key: str, default: float) -> float:
    widgets.start(key, default)
    share = st.number_input(
        label,
        min_value=0.1,
        max_value=99.9,
        step=1.0,
        format="%.4g",
        width=128,
        key=key,
        persist_state="session",
    )
    return round(share / 100, 6)


def _button(
    text: str, name: str, why: str, study: ThresholdStudy, assumptions: Assumptions
) -> None:
    kind = text.split(":", maxsplit=1)[0]
    st.button(
        name,
        key=f"rule-{kind}",
        help=why,
        on_click=_apply,
        args=(text, study, assumptions),
    )


def _apply(text: str, study: ThresholdStudy, assumptions: Assumptions) -> None:
    try:
        choice = study.choose(rule_of(text, assumptions))
    except NodelensError as error:
        widgets.notify(str(error))
        return
    tuning.change(threshold=choice.threshold, lower=choice.lower, rule=text)
