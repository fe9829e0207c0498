"""The rules that choose a threshold: one is pressed, and its numbers stand beside it."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from app import resources
from app.screens.threshold import words
from app.state import tuning, widgets
from core.errors import NodelensError
from core.thresholds import Assumptions, GreyZoneTargets, ThresholdStudy, rule_of

_PRESSED: Final = "threshold-rule"
_ASKED: Final = "threshold-asked"
_PROBLEM: Final = "threshold-problem"


@dataclass(frozen=True)
class RuleButton:
    """A rule that can be pressed.

    Attributes:
        name: On the button.
        before: What stands before each of its numbers, which are shares in per cent.
        after: What stands behind the last, or in their place.
        start: Its text before anybody changed a number; see `core.thresholds.rule_of`.
    """

    name: str
    before: tuple[str, ...]
    after: str
    start: str

    @property
    def on_slides(self) -> bool:
        """Whether it can be asked to hold on other slides too."""
        return self.start.endswith(":estimate")


_WAYS: Final = {
    start.split(":")[0]: RuleButton(name, before, after, start)
    for start, name, before, after in words.RULES
}


def rules(study: ThresholdStudy, assumptions: Assumptions) -> None:
    """Draw the rules; a press chooses a threshold on the scores of the page."""
    problem = str(widgets.chosen(_PROBLEM, ""))
    rule = str(widgets.chosen(_ASKED, "")) if problem else tuning.current().rule
    kind = rule.split(":")[0]
    widgets.choose(_PRESSED, kind if kind in _WAYS else None)
    st.pills(
        "Choose the threshold by a rule",
        list(_WAYS),
        format_func=lambda name: _WAYS[name].name,
        key=_PRESSED,
        on_change=_press,
        args=(study, assumptions),
        label_visibility="collapsed",
        wrap=True,
    )
    if kind in _WAYS:
        _numbers(rule, study, assumptions)
    if problem:
        st.info(problem, icon=":material/info:")


def forget_problem() -> None:
    """Forget that a rule could not be met, because something else is tried."""
    widgets.choose(_PROBLEM, "")


def _numbers(rule: str, study: ThresholdStudy, assumptions: Assumptions) -> None:
    kind, *given = rule.split(":")
    way = _WAYS[kind]
    keys = [f"{_PRESSED}-{kind}-{place}" for place in range(len(way.before))]
    by = f"{_PRESSED}-{kind}-by"

    def changed() -> None:
        shares = [f"{float(str(widgets.chosen(key))) / 100:.6g}" for key in keys]
        ending = [] if not way.on_slides else ["slides" if widgets.chosen(by) else "estimate"]
        _apply(":".join([kind, *shares, *ending]), study, assumptions)

    with st.container(
        horizontal=True, gap="small", vertical_alignment="center", key="nl-rule-numbers"
    ):
        for key, text, share in zip(keys, way.before, given, strict=False):
            st.html(f"<span>{text}</span>", width="content")
            widgets.choose(key, round(100 * float(share), 4))
            st.number_input(
                text,
                min_value=0.1,
                max_value=99.9,
                step=1.0,
                format="%.4g",
                width=118,
                key=key,
                on_change=changed,
                label_visibility="collapsed",
            )
        st.html(f"<span>{way.after}</span>", width="content")
        if way.on_slides and study.bootstrap is not None:
            widgets.choose(by, given[-1] == "slides")
            st.checkbox(words.ON_SLIDES, key=by, on_change=changed, help=words.ON_SLIDES_HELP)


def _press(study: ThresholdStudy, assumptions: Assumptions) -> None:
    kind = widgets.chosen(_PRESSED)
    forget_problem()
    if kind is None:  # pressed again
        grey = tuning.current().rule.startswith("grey")
        tuning.change(rule="", **({"lower": None} if grey else {}))
        return
    text = widgets.chosen(f"{_ASKED}-{kind}", _WAYS[str(kind)].start)
    _apply(str(text), study, assumptions)


def _apply(text: str, study: ThresholdStudy, assumptions: Assumptions) -> None:
    widgets.choose(_ASKED, text)
    widgets.choose(f"{_ASKED}-{text.split(':', maxsplit=1)[0]}", text)
    try:
        choice = study.choose(rule_of(text, assumptions))
    except NodelensError as error:
        widgets.choose(_PROBLEM, str(error))
        return
    forget_problem()
    tuning.change(threshold=choice.threshold, lower=choice.lower, rule=text)
    tuning.share()


def stability_words(study: ThresholdStudy, assumptions: Assumptions) -> str:
    """Return how far the pressed rule's threshold moves with other slides."""
    text = tuning.current().rule
    if not text or text.startswith("fixed"):
        return words.STABILITY_OF_RULES
    if study.bootstrap is None:
        return words.TOO_FEW_SLIDES
    try:
        rule = rule_of(text, assumptions)
        if isinstance(rule, GreyZoneTargets):
            return words.NO_STABILITY_GREY
        stable = resources.stability(study, rule)
    except NodelensError as error:
        return str(error)
    if stable is None or not stable.threshold.has_interval:
        return words.TOO_FEW_SLIDES
    slide, without = stable.most_influential
    return words.STABILITY.format(
        low=f"{stable.threshold.low:.4f} and {stable.threshold.high:.4f}",
        draws=len(stable.replicates),
        slide=slide,
        without=without,
    )
