"""A batch before and while it is scored: what the input contains, start, progress, stop."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.shared.jobs import apply_button, job_line, looked_at, so_far, stopped
from app.screens.shared.parts import Stat, button, choice, section, show_problem, stat_strip
from app.screens.shared.sources import said_of_tables
from app.state import address, widgets
from core.engine import Precision
from core.errors import NodelensError
from core.jobs import InputProblem, InputReport, Job, JobProgress, JobStore
from core.scoring import AppliedPoint, Classifier, ScoreRow, TestTimeAugmentation
from core.wording import percent

_VIEWS: Final = {
    TestTimeAugmentation.NONE: "Once",
    TestTimeAugmentation.D4_NEAR: "Eight orientations where it matters",
    TestTimeAugmentation.D4: "Average of eight orientations",
}
_TTA: Final = "tta"
_SPEEDS: Final = {Precision.EXACT: "Exact", Precision.FAST: "Fast"}
_SPEED: Final = "speed"
_PICTURES: Final = 16


def before_start(
    store: JobStore, job: Job, opened: Callable[[], Classifier | None], delete: Callable[[], None]
) -> None:
    """Draw what the input contains, and the start; the drawn samples start by themselves.

    `opened` opens the model, which may take its time, or says why it cannot.
    """
    if job.is_drawn and store.is_writable and (classifier := opened()) is not None:
        store.start(job, classifier)
        st.rerun()

    def way_out() -> None:
        button(words.OTHER_FILES, "other-files", "", delete, disabled=not store.is_writable)

    report = looked_at(store, job, way_out)
    if report is None:
        return
    checked, count = "every file was checked", report.readable
    amount = f"{count:,} patch{'es' * (count != 1)}"
    if report.looked_at < report.inputs:
        checked = f"based on the first {report.looked_at:,} of {report.inputs:,} files"
        amount = f"{report.inputs:,} files"
    section("What you added", checked)
    input_report(report)
    if said_of_tables(report.unused_tables):
        st.caption(words.LABELS_LATER)
    _first_pictures(store, job, report)
    if report.contradictions:
        show_problem(NodelensError(" ".join((*report.contradictions, words.CONTRADICTORY))))
        return
    if report.nothing_readable:
        st.warning(words.NOTHING_READABLE, icon=":material/block:")
        way_out()
        return
    classifier = opened()
    if classifier is None:
        return
    point, card = classifier.operating_point, classifier.bundle.card
    section("Start", f"threshold {point.threshold:.4f} ({point.name})")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Where eight orientations matter is known only if it was measured.
        unknown = () if card.orientations else (TestTimeAugmentation.D4_NEAR,)
        offered = {one: name for one, name in _VIEWS.items() if one not in unknown}
        views = choice("Score each patch", offered, _TTA, default=TestTimeAugmentation.NONE)
        engine = classifier.engine
        fast = card.fast if engine.offers_fast and engine.precision is Precision.EXACT else None
        speed = None
        if fast is not None:
            speed = choice("Speed", _SPEEDS, _SPEED, default=Precision.EXACT)
        label, start = f"Start scoring {amount}", partial(_start, store, job, classifier)
        blocked = not store.is_writable
        button(label, "start", "play_arrow", start, type="primary", disabled=blocked)
    notes = [_views_note(views, classifier)]
    if speed is Precision.FAST and fast is not None:
        changed, of = fast.changed_calls, fast.patches
        notes.append(words.FAST.format(changed=changed, patches=of, share=percent(changed / of, 2)))
    if note := " ".join(filter(None, notes)):
        st.caption(note)


def _views_note(views: TestTimeAugmentation, classifier: Classifier) -> str:
    measured = classifier.bundle.card.orientations
    if views is TestTimeAugmentation.D4_NEAR and measured is not None:
        low, high = classifier.near_scores(measured.band_logit)
        return words.VIEWS_NEAR.format(low=low, high=high, share=percent(measured.share, 0))
    return words.VIEWS_EIGHT if views is TestTimeAugmentation.D4 else ""


def _first_pictures(store: JobStore, job: Job, report: InputReport) -> None:
    thumbnails = resources.thumbnails(store, job, range(min(_PICTURES, report.inputs)))
    pictures = "".join(f'<img src="{picture}" alt="">' for picture in thumbnails if picture)
    st.html(f'<div class="nl-first" aria-hidden="true">{pictures}</div>')


def _start(store: JobStore, job: Job, classifier: Classifier) -> None:
    views = TestTimeAugmentation(str(widgets.chosen(_TTA, TestTimeAugmentation.NONE)))
    fast = widgets.chosen(_SPEED) == Precision.FAST
    if (str(views), fast) != (job.tta, bool(job.precision)):
        job = store.with_choices(job, views, "fast" if fast else "")
    _score(store, job, classifier)


def _score(store: JobStore, job: Job, classifier: Classifier) -> None:
    """Begin to score, or go on, at the speed that was chosen for the batch."""
    try:
        if job.precision:
            classifier = resources.classifier(replace(resources.settings(), precision="fast"))
        store.start(job, classifier)
    except NodelensError as error:
        widgets.notify(str(error))


def input_report(report: InputReport) -> None:
    """Draw the quality of an input."""
    known = []
    if report.labelled:
        known.append(Stat("With a reference label", f"{report.labelled:,}"))
    if report.slides:
        known.append(Stat("Slides known", f"{report.slides:,}"))
    noted = sum(problem.count for problem in report.noted)
    exceptions = (
        ("One flat colour", report.flat, "no score: no tissue to judge"),
        ("Unreadable", report.unreadable, "listed below"),
        ("Copies", report.copies, "identical to an earlier file"),
        ("With a note", noted, "listed below"),
    )
    all_can = report.readable == report.inputs
    of = "" if all_can else f"of {report.looked_at:,} checked"
    stat_strip(
        Stat("Files", f"{report.inputs:,}"),
        Stat("Can be scored", f"{report.readable:,}", of),
        *(Stat(name, f"{count:,}", note) for name, count, note in exceptions if count),
        *known,
    )
    lines = [_problem(problem, "×", "bad") for problem in report.problems]
    lines += [_line("!", escape(note), "ok") for note in report.notes]
    lines += [_problem(note, "!", "ok") for note in report.noted]
    if lines:
        st.html(f'<ul class="nl-problems">{"".join(lines)}</ul>')


def _problem(problem: InputProblem, sign: str, tone: str) -> str:
    reason = problem.reason[:1].upper() + problem.reason[1:]
    more = ", …" if problem.count > len(problem.examples) else ""
    examples = ", ".join(escape(example) for example in problem.examples)
    return _line(
        f"{sign} {problem.count:,}", f"{escape(reason)}<small>{examples}{more}</small>", tone
    )


def _line(sign: str, text: str, tone: str) -> str:
    return f'<li class="nl-problem-{tone}"><b>{sign}</b><span>{text}</span></li>'


def progress_line(store: JobStore, job: Job, progress: JobProgress) -> None:
    """Draw how far a running batch is, with the way to stop it."""
    text = words.STOPPING if progress.stopping else so_far(progress, "patches")
    job_line(progress, text, partial(store.cancel, job))


def after_stop(
    store: JobStore, job: Job, progress: JobProgress, classifier: Classifier | None
) -> None:
    """Draw why a batch has stopped, and how to resume it."""
    text = words.STOPPED.format(done=progress.done, total=progress.total)
    if classifier is None:
        stopped(progress.error, text, None, writable=False)
        return
    go_on = partial(_score, store, job, classifier)
    with stopped(progress.error, text, go_on, writable=store.is_writable):
        _again_button("Start again from the beginning", store, job, classifier, "anew")


def outdated(store: JobStore, job: Job, rows: Sequence[ScoreRow], classifier: Classifier) -> None:
    """Say if model or threshold have changed since, with the way to the current ones.

    Another threshold takes no second run: the scores stay.
    """
    row, point = rows[0], classifier.operating_point
    applied = AppliedPoint.of(classifier)
    if not applied.fits(rows):
        text = words.OTHER_MODEL.format(model=classifier.model_id)
    elif (row.operating_point, row.threshold, row.lower_threshold) != (
        point.name,
        point.threshold,
        point.lower_threshold,
    ):
        text = words.OTHER_THRESHOLD.format(threshold=point.threshold, version=point.name)
    else:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="nl-outdated"):
        st.html(f"<span>{escape(text)}</span>")
        if applied.fits(rows):
            if apply_button(store, job, applied, point.name):
                st.rerun()
        else:
            _again_button("Score again with the current model", store, job, classifier, "anew-now")


def _again_button(label: str, store: JobStore, job: Job, classifier: Classifier, key: str) -> None:
    def restart() -> None:
        address.look_at_row(None)
        _score(store, store.restart(job), classifier)

    blocked, about = not store.is_writable, words.RESCORE_HELP
    button(label, key, "restart_alt", restart, disabled=blocked, help=about)
