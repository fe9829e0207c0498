"""The rules as buttons: each sets the threshold and says how it did."""

from typing import Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

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
        for text, name, why in (
            ("fixed:0.5", "0.5", "Chosen on no data"),
            ("youden", "Youden", "Largest sensitivity + specificity"),
            ("f1", "Best F1", "Depends on the prevalence of this set"),
            ("cost", "Least cost", "At the costs and the prevalence stated above"),
        ):
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
            help="The lower bound of the 95 % interval over slides is a promise about new slides; "
            "the estimate is not.",
        )
    with _row("nl-goals"):
        with _row("nl-goal-sensitivity", width="content"):
            sensitivity = _percent("Sensitivity ≥ %", "threshold-sensitivity", 95.0)
            _button(
                f"sensitivity:{sensitivity:g}:{by}", "Set", "Spares specificity", study, assumptions
            )
        with _row("nl-goal-specificity", width="content"):
            specificity = _percent("Specificity ≥ %", "threshold-specificity", 95.0)
            _button(
                f"specificity:{specificity:g}:{by}", "Set", "Spares sensitivity", study, assumptions
            )
        with _row("nl-goal-top", width="content"):
            top = _percent("Flag the top %", "threshold-top", 10.0)
            _button(f"top:{top:g}", "Set", "A fixed workload", study, assumptions)
    with _row("nl-grey"):
        miss = _percent("Grey: miss ≤ %", "threshold-grey-miss", 2.0)
        alarm = _percent("false alarms ≤ %", "threshold-grey-alarm", 2.0)
        _button(
            f"grey:{miss:g}:{alarm:g}:{by}",
            "Set",
            "Two thresholds; a person decides between them",
            study,
            assumptions,
        )
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
    if not st.toggle("How steady is this choice?", key="threshold-steady"):
        return
    try:
        wanted = rule_of(now.rule, assumptions)
        if isinstance(wanted, GreyZoneTargets):
            st.caption("Not computed for a grey zone.")
            return
        with st.spinner("Choosing again on 2,000 draws of the slides …"):
            found = study.stability(wanted)
    except NodelensError as error:
        st.caption(str(error))
        return
    if found is None or not found.threshold.has_interval:
        st.caption("Too few slides to tell.")
        return
    slide, without = found.most_influential
    st.caption(
        f"On other slides the same rule would choose between {found.threshold.low:.3f} and "
        f"{found.threshold.high:.3f} (95 % of {len(found.replicates):,} slide-bootstrap draws). "
        f"Without slide {slide}, which matters most, it would choose {without:.3f}."
    )


def _row(key: str, *, width: Literal["stretch", "content"] = "stretch") -> DeltaGenerator:
    """Return a row; of the content's width, a narrow page does not part what is in it."""
    return st.container(
        horizontal=True, gap="small", vertical_alignment="bottom", width=width, key=key
    )


def _percent(label: str, key: str, default: float) -> float:
    if widgets.chosen(key) is None:
        widgets.choose(key, default)
    found = st.number_input(
        label,
        min_value=0.1,
        max_value=99.9,
        step=1.0,
        format="%.4g",
        width=128,
        key=key,
        persist_state="session",
    )
    return round(found / 100, 6)


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
        widgets.say(str(error))
        return
    tuning.change(threshold=choice.threshold, lower=choice.lower, rule=text)
