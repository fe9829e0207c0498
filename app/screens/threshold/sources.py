"""Where the scores of the threshold page come from, and what is assumed of their use."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import streamlit as st
from markupsafe import Markup

from app import resources
from app.screens.shared.parts import plain, show_problem
from app.screens.shared.sources import chosen_columns
from app.screens.threshold import numbers, words
from app.state import identity, tuning, widgets
from core.bundle import Bundle
from core.errors import NodelensError
from core.review import Record, unfinished_blind_reading
from core.review.outcomes import is_finished
from core.scoring import Classifier
from core.settings import Settings
from core.thresholds import (
    Assumptions,
    BadRowsError,
    ScoreSet,
    Source,
    ThresholdStudy,
)
from core.thresholds.scores import seen_before

_HASH_DIGITS: Final = 16
_LISTED: Final = 12
_WANTED: Final = ("label", "score", "id", "slide")


def choose_source(classifier: Classifier, settings: Settings) -> str:
    """Draw the choice of scores and return its key, such as "part" or "batch:ID"."""
    now = tuning.current()
    sources = _sources(classifier, settings)
    source = now.source if now.source in words.SOURCES else f"{now.source}:{now.place}"
    gone = source not in sources
    widgets.choose("threshold-source", "part" if gone else source)
    chosen = st.selectbox(
        words.SOURCE_LABEL,
        list(sources),
        format_func=sources.__getitem__,
        key="threshold-source",
        on_change=_change_source,
        label_visibility="collapsed",
    )
    if gone:
        st.warning(words.GONE)
    return chosen


def study_or_none(chosen: str, classifier: Classifier, settings: Settings) -> ThresholdStudy | None:
    """Draw what a choice of scores needs and return their study; None while there is none."""
    try:
        study = _study(chosen, classifier, settings)
        if study is not None:
            _say_what_they_are(study, classifier)
    except NodelensError as error:
        show_problem(error)
        return None
    return study


def _sources(classifier: Classifier, settings: Settings) -> dict[str, str]:
    """What can be tuned on by key, with its name."""
    jobs, record = resources.job_store(settings), _record(settings)
    fixed = dict(words.SOURCES)
    table = fixed.pop("csv")
    if not settings.server_roots:
        del fixed["run"]
    for job in jobs.jobs(identity.owner())[:_LISTED]:
        if resources.progress(jobs, job).state != "done":
            continue
        labelled = resources.labelled_patches(jobs, job)
        if labelled:
            made = widgets.local_time(datetime.fromisoformat(job.created))
            fixed[f"batch:{job.id}"] = words.BATCH.format(
                name=job.name, when=made, patches=labelled
            )
    reader = identity.reader_name() or ""
    if record is not None:
        for case in reversed(list(record.cases.values())):
            blind = unfinished_blind_reading(record, case.case, reader)
            if is_finished(record, case.case) and blind is None:
                when = widgets.local_time(
                    datetime.fromisoformat(record.filings[case.case].opened_at)
                )
                fixed[f"review:{case.case}"] = words.REVIEW.format(name=case.name, when=when)
    return fixed | {"csv": table}


def _record(settings: Settings) -> Record | None:
    """The record of verdicts; None where there is none to read."""
    if not settings.review_store.is_file():
        return None
    try:
        return resources.review_store(settings).record()
    except NodelensError:
        return None  # the review pages say so


def _change_source() -> None:
    source, _, place = str(widgets.chosen("threshold-source")).partition(":")
    tuning.change(source=source, place=place, rule="")


def _study(chosen: str, classifier: Classifier, settings: Settings) -> ThresholdStudy | None:
    kind, _, place = chosen.partition(":")
    if kind == "run":
        return _run(settings)
    if kind == "csv":
        return _csv(settings)
    if kind == "review":
        return resources.case_study(resources.review_store(settings).record(), place)
    if kind == "batch":
        jobs = resources.job_store(settings)
        job = jobs.job(identity.owner(), place)
        return None if job is None else resources.batch_study(jobs, job)
    return resources.bundle_study(classifier.bundle.folder, classifier.bundle.card)


def _say_what_they_are(study: ThresholdStudy, classifier: Classifier) -> None:
    """Say which patches the numbers are of, and what should be settled before they are used."""
    scores = study.scores
    all_doubts = scores.doubts + known_to_model(scores, classifier.bundle)
    doubts = numbers.JOIN(Markup("<p>⚠ {}</p>").format(doubt) for doubt in all_doubts)
    st.html(Markup('{}<div class="nl-doubts">{}</div>').format(numbers.measured_on(scores), doubts))


def known_to_model(scores: ScoreSet, bundle: Bundle) -> tuple[str, ...]:
    """Say which patches the model was trained or its threshold chosen on; nothing of its own."""
    if scores.source in {Source.BUNDLE, Source.RUN}:
        return ()
    shipped = resources.bundle_study(bundle.folder, bundle.card).scores
    ids = scores.ids.tolist() if scores.named else []
    return seen_before(ids, scores.slides, shipped, bundle.card)


def _run(settings: Settings) -> ThresholdStudy | None:
    widgets.choose("threshold-run", tuning.current().place)
    roots = ", ".join(f"`{root}`" for root in settings.server_roots)
    text = st.text_input(
        "Folder of the training run",
        key="threshold-run",
        on_change=lambda: tuning.change(place=str(widgets.chosen("threshold-run"))),
        placeholder=words.RUN_PLACEHOLDER,
        help=f"Below {roots}.",
    )
    return resources.run_study(settings.server_source(text)) if text else None


def _csv(settings: Settings) -> ThresholdStudy | None:
    replaced = partial(tuning.change, place="")
    file = kept_csv("threshold-csv", words.CSV_LABEL, replaced)
    expected = tuning.current().place
    if file is None:
        if expected:
            st.info(words.CSV_WANTED.format(digest=expected), icon=":material/link:")
        with st.expander("What the file must contain"):
            st.code(words.CSV_EXAMPLE, language=None)
            st.caption(words.CSV_FORMAT)
        return None
    settings.check_upload([len(file.data)])
    study = csv_study("threshold-csv", file)
    if study is None:
        return None
    digest = study.scores.sha256[:_HASH_DIGITS]
    if not expected:
        tuning.change(place=digest)
    elif expected != digest:
        st.warning(words.CSV_OTHER, icon=":material/compare_arrows:")
    return study


def csv_study(key: str, file: widgets.KeptFile) -> ThresholdStudy | None:
    """Draw what has to be said of a table's columns and rows, and return its study.

    None while columns have to be chosen, or rows cannot be used that nobody gave up yet.

    Raises:
        NodelensError: It cannot be used at all.
    """
    there = resources.csv_columns(file.name, file.data)
    called, _ = chosen_columns(key, there, _WANTED, (("label",), ("score",)))
    if called is None:
        st.info(words.CHOOSE_COLUMNS, icon=":material/view_column:")
        return None
    good = f"{key}-good-{hash(file.data)}"
    try:
        return resources.csv_study(file.name, file.data, called, bool(widgets.chosen(good)))
    except BadRowsError as error:
        show_problem(error)
        if error.good:
            st.button(
                words.GOOD_ROWS.format(good=error.good),
                icon=":material/filter_alt:",
                key=f"{key}-use-good",
                on_click=widgets.choose,
                args=(good, True),
            )
        return None


def kept_csv(
    key: str, label: str, replaced: Callable[[], None] = lambda: None
) -> widgets.KeptFile | None:
    """Draw an uploader for one CSV and return it; it stays for the visit, on other pages too.

    Args:
        key: Of its widgets.
        label: What it asks for.
        replaced: Called when the file makes way for another one or for none.
    """

    def changed() -> None:
        if widgets.kept_file(key) is not None:
            replaced()
        widgets.keep_file(key, widgets.uploaded(f"{key}-uploader"))

    uploaded = st.file_uploader(label, key=f"{key}-uploader", on_change=changed)
    kept = widgets.kept_file(key)
    if uploaded is None and kept is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{plain(kept.name)}, uploaded earlier")
            st.button("Remove", key=f"{key}-forget", on_click=widgets.keep_file, args=(key, None))
    return kept


def assumptions() -> Assumptions:
    """Return the prevalence and the costs that are assumed."""
    now = tuning.current()
    return Assumptions(now.prevalence, now.miss_cost, now.false_alarm_cost)


def assumption_inputs() -> None:
    """Draw prevalence and costs; a change is taken at once."""
    now = tuning.current()
    widgets.choose("threshold-prevalence", 100 * now.prevalence)
    widgets.choose("threshold-miss", now.miss_cost)
    widgets.choose("threshold-alarm", now.false_alarm_cost)
    inputs = (
        ("Assumed prevalence, %", "threshold-prevalence", 99.99, "%.4g", words.PREVALENCE_HELP),
        ("Cost of a miss", "threshold-miss", 1e6, "%g", words.COST_HELP),
        ("Cost of a false alarm", "threshold-alarm", 1e6, "%g", None),
    )
    places = st.columns([1.25, 1, 1], vertical_alignment="bottom")
    for place, (label, key, most, form, about) in zip(places, inputs, strict=True):
        place.number_input(
            label, 0.01, most, step=1.0, format=form, key=key, on_change=_assume, help=about
        )


def _assume() -> None:
    tuning.change(
        prevalence=float(str(widgets.chosen("threshold-prevalence"))) / 100,
        miss_cost=float(str(widgets.chosen("threshold-miss"))),
        false_alarm_cost=float(str(widgets.chosen("threshold-alarm"))),
    )
