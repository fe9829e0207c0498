"""The parts of the Overview page."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import resources
from app.screens.overview import words
from app.screens.shared import parts
from app.screens.shared.model import latest_decision
from app.screens.shared.sources import try_samples
from app.screens.shared.ways import try_threshold
from app.screens.shared.words import HERE
from app.state import address
from core.bundle import Card, OperatingPoint, metric_name
from core.engine import Engine
from core.errors import NodelensError
from core.jobs import JobStore
from core.scoring import Classifier
from core.settings import SAMPLES_TABLE, Settings
from core.statistics import Measured, roc_curve
from core.wording import NOTHING, interval_text, percent

_LEADS: Final = 0.75
"""Half way from chance; below it the centre does not lead when its surroundings say otherwise."""
_SHOWN_SAMPLE: Final = SAMPLES_TABLE.parent / "patches" / "drawn-02.png"


def where_to_go() -> DeltaGenerator:
    """Draw what is judged beside the first steps, and return where the ways to them go."""
    steps, picture = st.columns([2.4, 1], gap="large", vertical_alignment="center")
    with steps:
        parts.page_title("NodeLens", words.LEAD)
        lines = "".join(f"<li><b>{step}</b> {text}</li>" for step, text in words.STEPS)
        st.html(f'<ol class="nl-steps">{lines}</ol>')
        ways = st.container(horizontal=True)
    with picture:
        png = resources.drawn_sample(_SHOWN_SAMPLE)
        if png is not None:
            parts.patch_picture(png, words.SAMPLE_ALT)
            st.caption(words.SAMPLE)
    return ways


def ways_to_go(store: JobStore, *, can_score: bool) -> None:
    """Draw the ways to the first steps."""
    label, blocked = "Try the drawn samples", not (can_score and SAMPLES_TABLE.is_file())
    if parts.button(label, "overview-samples", "draw", type="primary", disabled=blocked):
        try_samples(store)
        st.switch_page("views/batch.py")
    if parts.button("Score my patches", "overview-batch", "grid_view"):
        address.job.look_at(None)
        st.switch_page("views/batch.py")
    if parts.button(HERE, "overview-here", "science"):
        address.job.look_at(None)
        st.switch_page("views/here.py")


def known_of_the_model(settings: Settings) -> tuple[Card, OperatingPoint] | None:
    """Return what is known before the model is open, None where there is no usable card."""
    try:
        return resources.card_in_force(settings)
    except NodelensError:
        return None  # whoever opens the model says so


def by_the_card(
    settings: Settings, card: Card, point: OperatingPoint, whole: DeltaGenerator
) -> "ByTheCard":
    """Draw what is known before the model is open.

    It goes into `whole` as one element, so that it can be taken back.
    """
    with whole.container():
        latest_decision(settings, card)
        parts.section("Model")
        if card.centre_auroc is not None and card.centre_auroc < _LEADS:
            st.warning(words.SURROUNDINGS.format(auroc=card.centre_auroc))
        drawn = ByTheCard(card, point, st.empty(), st.container())
        drawn.facts_of_the_model(words.OPENING, words.OPENING)
        how_validated(settings.model_dir, card, point)
        parts.section("Limits", words.LIMITS)
        parts.bullets("", card.limits)
    return drawn


@dataclass(frozen=True)
class ByTheCard:
    """What is drawn of a model that may not be open yet."""

    card: Card
    point: OperatingPoint
    strip: DeltaGenerator
    technical: DeltaGenerator

    def facts_of_the_model(self, runs_on: tuple[str, str], self_test: tuple[str, str]) -> None:
        """Draw its name, the threshold and, each with a note, what only the open model tells."""
        trained = words.TRAINED.format(patches=self.card.training.patches)
        threshold = f"{self.point.threshold:.4f}"
        with self.strip:
            parts.stat_strip(
                parts.Stat("Model", self.card.name, trained),
                parts.Stat("Runs on", *runs_on),
                parts.Stat("Self-test", *self_test),
                parts.Stat("Threshold", threshold, f"{self.point.name}; {words.FROM_HERE}"),
            )

    def loaded(self, classifier: Classifier) -> None:
        """Draw what the open model tells: the device, the self-test and the details."""
        card, test, engine = self.card, classifier.self_test, classifier.engine
        tested = words.PASSED if test.passed else words.FAILED
        self.facts_of_the_model((engine.device_name or "CPU", words.LOCAL), tested)
        parameters, training = classifier.bundle.parameters, card.training
        with self.technical.expander(words.TECHNICAL, key="overview-technical"):
            known = {
                "Model ID": classifier.model_id,
                "Network": f"{card.architecture.name}, {parameters / 1e6:.1f} million parameters",
                "Self-test": f"{test.patches} golden patches, largest difference "
                f"{test.largest_difference_logit:.2g} logits (allowed {test.tolerance_logit:.2g})",
                "Computed by": _engine_words(engine),
                "Trained on": f"{training.title}: {training.patches:,} patches, "
                f"{training.positives:,} with tumour in the centre",
                "Licence of the weights": card.licence,
            }
            if card.domain is not None:
                marked, share = card.domain, percent(card.domain.share, 0)
                known["Unlike the training data"] = words.DOMAIN.format(
                    patches=marked.patches, judged=marked.judged_on, share=share
                )
            parts.facts(known)


def _engine_words(engine: Engine) -> str:
    name = {"openvino": "OpenVINO", "cuda": "CUDA", "pytorch": "PyTorch"}[engine.name]
    return f"{name}, {engine.arithmetic}"


def how_validated(folder: Path, card: Card, point: OperatingPoint) -> None:
    """Draw what the card says about patches that the model was not trained on, and the ROC."""
    data, notes = card.validation.data, card.validation.notes
    share = percent(data.positives / data.patches) if data.patches else NOTHING
    held_out = not set(data.slides_sha256) & set(card.training.slides_sha256)
    unseen = "; none of these patches was used for training" if held_out else ""
    parts.section("Validation", f"on {data.title}{unseen}")
    numbers, curve = st.columns([1.6, 1], gap="large")
    with numbers:
        parts.stat_strip(
            *_headline(card, point),
            parts.Stat("Patches", f"{data.patches:,}", f"of {data.slides:,} slides"),
            parts.Stat("With tumour", share, words.NOT_CLINICAL),
        )
        parts.facts(
            {
                "Threshold": f"{point.threshold:.4f} ({point.name}): {point.rule}",
                "Chosen on": point.chosen_on,
                "Probabilities": f"calibrated on {card.temperature_fitted_on}",
            }
        )
        with st.expander(words.ALL_MEASURES):
            parts.table(
                ("Measure", "Value", "95 % interval", "Method"),
                [
                    (name, f"{one.value:.3f}", interval_text(one.low, one.high), one.method)
                    for name, one in _measures(card, point)
                ],
            )
            # Older cards have no space before it.
            spaced = [re.sub(r"(?<=\d)%", "\N{NO-BREAK SPACE}%", one) for one in notes]
            parts.bullets(words.NUMBERS, spaced)
    with curve:
        _roc(folder, card, point)


def _headline(card: Card, point: OperatingPoint) -> list[parts.Stat]:
    """Return AUROC, sensitivity and specificity, each with where it was taken."""
    metrics = card.validation.metrics
    shipped = point == card.operating_point
    known = [("AUROC", metrics.get("auroc"), "")]
    for name, chosen_on in (("sensitivity", point.sensitivity), ("specificity", point.specificity)):
        overall = metrics.get(name) if shipped else None
        where = "" if overall else "where the threshold was chosen; "
        known.append((name.capitalize(), overall or chosen_on, where))
    return [
        parts.Stat(
            name, f"{one.value:.3f}", f"{where}95 % interval {interval_text(one.low, one.high)}"
        )
        for name, one, where in known
        if one is not None
    ]


def _measures(card: Card, point: OperatingPoint) -> list[tuple[str, Measured]]:
    """Return everything that the card measured, and what came with the threshold in force."""
    measures = [(metric_name(name), value) for name, value in card.validation.metrics.items()]
    for name, value in (("Sensitivity", point.sensitivity), ("Specificity", point.specificity)):
        if value is not None:
            measures.append((f"{name} where the threshold was chosen", value))
    return measures


def _roc(folder: Path, card: Card, point: OperatingPoint) -> None:
    counts = parts.attempt(resources.validation_table, folder, card)
    if counts is None:
        return
    curve, patches = roc_curve(counts).thinned(300), counts.positives + counts.negatives
    confusion = counts.confusion(point.threshold)
    rates = {name: confusion.value(name) for name in ("sensitivity", "specificity")}
    tried = parts.roc_chart(
        curve,
        **rates,
        named="current threshold",
        key="overview-roc",
        alt=words.ROC_ALT,
        clicked=True,
    )
    st.caption(words.ROC.format(patches=patches, **rates))
    if tried is not None:
        try_threshold(tried, "part")
