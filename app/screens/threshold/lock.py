"""Locking a threshold, the versions that were locked, and test sets that open only after that."""

import hashlib
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st
from markupsafe import Markup

from app import resources
from app.screens.shared import who
from app.screens.shared.downloads import download
from app.screens.shared.parts import Stat, empty, plain, show_problem, stat_strip
from app.screens.shared.who import require_lead
from app.screens.shared.words import NAME_NEEDED
from app.screens.threshold import numbers, words
from app.screens.threshold.scene import Scene
from app.screens.threshold.sources import csv_study, kept_csv, known_to_model
from app.state import identity, tuning, widgets
from core.bundle import SHIPPED, same_model
from core.errors import NodelensError
from core.scoring import AppliedPoint, apply_locked_point
from core.settings import Settings
from core.thresholds import (
    Assumptions,
    LockedPoint,
    OperatingPointStore,
    Snapshot,
    decision_of,
    obstacle_to_lock,
    rule_of,
)
from core.wording import percent

_NAME_CHARS: Final = 200


def chosen_by(scene: Scene) -> str:
    """Return how the threshold was chosen, in words that let a reader repeat it."""
    now, point = tuning.current(), scene.current
    if now.rule:
        try:
            choice = scene.study.choose(rule_of(now.rule, scene.assumptions))
        except NodelensError:
            return words.BY_HAND
        if (choice.threshold, choice.lower) == (now.threshold, now.lower):
            return f"{choice.rule}: {choice.description}"
    here = numbers.place(now.threshold, now.lower)
    if scene.comparable and here == numbers.place(point.threshold, point.lower_threshold):
        return point.rule
    return words.BY_HAND


def lock_button(scene: Scene) -> None:
    """Draw the button that opens the dialog, or why these scores cannot be locked."""
    obstacle = obstacle_to_lock(scene.study, scene.card)
    if st.button(
        "Lock …",
        icon=":material/lock:",
        type="primary",
        width="stretch",
        key="lock",
        disabled=bool(obstacle),
        help=obstacle or words.LOCK_HELP,
    ):
        _dialog(scene)


@st.dialog("Lock this threshold", width="medium")
def _dialog(scene: Scene) -> None:
    now, scores = tuning.current(), scene.study.scores
    snapshot = scene.study.at(now.threshold, scene.assumptions, now.lower)
    rule = chosen_by(scene)
    stat_strip(*_summary(snapshot))
    st.markdown(
        words.LOCK_POINTS.format(
            name=plain(scores.name),
            patches=len(scores.evidence),
            slides=len(scores.slides),
            rule=rule,
            model=scene.card.model_id,
        )
    )
    if not scores.model_id:
        st.checkbox(words.LOCK_OWN.format(model=scene.card.model_id), key="lock-own")
    who.name_field(words.LOCK_NAME, "lock-name", max_chars=_NAME_CHARS)
    st.checkbox("Use it for new scores from now on", value=True, key="lock-use")
    if scene.batch is not None and scene.point_for_batch:
        st.checkbox(words.LOCK_APPLY.format(name=plain(scene.batch.name)), True, key="lock-apply")
    own = bool(scores.model_id) or bool(widgets.chosen("lock-own"))
    st.button(
        "Lock",
        type="primary",
        icon=":material/lock:",
        key="lock-now",
        disabled=not own,
        help=None if own else words.LOCK_CONFIRM,
        on_click=_lock,
        args=(scene, snapshot, rule),
    )
    done, problem = widgets.chosen("lock-done"), widgets.chosen("lock-problem")
    widgets.choose("lock-done", False)
    widgets.choose("lock-problem", "")
    if problem:
        st.warning(plain(str(problem)))
    if done:
        st.rerun()


def _lock(scene: Scene, snapshot: Snapshot, rule: str) -> None:
    name = identity.login_name() or str(widgets.chosen("lock-name", "")).strip()
    if not name:
        widgets.choose("lock-problem", NAME_NEEDED)
        return
    try:
        require_lead(name)
        decision = decision_of(scene.study, snapshot, scene.card, rule=rule)
        locked = scene.store.lock(decision, by=name)
        use = bool(widgets.chosen("lock-use", True))
        version = locked.version if use else scene.current.version
        scene.store.put_in_force(scene.weights, version, by=name)
        if widgets.chosen("lock-apply") and scene.job is not None:
            point = AppliedPoint.of(apply_locked_point(scene.classifier, locked))
            scene.jobs.apply(scene.job, point)
    except (NodelensError, ValueError) as error:
        widgets.choose("lock-problem", str(error))
        return
    widgets.notify(words.LOCKED.format(version=locked.version, threshold=locked.threshold))
    widgets.choose("lock-done", True)


def _summary(snapshot: Snapshot) -> list[Stat]:
    lower = None if snapshot.deferral is None else snapshot.deferral.lower
    stats = [Stat("Threshold", numbers.place(snapshot.threshold, lower))]
    for label, estimate in (
        ("Sensitivity", snapshot.metrics["sensitivity"]),
        ("Specificity", snapshot.metrics["specificity"]),
    ):
        kind = "by patches" if estimate.by_slides is None else "over slides"
        interval = numbers.span(estimate)
        stats.append(Stat(label, percent(estimate.value), f"95 % {kind} {interval}"))
    return stats


def spent_test_set(scene: Scene) -> None:
    """Say so if the scores that are tuned on were opened as a test set before."""
    opened = {entry["scores_sha256"]: entry for entry in scene.store.openings(scene.weights)}
    entry = opened.get(scene.study.scores.sha256)
    if entry is not None:
        st.warning(words.SPENT.format(version=entry["version"]), icon=":material/warning:")


def _use(store: OperatingPointStore, weights: str, version: str, by: str) -> bool:
    """Use a version for new scores and return True, or draw why not."""
    if not by:
        st.warning(NAME_NEEDED)
        return False
    try:
        require_lead(by)
        store.put_in_force(weights, version, by=by)
    except NodelensError as error:
        show_problem(error)
        return False
    return True


def versions(scene: Scene) -> None:
    """Draw the versions, which of them is in use, and the way to change that."""
    table = _table(scene)
    st.dataframe(
        table, hide_index=True, key="locked-versions", alt="Shipped and locked operating points"
    )
    names = [SHIPPED, *(point.version for point in scene.versions)]
    now = scene.current.version
    with st.container(horizontal=True, vertical_alignment="bottom", key="nl-force"):
        chosen = st.selectbox(
            "Use for new scores",
            names,
            index=names.index(now) if now in names else 0,
            format_func=lambda name: name if name == SHIPPED else f"locked {name}",
            width=220,
            key=f"in-force-{now}-{len(names)}",
        )
        by = who.name_field("Your name", "force-name", width=220)
        pressed = st.button("Use", disabled=chosen == now, key="force")
        if pressed and _use(scene.store, scene.weights, chosen, by):
            widgets.notify(words.IN_USE.format(version=chosen))
            st.rerun()
    for fault in scene.store.faults(scene.weights):
        st.warning(plain(fault), icon=":material/warning:")
    st.caption(words.KEPT_VERSIONS)
    if scene.versions:
        latest = scene.versions[-1].version
        st.caption(words.COMMAND)
        download(
            f"Download {latest}",
            scene.store.path(scene.weights, latest).read_bytes(),
            f"{scene.card.name}-{latest}.json",
            "download-lock",
            mime="application/json",
        )


def offer_shipped(settings: Settings) -> None:
    """Draw the way back to the shipped operating point where the one in force is damaged."""
    try:
        weights = resources.shipped_classifier(settings).bundle.card.weights_sha256
    except NodelensError:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = who.name_field("Your name", "recover-name", width=220)
        pressed = st.button("Use the shipped operating point", type="primary", key="recover")
    if pressed and _use(resources.operating_points(settings), weights, SHIPPED, by):
        st.rerun()


def _table(scene: Scene) -> pd.DataFrame:
    lines = [(SHIPPED, scene.card.operating_point, "", "")]
    for locked in reversed(scene.versions):
        when = widgets.local_time(locked.locked_at)
        lines.append((locked.version, locked.operating_point, locked.locked_by, when))
    return pd.DataFrame(
        {
            "Version": point.name,
            "In use": "●" if version == scene.current.version else "",
            "Threshold": numbers.place(point.threshold, point.lower_threshold),
            "Locked by": by,
            "Locked at": when,
            "Chosen by": point.rule,
            "Chosen on": point.chosen_on,
        }
        for version, point, by, when in lines
    )


def test_set(scene: Scene) -> None:
    """Draw the way to a test set: closed until a threshold is locked, each opening recorded."""
    st.caption(words.TEST_NOTE)
    if not scene.versions:
        empty(*words.TEST_CLOSED)
        return
    file = kept_csv("test-csv", words.TEST_CSV)
    if file is not None:
        _opened(scene, file)
    openings = scene.store.openings(scene.weights)
    if openings:
        st.caption(f"Openings so far: {len(openings)}")
        st.dataframe(pd.DataFrame(map(_opening, openings)), hide_index=True, key="openings")


def _opening(entry: dict[str, str]) -> dict[str, str]:
    return {
        "Opened at": widgets.local_time(datetime.fromisoformat(entry["opened_at"])),
        "Opened by": entry["opened_by"],
        "Version": entry["version"],
        "SHA-256 of the file": entry["scores_sha256"],
    }


def _opened(scene: Scene, file: widgets.KeptFile) -> None:
    in_use = [point for point in scene.versions if point.version == scene.current.version]
    point = in_use[0] if in_use else scene.versions[-1]
    digest = hashlib.sha256(file.data).hexdigest()
    key = f"opened-{digest[:16]}-{point.version}"
    by = who.name_field("Your name, for the record", "test-name")
    st.button(
        f"Open it at {point.version}",
        icon=":material/visibility:",
        key="open-test",
        on_click=_open,
        args=(scene, point, by, digest, key),
        help=words.TEST_HELP,
    )
    if not widgets.chosen(key):
        return
    try:
        study = csv_study("test-csv", file)
        if study is None:
            return
        scored_by = study.scores.model_id
        if scored_by and not same_model(scored_by, scene.card.model_id):
            st.error(words.OTHER_MODEL.format(model=scored_by))
            return
        stated = Assumptions(
            point.prevalence or scene.assumptions.prevalence,
            point.cost_missed or scene.assumptions.miss_cost,
            point.cost_false_alarm or scene.assumptions.false_alarm_cost,
        )
        snapshot = study.at(point.threshold, stated, point.lower_threshold)
    except NodelensError as error:
        show_problem(error)
        return
    shared = study.scores.shared_with(scene.study.scores)
    known = (shared,) if shared else known_to_model(study.scores, scene.classifier.bundle)
    if known:
        st.warning(plain(" ".join((*known, words.NOT_VALID))), icon=":material/warning:")
    head = Markup(
        '<div class="nl-standing nl-locked"><span class="nl-badge">🔒 locked {}</span><p>Test set '
        "at {:.4f}; the area under its ROC curve is {:.3f}.</p></div>"
    ).format(point.version, point.threshold, study.auroc.value)
    st.html(head + numbers.everything(snapshot, study))


def _open(scene: Scene, point: LockedPoint, by: str, digest: str, key: str) -> None:
    if not by:
        widgets.notify(words.NAME_NEEDED_TEST)
        return
    if not widgets.chosen(key):
        scene.store.record_opening(point, by=by, scores_sha256=digest)
        identity.decided_by(by)
    widgets.choose(key, True)
