"""The parts of the Overview page."""

import math
from typing import Final

import streamlit as st

from app import charts, resources, state
from app.components.model import architecture_words
from app.components.new_batch import try_samples
from app.components.parts import Stat, facts, patch_picture, section, show_problem, stat_strip
from core.bundle import Interval, metric_name
from core.errors import NodelensError
from core.jobs import JobStore
from core.scoring import Classifier
from core.settings import SAMPLES_TABLE
from core.statistics import Evidence, OperatingTable

_SHOWN_SAMPLE: Final = SAMPLES_TABLE.parent / "patches" / "drawn-02.png"


def where_to_go(store: JobStore, *, can_score: bool) -> None:
    """Draw the first steps beside a picture of what is judged."""
    picture, words = st.columns([1, 3.2], gap="large", vertical_alignment="center")
    with picture:
        png = resources.drawn_sample(_SHOWN_SAMPLE)
        if png is not None:
            patch_picture(png, "A drawn sample with the centre 32 × 32 outlined")
            st.caption("Drawn, not tissue. The outline marks the centre 32 × 32.")
    with words:
        st.html(
            '<div class="nl-steps"><p>Tumour anywhere outside the outline does not count: '
            "the score answers for the centre only.</p></div>"
        )
        with st.container(horizontal=True):
            if st.button(
                "Try the drawn samples",
                type="primary",
                icon=":material/draw:",
                disabled=not (can_score and SAMPLES_TABLE.is_file()),
                key="overview-samples",
            ):
                try_samples(store)
                st.switch_page("views/batch.py")
            st.page_link("views/batch.py", label="Score my patches", icon=":material/grid_view:")


def what_is_loaded(classifier: Classifier) -> None:
    """Draw the model, the device, the self-test and the threshold in force."""
    card, test, point = (
        classifier.bundle.card,
        classifier.self_test,
        classifier.operating_point,
    )
    section("What is loaded")
    parameters = sum(weights.numel() for weights in classifier.bundle.weights.values())
    stat_strip(
        [
            Stat("Model", card.name, f"{parameters / 1e6:.1f} million parameters"),
            Stat(
                "Runs on", _device_words(classifier.engine.device), "nothing leaves this computer"
            ),
            Stat(
                "Self-test",
                "passed" if test.passed else "failed",
                f"{test.patches} golden patches, largest difference "
                f"{test.largest_difference_logit:.2g} logits (allowed {test.tolerance_logit:.2g})",
            ),
            Stat("Threshold", f"{point.threshold:.4f}", f"{point.version}: {point.rule}"),
        ]
    )
    facts(
        [
            ("Signed as", classifier.model_id),
            ("Network", architecture_words(card)),
            ("Started from", card.initial_weights),
            (
                "Trained on",
                f"{card.training.name}: {card.training.patches:,} patches, "
                f"{card.training.positives:,} with tumour in the centre",
            ),
            ("Licence of the weights", card.licence),
        ]
    )


def _device_words(device: str) -> str:
    return "CPU" if device == "cpu" else device.split(" ", maxsplit=1)[-1]


def how_validated(classifier: Classifier) -> None:
    """Draw what the card says of patches that the model was not trained on, and the ROC curve."""
    card, point = classifier.bundle.card, classifier.operating_point
    data = card.validation.data
    share = data.positives / data.patches if data.patches else math.nan
    section("How it was validated", data.name)
    words, chart = st.columns([1.5, 1], gap="large")
    with words:
        stat_strip(
            [
                Stat("Patches", f"{data.patches:,}", "not used for training"),
                Stat("Slides", f"{data.slides:,}"),
                Stat("With tumour", f"{share:.1%}", "of these patches; no clinical prevalence"),
            ]
        )
        stat_strip(
            [
                *(
                    _interval_stat(metric_name(name), value)
                    for name, value in card.validation.metrics.items()
                ),
                *(
                    _interval_stat(f"{name} at the threshold", value)
                    for name, value in (
                        ("Sensitivity", point.sensitivity),
                        ("Specificity", point.specificity),
                    )
                    if value is not None
                ),
            ]
        )
        facts(
            [
                ("Threshold chosen by", f"{point.rule}; on {point.chosen_on}"),
                ("Intervals", "; ".join(_methods(classifier))),
            ]
        )
    with chart:
        _roc(classifier)


def _interval_stat(name: str, interval: Interval) -> Stat:
    return Stat(
        name, f"{interval.value:.3f}", f"95 % interval {interval.low:.3f} to {interval.high:.3f}"
    )


def _methods(classifier: Classifier) -> list[str]:
    point = classifier.operating_point
    intervals = [
        *classifier.bundle.card.validation.metrics.values(),
        *filter(None, (point.sensitivity, point.specificity)),
    ]
    return list(dict.fromkeys(interval.method for interval in intervals))


def _roc(classifier: Classifier) -> None:
    folder, card = classifier.bundle.folder, classifier.bundle.card
    try:
        curve = resources.validation_roc(folder, card)
        scores = resources.validation_scores(folder, card.validation.scores_sha256)
    except NodelensError as error:
        show_problem(error)
        return
    table = OperatingTable.of(Evidence.of(scores.labels, scores.scores))
    confusion = table.confusion(classifier.operating_point.threshold)
    point = (1 - confusion.value("specificity"), confusion.value("sensitivity"))
    st.plotly_chart(
        charts.roc(curve, point=point, colours=charts.palette(dark=state.is_dark())),
        theme=None,
        key="overview-roc",
        config={"displayModeBar": False},
        alt="ROC curve of the validation scores with the threshold marked",
    )
    st.caption(
        f"ROC of the {len(scores.scores):,} validation scores. The diamond is the threshold "
        f"in force: sensitivity {point[1]:.3f}, specificity {1 - point[0]:.3f} on these patches."
    )


def what_it_is_not_for(classifier: Classifier) -> None:
    """Draw the limits that the card states."""
    card = classifier.bundle.card
    section("Limits")
    for sentence in (*card.limits, *card.validation.notes):
        st.markdown(f"- {sentence}")
