"""Locking a threshold, the versions that were locked, and test sets that open only after that."""

import hashlib
from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from app import resources
from app.screens.shared.parts import Stat, plain, section, show_problem, stat_strip
from app.screens.threshold import numbers
from app.screens.threshold.panel import Scene, chosen_by
from app.screens.threshold.sources import kept_csv
from app.state import identity, tuning, widgets
from core.bundle import Card
from core.errors import NodelensError
from core.review import Permission, person
from core.thresholds import (
    SHIPPED,
    Assumptions,
    LockedPoint,
    OperatingPointStore,
    Snapshot,
    ThresholdStudy,
    decision_of,
    obstacle_to_lock,
)

_NAME_CHARS: Final = 200


def lock_button(scene: Scene, card: Card, store: OperatingPointStore) -> None:
    """Draw the button that opens the dialog, or why these scores cannot be locked."""
    obstacle = obstacle_to_lock(scene.study, card)
    if st.button(
        "Lock …",
        icon=":material/lock:",
        type="primary",
        width="stretch",
        key="lock",
        disabled=bool(obstacle),
        help=obstacle or "Writes a version that is never changed; new scores name it.",
    ):
        _dialog(scene, card, store)


@st.dialog("Lock this threshold", width="medium")
def _dialog(scene: Scene, card: Card, store: OperatingPointStore) -> None:
    now = tuning.current()
    snapshot = scene.study.at(now.threshold, scene.assumptions, now.lower)
    rule = chosen_by(scene.study, scene.assumptions)
    stat_strip(_summary(snapshot))
    st.markdown(
        f"- Chosen on {scene.study.scores.name.replace('_', chr(92) + '_')}: "
        f"{len(scene.study.scores.evidence):,} patches of {len(scene.study.scores.slides)} "
        f"slides\n- {rule}\n- For the model `{card.model_id}`, for everybody who uses this "
        "installation\n- A lock is a file of its own. It is never changed; a later lock is a new "
        "version."
    )
    if not scene.study.scores.model_id:
        st.checkbox(
            f"These scores are of the model {card.model_id}. The file does not say so.",
            key="lock-own",
        )
    st.text_input(
        "Your name, as it is to stand in the file",
        value=identity.login_name() or "",
        max_chars=_NAME_CHARS,
        key="lock-name",
    )
    st.checkbox("Use it for new scores from now on", value=True, key="lock-use")
    own = bool(scene.study.scores.model_id) or bool(widgets.chosen("lock-own"))
    st.button(
        "Lock",
        type="primary",
        icon=":material/lock:",
        key="lock-now",
        disabled=not own,
        help=None if own else "Confirm above that the scores are of this model.",
        on_click=_lock,
        args=(scene, snapshot, card, store, rule),
    )
    done, problem = widgets.chosen("lock-done"), widgets.chosen("lock-problem")
    widgets.choose("lock-done", False)
    widgets.choose("lock-problem", "")
    if problem:
        st.warning(plain(str(problem)))
    if done:
        st.rerun()


def _lock(
    scene: Scene, snapshot: Snapshot, card: Card, store: OperatingPointStore, rule: str
) -> None:
    name = identity.login_name() or str(widgets.chosen("lock-name", "")).strip()
    if not name:
        widgets.choose("lock-problem", "Write your name: a lock says who decided.")
        return
    try:
        _require_lead(name)
        decision = decision_of(scene.study, snapshot, card, rule=rule)
        before = store.in_force(card.weights_sha256)
        locked = store.lock(decision, by=name)
        kept = SHIPPED if before is None else before.version
        use = bool(widgets.chosen("lock-use", True))
        store.put_in_force(card.weights_sha256, locked.version if use else kept, by=name)
    except (NodelensError, ValueError) as error:
        widgets.choose("lock-problem", str(error))
        return
    widgets.say(f"Locked as {locked.version} at {locked.threshold:.4f}.")
    widgets.choose("lock-done", True)


def _require_lead(name: str) -> None:
    """Raise unless a person of this name may lock thresholds here.

    Raises:
        ReviewError: They may not; the message says who can change that.
    """
    who = person(
        name, leads=resources.settings().leads, logged_in=identity.login_name() is not None
    )
    who.require(Permission.LOCK_THRESHOLDS)


def _summary(snapshot: Snapshot) -> list[Stat]:
    lower = snapshot.deferral
    place = f"{snapshot.threshold:.4f}"
    stats = [
        Stat("Threshold", place if lower is None else f"{lower.lower:.4f} / {place}"),
    ]
    for label, estimate in (
        ("Sensitivity", snapshot.metrics["sensitivity"]),
        ("Specificity", snapshot.metrics["specificity"]),
    ):
        kind = "by patches" if estimate.by_slides is None else "over slides"
        stats.append(
            Stat(
                label,
                numbers.percent(estimate.value),
                f"95 % {kind} {numbers.span(estimate)}",
            )
        )
    return stats


def spent_test_set(scene: Scene, card: Card, store: OperatingPointStore) -> None:
    """Say so if the scores that are tuned on were opened as a test set before."""
    opened = {entry["scores_sha256"]: entry for entry in store.openings(card.weights_sha256)}
    entry = opened.get(scene.study.scores.sha256)
    if entry is not None:
        st.warning(
            f"These scores were opened as a test set at {entry['version']}. A threshold that is "
            "chosen on them cannot be tested on them any more.",
            icon=":material/warning:",
        )


def _put_in_force(store: OperatingPointStore, card: Card, version: str, by: str) -> bool:
    """Put a version in force and return True, or draw why not."""
    if not by:
        st.warning("Write your name: it is recorded who decided.")
        return False
    try:
        _require_lead(by)
        store.put_in_force(card.weights_sha256, version, by=by)
    except NodelensError as error:
        show_problem(error)
        return False
    widgets.say(f"New scores use {version} from now on.")
    return True


def versions(scene: Scene, card: Card, store: OperatingPointStore) -> None:
    """Draw the versions, which of them is in force, and the way to change that."""
    section("Operating points", f"of the model {card.model_id}")
    st.dataframe(
        _table(card, scene.versions, scene.in_force.version),
        hide_index=True,
        key="locked-versions",
        alt="Shipped and locked operating points",
    )
    names = [SHIPPED, *(point.version for point in scene.versions)]
    now = scene.in_force.version.removeprefix("locked ")
    with st.container(horizontal=True, vertical_alignment="bottom", key="nl-force"):
        chosen = st.selectbox(
            "Use for new scores",
            names,
            index=names.index(now) if now in names else 0,
            format_func=lambda name: name if name == SHIPPED else f"locked {name}",
            width=220,
            key=f"in-force-{now}-{len(names)}",
        )
        by = st.text_input(
            "Your name", value=identity.login_name() or "", width=220, key="force-name"
        )
        if st.button("Put in force", disabled=chosen == now, key="force"):
            by = identity.login_name() or by
            if _put_in_force(store, card, chosen, by.strip()):
                st.rerun()
    st.caption("Batches that are scored already keep the version that their rows name.")
    latest = next(reversed(scene.versions), None)
    if latest is not None:
        st.caption(
            "On a command line: `python -m core score … --operating-point FILE`, with this file."
        )
        path = store.path(card.weights_sha256, latest.version)
        st.download_button(
            f"Download {latest.version}",
            path.read_bytes(),
            file_name=f"{card.name}-{latest.version}.json",
            mime="application/json",
            icon=":material/download:",
            key="download-lock",
        )


def _table(card: Card, points: Sequence[LockedPoint], in_force: str) -> pd.DataFrame:
    shipped = card.operating_point
    rows: list[dict[str, object]] = [
        {
            "Version": SHIPPED,
            "In force": "●" if in_force == shipped.version else "",
            "Threshold": f"{shipped.threshold:.4f}",
            "Grey zone from": _or_none(shipped.lower_threshold),
            "Locked by": "",
            "Locked at": "",
            "Chosen by": shipped.rule,
            "Chosen on": shipped.chosen_on,
        }
    ]
    zone = widgets.time_zone()
    for point in reversed(points):
        at = point.locked_at.astimezone(zone) if zone else point.locked_at
        rows.append(
            {
                "Version": f"locked {point.version}",
                "In force": "●" if in_force == f"locked {point.version}" else "",
                "Threshold": f"{point.threshold:.4f}",
                "Grey zone from": _or_none(point.lower_threshold),
                "Locked by": point.locked_by,
                "Locked at": f"{at:%d %b %Y, %H:%M}" + ("" if zone else " UTC"),
                "Chosen by": point.rule,
                "Chosen on": point.operating_point.chosen_on,
            }
        )
    return pd.DataFrame(rows)


def _or_none(threshold: float | None) -> str:
    return "" if threshold is None else f"{threshold:.4f}"


def test_set(scene: Scene, card: Card, store: OperatingPointStore) -> None:
    """Draw the way to a test set: closed until a threshold is locked, each opening recorded."""
    section("Test set", "opens only after a lock; each opening is recorded")
    if not scene.versions:
        st.html(
            '<div class="nl-empty"><b>Closed.</b> A test set that is looked at while the threshold '
            "is still being chosen is no test. Lock a threshold first.</div>"
        )
        return
    found = kept_csv(
        "test-csv", "CSV of the test set: label and score of this model, with id and slide"
    )
    if found is not None:
        _opened(scene, card, store, found.name, found.data)
    openings = store.openings(card.weights_sha256)
    if openings:
        with st.expander(f"Openings so far: {len(openings)}"):
            st.dataframe(pd.DataFrame(openings), hide_index=True, key="openings")


def _opened(scene: Scene, card: Card, store: OperatingPointStore, name: str, data: bytes) -> None:
    now = scene.in_force.version.removeprefix("locked ")
    point = next((one for one in scene.versions if one.version == now), scene.versions[-1])
    digest = hashlib.sha256(data).hexdigest()
    key = f"opened-{digest[:16]}-{point.version}"
    by = st.text_input(
        "Your name, for the record", value=identity.login_name() or "", key="test-name"
    )
    st.button(
        f"Open it at {point.version}",
        icon=":material/visibility:",
        key="open-test",
        on_click=_open,
        args=(store, point, by, digest, key),
        help="Shows how the locked threshold does on it, and records that you looked.",
    )
    if not widgets.chosen(key):
        return
    try:
        study = resources.csv_study(name, data)
        if study.scores.model_id not in {"", card.model_id}:
            st.error(f"These scores are of another model, {study.scores.model_id}.")
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
    for sentence in study.scores.shared_with(scene.study.scores):
        st.warning(f"{sentence} These numbers are no test.", icon=":material/warning:")
    st.html(_result(study, snapshot, point))


def _result(study: ThresholdStudy, snapshot: Snapshot, point: LockedPoint) -> str:
    zone = (
        ""
        if snapshot.deferral is None
        else numbers.grey_zone(snapshot.deferral, snapshot.threshold)
    )
    return (
        f'<div class="nl-standing nl-locked"><span class="nl-badge">🔒 locked {point.version}'
        f"</span><p>Test set at {point.threshold:.4f}; the area under its ROC curve is "
        f"{study.auroc.value:.3f}.</p></div>"
        + numbers.sentences(snapshot, study.scores.name)
        + zone
        + f'<div class="nl-pair">{numbers.matrices(snapshot)}{numbers.in_use(snapshot)}</div>'
        + numbers.metrics(snapshot)
        + numbers.caveats(snapshot, study)
    )


def _open(store: OperatingPointStore, point: LockedPoint, by: str, digest: str, key: str) -> None:
    if not by.strip():
        widgets.say("Write your name: who opens a test set is recorded.")
        return
    if not widgets.chosen(key):
        store.record_opening(point, by=by.strip(), scores_sha256=digest)
    widgets.choose(key, True)
