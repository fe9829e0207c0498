"""Where the scores of the threshold page come from, and what is assumed of their use."""

from typing import Final

import streamlit as st

from app import resources
from app.screens.shared.parts import plain, show_problem
from app.screens.threshold import words
from app.state import tuning, widgets
from core.errors import NodelensError
from core.scoring import Classifier
from core.settings import Settings
from core.thresholds import Assumptions, ThresholdStudy

_HASH_DIGITS: Final = 16


def study_or_none(classifier: Classifier, settings: Settings) -> ThresholdStudy | None:
    """Draw the choice of scores and return their study; None while there is none to show."""
    card = classifier.bundle.card
    halved = card.validation.split_seed is not None
    sources = [
        name
        for name in words.SOURCES
        if (name != "all" or halved) and (name != "run" or settings.server_roots)
    ]
    widgets.choose("threshold-source", tuning.current().source)
    if widgets.chosen("threshold-source") not in sources:
        widgets.choose("threshold-source", "part")
    chosen = st.selectbox(
        "Scores to tune on",
        sources,
        format_func=lambda name: words.SOURCES[name],
        key="threshold-source",
        on_change=_change_source,
        help=words.SOURCE_HELP,
    )
    try:
        if chosen == "run":
            return _run(settings)
        if chosen == "csv":
            return _csv(settings)
        return resources.bundle_study(classifier.bundle.folder, card, whole=chosen == "all")
    except NodelensError as error:
        show_problem(error)
        return None


def _change_source() -> None:
    tuning.change(source=str(widgets.chosen("threshold-source")), place="", rule="")


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
    file = kept_csv("threshold-csv", words.CSV_LABEL)
    expected = tuning.current().place
    if file is None:
        if expected:
            st.info(words.CSV_WANTED.format(digest=expected), icon=":material/link:")
        with st.expander("What the file must contain"):
            st.code(words.CSV_EXAMPLE, language=None)
            st.caption(words.CSV_FORMAT)
        return None
    settings.check_upload([len(file.data)])
    study = resources.csv_study(file.name, file.data)
    digest = study.scores.sha256[:_HASH_DIGITS]
    if not expected:
        tuning.change(place=digest)
    elif expected != digest:
        st.warning(words.CSV_OTHER.format(digest=expected), icon=":material/compare_arrows:")
    return study


def kept_csv(key: str, label: str) -> widgets.KeptFile | None:
    """Draw an uploader for one CSV and return it; it stays for the visit, on other pages too."""

    def changed() -> None:
        widgets.keep_file(key, widgets.uploaded(f"{key}-uploader"))

    uploaded = st.file_uploader(label, type="csv", key=f"{key}-uploader", on_change=changed)
    kept = widgets.kept_file(key)
    if uploaded is None and kept is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{plain(kept.name)}, uploaded earlier")
            st.button("Remove", key=f"{key}-forget", on_click=widgets.keep_file, args=(key, None))
    return kept


def assumptions() -> Assumptions:
    """Draw prevalence and costs and return them."""
    now = tuning.current()
    widgets.choose("threshold-prevalence", 100 * now.prevalence)
    widgets.choose("threshold-miss", now.miss_cost)
    widgets.choose("threshold-alarm", now.false_alarm_cost)
    prevalence, miss, alarm = st.columns([1.25, 1, 1], vertical_alignment="bottom")
    with prevalence:
        share = st.number_input(
            "Assumed prevalence, %",
            min_value=0.01,
            max_value=99.99,
            step=1.0,
            format="%.4g",
            key="threshold-prevalence",
            on_change=_assume,
            help=words.PREVALENCE_HELP,
        )
    with miss:
        missed = st.number_input(
            "Cost of a miss",
            min_value=0.01,
            max_value=1e6,
            step=1.0,
            format="%g",
            key="threshold-miss",
            on_change=_assume,
            help=words.COST_HELP,
        )
    with alarm:
        alarmed = st.number_input(
            "Cost of a false alarm",
            min_value=0.01,
            max_value=1e6,
            step=1.0,
            format="%g",
            key="threshold-alarm",
            on_change=_assume,
        )
    return Assumptions(share / 100, missed, alarmed)


def _assume() -> None:
    tuning.change(
        prevalence=float(str(widgets.chosen("threshold-prevalence"))) / 100,
        miss_cost=float(str(widgets.chosen("threshold-miss"))),
        false_alarm_cost=float(str(widgets.chosen("threshold-alarm"))),
    )
