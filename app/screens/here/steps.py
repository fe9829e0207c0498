"""The four steps: labelled patches, how well they are scored, beside the card's claims, a decision.

The decision, a local operating point or not to use the model here, is recorded with its two pages.
"""

from functools import partial

import streamlit as st

from app import resources
from app.charts import threshold as figures
from app.screens.here import words
from app.screens.shared import downloads, parts
from app.screens.shared.jobs import job_line, looked_at, marks, so_far, stopped, when
from app.screens.shared.model import decision_text
from app.screens.shared.sources import add_labels, new_batch, said_of_tables
from app.screens.shared.who import name_field, require_lead
from app.screens.shared.words import NAME_NEEDED
from app.state import address, identity, widgets
from core import local
from core.bundle import Card
from core.errors import NodelensError
from core.jobs import Job, JobStore
from core.local.decision import MOST_REASON_CHARS
from core.local.sentences import NAMES
from core.report import local_pdf
from core.scoring import Classifier
from core.settings import Settings
from core.statistics import Measured
from core.thresholds import (
    FixedThreshold,
    Rule,
    SensitivityAtLeast,
    Snapshot,
    ThresholdStudy,
    YoudenIndex,
)
from core.thresholds.scores import slides_text
from core.wording import NOTHING, interval_text, number, percent, percent_interval

_LISTED = 12
_LIVE_EVERY_S = 1.5
_NAME_CHARS = 200


def labelled_batch(store: JobStore, settings: Settings, classifier: Classifier) -> Job | None:
    """Draw the first step and return the batch; None while none with labels is scored."""
    ident = address.job.now()
    job = store.job(identity.owner(), ident) if ident else None
    parts.section(words.STEPS[0])
    if job is None:
        _choose(store, settings)
        return None
    state = resources.progress(store, job).state
    with st.container(horizontal=True, vertical_alignment="center", key="nl-here-batch"):
        parts.way_back("Other patches", "here-other", address.job.look_at)
        parts.head_line(job.name, marks(job, state) + _about(store, job), level=2)
    return job if _scored(store, job, classifier) else None


def _about(store: JobStore, job: Job) -> str:
    check = resources.label_check(store, job)
    if check is None:
        return ""
    evidence = check.evidence
    return parts.badge(
        words.READY.format(
            patches=len(evidence), positives=evidence.n_positive, slides=slides_text(evidence)
        )
    )


def _choose(store: JobStore, settings: Settings) -> None:
    """Draw both ways to labelled patches."""
    there, added = st.columns([1, 1.35], gap="large")
    with there:
        st.markdown(f"**{words.SCORED}**")
        jobs = store.jobs(identity.owner())[:_LISTED]
        labelled = [job for job in jobs if resources.label_check(store, job) is not None]
        if labelled:
            for job in labelled:
                label, look = f"{parts.plain(job.name)} · {when(job)}", address.job.look_at
                parts.button(label, f"here-{job.id}", "grid_view", look, job.id)
        else:
            st.caption(words.SCORED_NONE)
        st.caption(words.BRING)
        st.code(words.EXAMPLE, language=None)
        st.caption(words.EXAMPLE_NOTE)
    with added:
        st.markdown(f"**{words.ADD_NEW}**")
        new_batch(store, settings)


def _scored(store: JobStore, job: Job, classifier: Classifier) -> bool:
    """Bring a batch to its end, drawing how far it is; return whether it has scores and labels."""
    progress = resources.progress(store, job)
    if progress.state == "new":
        report = looked_at(store, job)
        if report is None:
            return False
        if report.nothing_readable:
            reason = report.problems[0].reason if report.problems else ""
            st.warning(parts.plain(words.NOTHING_READABLE.format(reason=reason)))
            said_of_tables(report.unused_tables)
            return False
        store.start(job, classifier)
        st.rerun()
    if progress.state == "running":
        st.fragment(_progress, run_every=_LIVE_EVERY_S)(store, job)
        return False
    if progress.state in {"stopped", "broken"}:
        text = words.STOPPED.format(done=progress.done, total=progress.total)
        go_on = partial(store.start, job, classifier)
        stopped(progress.error, text, go_on, writable=store.is_writable, key="here-continue")
        return False
    if resources.label_check(store, job) is None:
        st.info(words.NOT_LABELLED, icon=":material/label:")
        said_of_tables(store.run_notes(job))
        add_labels(store, job)
        return False
    return True


def _progress(store: JobStore, job: Job) -> None:
    progress = resources.progress(store, job)
    if progress.state != "running":
        st.rerun()
    job_line(progress, so_far(progress, "patches"), partial(store.cancel, job))


def rates(study: ThresholdStudy, findings: local.Findings) -> None:
    """Draw AUROC and rates with their intervals, and whether so many patches are enough."""
    parts.section(words.STEPS[1], words.AT_SHIPPED.format(threshold=findings.shipped.threshold))
    values, curve = st.columns([1.5, 1], gap="large")
    with values:
        parts.table(
            ("", "With 95 % interval"),
            [(NAMES[claim.name], _value(claim.here, claim)) for claim in findings.claims],
            "nl-table nl-rates",
        )
        by = words.INTERVALS["patches" if findings.slides is None else "slides"]
        grey = words.GREY if findings.shipped.lower_threshold is not None else ""
        st.caption(by + grey)
        for caution in findings.cautions:
            st.warning(parts.plain(caution), icon=":material/warning:")
        enough = parts.plain(local.suffices_sentence(findings))
        if findings.suffices and findings.slides is not None:
            st.success(enough, icon=":material/check:")
        else:
            st.info(enough, icon=":material/straighten:")
    with curve:
        shipped = findings.shipped
        parts.roc_chart(
            study.roc,
            sensitivity=shipped.sensitivity.value,
            specificity=shipped.specificity.value,
            named="shipped threshold",
            key="here-roc",
            alt=words.ROC_ALT,
        )


def transfer(study: ThresholdStudy, findings: local.Findings) -> None:
    """Draw the claims of the card beside what was found, calibration, and what is unlike."""
    parts.section(words.STEPS[2])
    parts.table(
        ("", "Here", "What the model claims", "Compared with the claim"),
        [
            (
                NAMES[claim.name],
                _value(claim.here, claim),
                NOTHING if claim.claimed is None else _value(claim.claimed, claim),
                str(claim.reading),
            )
            for claim in findings.claims
        ],
    )
    sentences, curve = st.columns([1.5, 1], gap="large")
    with sentences:
        parts.bullets("Calibration", local.calibration_sentences(findings.calibration))
        parts.bullets("Tissue", [local.unlike_sentence(findings)])
    with curve:
        figure = figures.calibration(study.calibration, in_force=None, colours=parts.colours())
        parts.chart(figure, "here-calibration", words.CALIBRATION_ALT)


def _value(one: Measured, claim: local.Claim) -> str:
    if claim.name == "auroc":
        return parts.with_small(number(one.value), interval_text(one.low, one.high))
    return parts.with_small(percent(one.value), percent_interval(one.low, one.high))


def decide(study: ThresholdStudy, findings: local.Findings, card: Card, settings: Settings) -> None:
    """Draw the choice, what it would do here, and the button that records it."""
    parts.section(words.STEPS[3])
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
            _, snapshot = local.point_at(study, rule, card, prevalence=share)
        except NodelensError as error:
            parts.show_problem(error)
            return
        _point(snapshot, chosen_here=not isinstance(rule, FixedThreshold))
    reason = st.text_input(words.REASON, max_chars=MOST_REASON_CHARS, key="here-reason")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = name_field(words.NAME, "here-name", max_chars=_NAME_CHARS, width=320)
        if use:
            in_use = st.checkbox(words.IN_USE, value=True, key="here-in-use")
        label, icon = (
            words.RECORD if use else words.RECORD_NOT,
            "lock" if use else "do_not_disturb_on",
        )
        pressed = parts.button(label, "here-record", icon, type="primary")
    if not pressed:
        return
    decisions = resources.local_decisions(settings)
    try:
        if not name:
            raise NodelensError(NAME_NEEDED)
        require_lead(name)
        if rule is None:
            kept = local.do_not_use(findings, by=name, reason=reason, decisions=decisions)
        else:
            kept = local.use_here(
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
        parts.show_problem(error)
        return
    widgets.notify(words.RECORDED.format(number=kept.number))
    widgets.renew("here-use")  # a second press would record the same once more
    st.rerun()


def _rule(card: Card) -> tuple[Rule, float]:
    """Draw the choice of a rule and the assumed prevalence, and return both."""
    ways, target_part, share_part = st.columns([2, 1, 1], vertical_alignment="bottom")
    with ways:
        usual = {"default": "shipped", "wrap": True, "help": words.RULE_HELP}
        way = parts.choice("Threshold", words.RULES, "here-rule", **usual)
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
    stats = [parts.Stat("Threshold", f"{snapshot.threshold:.4f}")]
    for label, rate in (
        ("Sensitivity", snapshot.metrics["sensitivity"]),
        ("Specificity", snapshot.metrics["specificity"]),
    ):
        interval = percent_interval(rate.low, rate.high)
        stats.append(parts.Stat(label, percent(rate.value), f"95 % interval {interval}"))
    parts.stat_strip(*stats)
    thousand = snapshot.per_thousand
    sentence = words.THOUSAND.format(
        called=thousand.tp + thousand.fp, tp=thousand.tp, missed=thousand.fn
    )
    st.caption(f"{sentence} {words.OPTIMISTIC}" if chosen_here else sentence)


def decided(card: Card, settings: Settings) -> None:
    """Draw the decisions about the model, newest first, each with its two pages."""
    store = resources.local_decisions(settings)
    parts.section(words.DECIDED, words.DECIDED_NOTE)
    kept = store.decisions(card.weights_sha256)
    if not kept:
        parts.empty("", words.NO_DECISION)
    for decision in reversed(kept):
        key = f"here-decision-{decision.number}"
        with st.container(horizontal=True, vertical_alignment="center", key=f"nl-{key}"):
            st.markdown(parts.plain(f"{decision_text(decision)} ({decision.findings.batch})"))
            downloads.download(
                "Two pages, PDF",
                partial(local_pdf, decision),
                f"does-it-work-here-{decision.number}.pdf",
                key,
                mime="application/pdf",
            )
    for fault in store.faults(card.weights_sha256):
        st.warning(parts.plain(fault), icon=":material/warning:")
