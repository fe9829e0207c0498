"""Where the scores of the threshold page come from, and what is assumed of their use."""

from typing import Final

import streamlit as st

from app import resources
from app.screens.shared.parts import plain, show_problem
from app.state import tuning, widgets
from core.bundle import Card
from core.errors import NodelensError
from core.scoring import Classifier
from core.settings import Settings
from core.thresholds import Assumptions, ThresholdStudy

CSV_EXAMPLE: Final = (
    "id,slide,label,score\npatch-1,slide-07,1,0.93\npatch-2,slide-07,0,0.12\npatch-3,slide-11,0,0.4"
)
_SOURCES: Final = {
    "part": "This model's validation scores",
    "all": "This model's validation scores, all slides",
    "run": "A training run on the server",
    "csv": "A CSV of mine",
}
_HASH_DIGITS: Final = 16


def study_or_none(classifier: Classifier, settings: Settings) -> ThresholdStudy | None:
    """Draw the choice of scores and return their study; None while there is none to show."""
    card = classifier.bundle.card
    sources = [
        name
        for name in _SOURCES
        if (name != "all" or _is_halved(card)) and (name != "run" or settings.server_roots)
    ]
    widgets.choose("threshold-source", tuning.current().source)
    if widgets.chosen("threshold-source") not in sources:
        widgets.choose("threshold-source", "part")
    chosen = st.selectbox(
        "Scores to tune on",
        sources,
        format_func=lambda name: _SOURCES[name],
        key="threshold-source",
        on_change=_change_source,
        help="Patches with a label and a score that the model was not trained on.",
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


def _is_halved(card: Card) -> bool:
    return any("split_slides with seed" in note for note in card.validation.notes)


def _change_source() -> None:
    tuning.change(source=str(widgets.chosen("threshold-source")), place="", rule="")


def _run(settings: Settings) -> ThresholdStudy | None:
    widgets.choose("threshold-run", tuning.current().place)
    roots = ", ".join(f"`{root}`" for root in settings.server_roots)
    text = st.text_input(
        "Folder of the training run",
        key="threshold-run",
        on_change=lambda: tuning.change(place=str(widgets.chosen("threshold-run"))),
        placeholder="a folder that holds validation_scores.csv",
        help=f"Below {roots}.",
    )
    return resources.run_study(settings.server_source(text)) if text else None


def _csv(settings: Settings) -> ThresholdStudy | None:
    found = kept_csv("threshold-csv", "CSV with label and score, better with id and slide too")
    wanted = tuning.current().place
    if found is None:
        if wanted:
            st.info(
                f"This setting was made on a file whose SHA-256 begins with {wanted}. "
                "Bring that file to see the same numbers.",
                icon=":material/link:",
            )
        with st.expander("What the file must hold"):
            st.code(CSV_EXAMPLE, language=None)
            st.caption(
                "label: 1 tumour in the centre, 0 none. score: probability from 0 to 1. slide: so "
                "that intervals are honest. The table that Batch scoring writes is taken as it is, "
                "if its patches have labels. The file stays in this session's memory; it is not "
                "kept on disk."
            )
        return None
    settings.check_upload([len(found.data)])
    study = resources.csv_study(found.name, found.data)
    digest = study.scores.sha256[:_HASH_DIGITS]
    if wanted != digest:
        if wanted:
            st.warning(
                f"This is another file than the one the setting was made on ({wanted}…).",
                icon=":material/compare_arrows:",
            )
        else:
            tuning.change(place=digest)
    return study


def kept_csv(key: str, label: str) -> widgets.KeptFile | None:
    """Draw an uploader for one CSV and return it; it stays for the visit, on other pages too."""

    def changed() -> None:
        widgets.keep_file(key, widgets.uploaded(f"{key}-uploader"))

    found = st.file_uploader(label, type="csv", key=f"{key}-uploader", on_change=changed)
    kept = widgets.kept_file(key)
    if found is None and kept is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{plain(kept.name)}, brought before")
            st.button(
                "Forget it", key=f"{key}-forget", on_click=widgets.keep_file, args=(key, None)
            )
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
            "Prevalence assumed, %",
            min_value=0.01,
            max_value=99.99,
            step=1.0,
            format="%.4g",
            key="threshold-prevalence",
            on_change=_assume,
            help="Share of tumour patches where the model would be used. That of a validation set "
            "is no clinical one: such sets are filled up with tumour.",
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
            help="In any unit; only the ratio to a false alarm matters for the threshold.",
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
