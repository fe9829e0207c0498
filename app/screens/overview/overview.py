"""The parts of the Overview page."""

from typing import Final

import streamlit as st

from app import charts, resources
from app.screens.shared.model import architecture_words
from app.screens.shared.parts import (
    Stat,
    facts,
    interval_table,
    page_title,
    patch_picture,
    section,
    sentences,
    show_problem,
    stat_strip,
)
from app.screens.shared.sources import try_samples
from app.state import address, widgets
from core.bundle import metric_name
from core.errors import NodelensError
from core.jobs import JobStore
from core.scoring import Classifier
from core.settings import SAMPLES_TABLE
from core.statistics import Evidence, Measured, OperatingTable

_SHOWN_SAMPLE: Final = SAMPLES_TABLE.parent / "patches" / "drawn-02.png"


def where_to_go(store: JobStore, *, can_score: bool) -> None:
    """Draw what is judged, beside the first steps."""
    words, picture = st.columns([2.4, 1], gap="large", vertical_alignment="center")
    with words:
        page_title(
            "NodeLens",
            "Is there tumour in the centre 32 × 32 of a 96 × 96 px H&E patch of a lymph node? "
            "A model scores the patches; a pathologist judges them.",
        )
        st.html(
            '<ol class="nl-steps">'
            "<li><b>Bring patches</b> as a folder, files, a ZIP or a place on the server, and see "
            "what can be judged before anything is scored.</li>"
            "<li><b>Score them.</b> Each patch gets a score from 0 to 1 and, at the threshold, a "
            "call. Inputs that cannot be judged are listed with the reason.</li>"
            "<li><b>Look.</b> Sort, filter, enlarge each patch, and take the scores home.</li></ol>"
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
            if st.button("Score my patches", icon=":material/grid_view:", key="overview-batch"):
                address.look_at_job(None)
                st.switch_page("views/batch.py")
    with picture:
        png = resources.drawn_sample(_SHOWN_SAMPLE)
        if png is not None:
            patch_picture(png, "A drawn sample with the centre 32 × 32 outlined")
            st.caption(
                "A drawn sample, not tissue. Only tumour inside the outline counts; "
                "tumour around it does not."
            )


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
                "Runs on",
                _device_words(classifier.engine.device),
                "nothing is sent to other computers",
            ),
            Stat(
                "Self-test",
                "passed" if test.passed else "failed",
                f"{test.patches} golden patches, largest difference "
                f"{test.largest_difference_logit:.2g} logits (allowed {test.tolerance_logit:.2g})",
            ),
            Stat(
                "Threshold",
                f"{point.threshold:.4f}",
                f"{point.version}; called tumour from here on",
            ),
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
    share = f"{data.positives / data.patches:.1%}" if data.patches else "–"
    section("How it was validated", f"on {data.name}; no patch of it was used for training")
    words, chart = st.columns([1.6, 1], gap="large")
    with words:
        stat_strip(
            [
                *_headline(classifier),
                Stat("Patches", f"{data.patches:,}", f"of {data.slides:,} slides"),
                Stat("With tumour", share, "in this set; no clinical prevalence"),
            ]
        )
        facts(
            [
                ("Threshold", f"{point.threshold:.4f} ({point.version}): {point.rule}"),
                ("Chosen on", point.chosen_on),
                ("Probabilities", f"calibrated on {card.temperature_fitted_on}"),
            ]
        )
        with st.expander("All measures, and how their intervals were made"):
            interval_table(_measures(classifier))
    with chart:
        _roc(classifier)


def _headline(classifier: Classifier) -> list[Stat]:
    """Return AUROC, sensitivity and specificity, each with where it was taken."""
    metrics, point = classifier.bundle.card.validation.metrics, classifier.operating_point
    shipped = point == classifier.bundle.card.operating_point
    stats = [_interval_stat("AUROC", metrics.get("auroc"), "")]
    for name, chosen_on in (
        ("sensitivity", point.sensitivity),
        ("specificity", point.specificity),
    ):
        overall = metrics.get(name) if shipped else None
        where = "" if overall else "where the threshold was chosen; "
        stats.append(_interval_stat(name.capitalize(), overall or chosen_on, where))
    return [stat for stat in stats if stat is not None]


def _interval_stat(name: str, measured: Measured | None, where: str) -> Stat | None:
    if measured is None:
        return None
    return Stat(
        name,
        f"{measured.value:.3f}",
        f"{where}95 % interval {measured.low:.3f} to {measured.high:.3f}",
    )


def _measures(classifier: Classifier) -> list[tuple[str, Measured]]:
    """Return everything that the card measured, and what came with the threshold in force."""
    metrics, point = classifier.bundle.card.validation.metrics, classifier.operating_point
    measures = [(metric_name(name), value) for name, value in metrics.items()]
    for name, value in (("Sensitivity", point.sensitivity), ("Specificity", point.specificity)):
        if value is not None:
            measures.append((f"{name} where the threshold was chosen", value))
    return measures


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
        charts.roc(curve, point=point, colours=charts.palette(dark=widgets.is_dark())),
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
    """Draw the limits that the card states, of the model and of its numbers."""
    card = classifier.bundle.card
    section("Limits", "what the model is not for, and what its numbers do not say")
    model, numbers = st.columns(2, gap="large")
    with model:
        sentences("Of the model", card.limits)
    with numbers:
        sentences(
            "Of the numbers",
            card.validation.notes,
        )
