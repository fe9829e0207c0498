"""Step 4: a local operating point, or not to use the model here; recorded, with its two pages."""

from functools import partial

import streamlit as st

from app import resources
from app.screens.here import words
from app.screens.shared.model import decision_text
from app.screens.shared.parts import Stat, download, empty, plain, section, show_problem, stat_strip
from app.screens.shared.who import name_field, require_lead
from app.screens.shared.words import NAME_NEEDED
from app.state import widgets
from core.bundle import Card
from core.errors import NodelensError
from core.local import Findings, do_not_use, point_at, use_here
from core.local.decision import MOST_REASON_CHARS
from core.report import local_pdf
from core.settings import Settings
from core.thresholds import (
    FixedThreshold,
    Rule,
    SensitivityAtLeast,
    Snapshot,
    ThresholdStudy,
    YoudenIndex,
)
from core.wording import percent, percent_interval

_NAME_CHARS = 200


def decide(study: ThresholdStudy, findings: Findings, card: Card, settings: Settings) -> None:
    """Draw the choice, what it would do here, and the button that records it."""
    section(words.STEPS[3])
    use = st.radio(
        "Decision",
        list(words.CHOICES),
        index=None,  # the reader decides, not the page
        format_func=lambda choice: words.CHOICES[choice],
        horizontal=True,
        key=widgets.fresh_key("here-use"),
        label_visibility="collapsed",
    )
    if use is None:
        return
    rule: Rule | None = None
    share, in_use = 0.0, False
    if use:
        rule, share = _rule(card)
        try:
            _, snapshot = point_at(study, rule, card, prevalence=share)
        except NodelensError as error:
            show_problem(error)
            return
        _point(snapshot, chosen_here=not isinstance(rule, FixedThreshold))
    reason = st.text_input(words.REASON, max_chars=MOST_REASON_CHARS, key="here-reason")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = name_field(words.NAME, "here-name", max_chars=_NAME_CHARS, width=320)
        if use:
            in_use = st.checkbox(words.IN_USE, value=True, key="here-in-use")
        pressed = st.button(
            words.RECORD if use else words.RECORD_NOT,
            type="primary",
            icon=":material/lock:" if use else ":material/do_not_disturb_on:",
            key="here-record",
        )
    if not pressed:
        return
    decisions = resources.local_decisions(settings)
    try:
        if not name:
            raise NodelensError(NAME_NEEDED)
        require_lead(name)
        if rule is None:
            kept = do_not_use(findings, by=name, reason=reason, decisions=decisions)
        else:
            kept = use_here(
                study,
                findings,
                card,
                rule,
                prevalence=share,
                by=name,
                reason=reason,
                in_use=in_use,
                points=resources.operating_points(settings),
                decisions=decisions,
            )
    except NodelensError as error:
        show_problem(error)
        return
    widgets.notify(words.RECORDED.format(number=kept.number))
    widgets.renew("here-use")  # a second press would record the same once more
    st.rerun()


def _rule(card: Card) -> tuple[Rule, float]:
    """Draw the choice of a rule and the assumed prevalence, and return both."""
    ways, target_part, share_part = st.columns([2, 1, 1], vertical_alignment="bottom")
    with ways:
        way = st.segmented_control(
            "Threshold",
            list(words.RULES),
            format_func=lambda choice: words.RULES[choice],
            default="shipped",
            required=True,
            wrap=True,
            key="here-rule",
            help=words.RULE_HELP,
        )
    with share_part:
        share = st.number_input(
            words.PREVALENCE,
            min_value=0.1,
            max_value=99.9,
            value=5.0,
            step=1.0,
            key="here-prevalence",
            help=words.PREVALENCE_HELP,
        )
    if way == "youden":
        return YoudenIndex(), share / 100
    if way == "sensitivity":
        with target_part:
            target = st.number_input(
                "At least, %", min_value=50.0, max_value=100.0, value=95.0, step=1.0, key="here-at"
            )
        return SensitivityAtLeast(round(target / 100, 6)), share / 100
    return FixedThreshold(card.operating_point.threshold), share / 100


def _point(snapshot: Snapshot, *, chosen_here: bool) -> None:
    """Draw what a threshold does on these patches, and among a thousand in use."""
    stats = [Stat("Threshold", f"{snapshot.threshold:.4f}")]
    for label, rate in (
        ("Sensitivity", snapshot.metrics["sensitivity"]),
        ("Specificity", snapshot.metrics["specificity"]),
    ):
        interval = percent_interval(rate.low, rate.high)
        stats.append(Stat(label, percent(rate.value), f"95 % interval {interval}"))
    stat_strip(stats)
    thousand = snapshot.per_thousand
    sentence = words.THOUSAND.format(
        called=thousand.tp + thousand.fp, tp=thousand.tp, missed=thousand.fn
    )
    st.caption(f"{sentence} {words.OPTIMISTIC}" if chosen_here else sentence)


def decided(card: Card, settings: Settings) -> None:
    """Draw the decisions about the model, newest first, each with its two pages."""
    store = resources.local_decisions(settings)
    section(words.DECIDED, words.DECIDED_NOTE)
    kept = store.decisions(card.weights_sha256)
    if not kept:
        empty("", words.NO_DECISION)
    for decision in reversed(kept):
        key = f"here-decision-{decision.number}"
        with st.container(horizontal=True, vertical_alignment="center", key=f"nl-{key}"):
            st.markdown(plain(f"{decision_text(decision)} ({decision.findings.batch})"))
            download(
                "Two pages, PDF",
                partial(local_pdf, decision),
                f"does-it-work-here-{decision.number}.pdf",
                key,
                mime="application/pdf",
            )
    for fault in store.faults(card.weights_sha256):
        st.warning(plain(fault), icon=":material/warning:")
