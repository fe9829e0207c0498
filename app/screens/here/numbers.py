"""Steps 2 and 3: the numbers found on the labelled patches, beside what the card claims."""

import streamlit as st

from app import charts
from app.charts import threshold as figures
from app.screens.here import words
from app.screens.shared.parts import bullets, chart, plain, roc_chart, section, table, with_small
from app.state import widgets
from core.local import Claim, Findings, calibration_sentences, suffices_sentence, unlike_sentence
from core.local.sentences import NAMES
from core.statistics import Measured
from core.thresholds import ThresholdStudy
from core.wording import NOTHING, interval_text, number, percent, percent_interval


def rates(study: ThresholdStudy, findings: Findings) -> None:
    """Draw AUROC and rates with their intervals, and whether so many patches are enough."""
    section(words.STEPS[1], words.AT_SHIPPED.format(threshold=findings.shipped.threshold))
    values, curve = st.columns([1.5, 1], gap="large")
    with values:
        table(
            ("", "With 95 % interval"),
            [(NAMES[claim.name], _value(claim.here, claim)) for claim in findings.claims],
            "nl-table nl-rates",
        )
        by = words.INTERVALS["patches" if findings.slides is None else "slides"]
        grey = words.GREY if findings.shipped.lower_threshold is not None else ""
        st.caption(by + grey)
        for caution in findings.cautions:
            st.warning(plain(caution), icon=":material/warning:")
        enough = plain(suffices_sentence(findings))
        if findings.suffices and findings.slides is not None:
            st.success(enough, icon=":material/check:")
        else:
            st.info(enough, icon=":material/straighten:")
    with curve:
        shipped = findings.shipped
        roc_chart(
            study.roc,
            sensitivity=shipped.sensitivity.value,
            specificity=shipped.specificity.value,
            named="shipped threshold",
            key="here-roc",
            alt=words.ROC_ALT,
        )


def transfer(study: ThresholdStudy, findings: Findings) -> None:
    """Draw the claims of the card beside what was found, calibration, and what is unlike."""
    section(words.STEPS[2])
    table(
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
        bullets("Calibration", calibration_sentences(findings.calibration))
        bullets("Tissue", [unlike_sentence(findings)])
    with curve:
        figure = figures.calibration(
            study.calibration, in_force=None, colours=charts.palette(dark=widgets.is_dark())
        )
        chart(figure, "here-calibration", words.CALIBRATION_ALT)


def _value(one: Measured, claim: Claim) -> str:
    if claim.name == "auroc":
        return with_small(number(one.value), interval_text(one.low, one.high))
    return with_small(percent(one.value), percent_interval(one.low, one.high))
