"""The current model, or why there is none, and what was decided on whether it is used here."""

import streamlit as st

from app import resources
from app.screens.shared import words
from app.screens.shared.parts import attempt, plain
from app.state import widgets
from core.bundle import Card
from core.local import LocalDecision
from core.scoring import Classifier
from core.settings import Settings


def settings_or_stop() -> Settings:
    """Return what the operator decided, or say what is wrong with it and end the page."""
    settings = attempt(resources.settings)
    if settings is None:
        st.stop()
    return settings


def classifier_or_problem(settings: Settings) -> Classifier | None:
    """Return the current model, or say why nothing can be scored."""
    classifier = attempt(resources.classifier, settings)
    if classifier is None:
        st.info(words.NO_MODEL, icon=":material/info:")
    return classifier


def decision_text(decision: LocalDecision) -> str:
    """Return what was decided, by whom and when."""
    verdict = words.NOT_USED_HERE
    if decision.point is not None:
        verdict = words.USED_HERE.format(
            version=decision.version, threshold=decision.point.threshold
        )
    when = widgets.local_time(decision.decided_at)
    return f"{when} · {decision.decided_by}: {verdict}"


def latest_decision(settings: Settings, card: Card) -> None:
    """Draw the latest decision about a model, loudly if it is not to be used; nothing without."""
    decisions = resources.local_decisions(settings).decisions(card.weights_sha256)
    if not decisions:
        return
    text = plain(words.LATEST_DECISION.format(decision=decision_text(decisions[-1])))
    if decisions[-1].use:
        st.caption(text)
    else:
        st.warning(text, icon=":material/do_not_disturb_on:")
