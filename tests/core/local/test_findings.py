"""What is found on local patches, against scikit-learn and statsmodels from the batch's CSV."""

import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import logit
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from core.bundle import Card, read_card
from core.errors import EvidenceError, RunError
from core.jobs import rows_csv
from core.local import Findings, Standing, findings_of, local_study, suffices_sentence
from core.local.findings import WANTED_WIDTH, Claim
from core.scoring import ScoreRow
from core.settings import SHIPPED_MODEL
from core.statistics import Measured
from core.thresholds import bundle_scores
from tests.core.local.toys import local_rows


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(SHIPPED_MODEL)


def found_in(rows: list[ScoreRow], card: Card) -> Findings:
    study, validation = local_study("ours", rows, card), bundle_scores(SHIPPED_MODEL, card)
    return findings_of(study, rows, card, validation, batch="ours")


def test_labels_that_follow_the_scores_without_exception_are_doubted(card: Card) -> None:
    rows = local_rows(card)
    derived = [replace(row, label=int((row.prob_tumour or 0) >= 0.5)) for row in rows]
    remark = "made from these scores"
    assert not any(remark in caution for caution in found_in(rows, card).cautions)
    assert any(remark in caution for caution in found_in(derived, card).cautions)


def test_numbers_are_scikit_learns_from_the_csv_of_the_batch(card: Card) -> None:
    rows = local_rows(card)
    findings = found_in(rows, card)
    table = pd.read_csv(BytesIO(rows_csv(rows)))
    flagged = table["prob_tumour"] >= card.operating_point.threshold
    here = {claim.name: claim.here.value for claim in findings.claims}
    assert here["auroc"] == pytest.approx(roc_auc_score(table["label"], table["prob_tumour"]))
    assert here["sensitivity"] == pytest.approx(recall_score(table["label"], flagged))
    assert here["specificity"] == pytest.approx(recall_score(1 - table["label"], ~flagged))
    calibration = findings.calibration
    assert calibration.brier == pytest.approx(
        brier_score_loss(table["label"], table["prob_tumour"]), abs=1e-6
    )
    design = sm.add_constant(logit(table["prob_tumour"].clip(1e-7, 1 - 1e-7)))
    fitted = sm.Logit(table["label"], design).fit(disp=0)
    assert calibration.slope is not None
    assert (calibration.intercept, calibration.slope.value) == pytest.approx(
        tuple(fitted.params), abs=1e-3
    )
    assert (findings.patches, findings.positives, findings.slides) == (
        300,
        table["label"].sum(),
        12,
    )


def test_intervals_are_over_slides_where_they_are_known_else_by_patches(card: Card) -> None:
    over, by = found_in(local_rows(card), card), found_in(local_rows(card, slides=None), card)
    assert {claim.here.by for claim in over.claims} == {"slides"}
    assert {claim.here.by for claim in by.claims} == {"patches"}
    assert by.slides is None
    rate = by.shipped.sensitivity
    wilson = proportion_confint(int(rate.hits), int(rate.trials), method="wilson")
    assert (rate.low, rate.high) == pytest.approx(wilson)
    assert "slides are not known" in suffices_sentence(found_in(many(card), card))


def many(card: Card) -> list[ScoreRow]:
    return local_rows(card, slides=None, patches=3000)


def test_what_is_still_needed_makes_the_interval_as_narrow_as_wanted(card: Card) -> None:
    findings = found_in(local_rows(card, slides=None, patches=60), card)
    assert not findings.suffices
    for one in findings.needed:
        assert one.more is not None
        assert one.more > 0
        n = one.have + one.more
        low, high = proportion_confint(one.rate.value * n, n, method="wilson")
        assert high - low <= WANTED_WIDTH + 1e-9
        assert one.rate.width > WANTED_WIDTH
    assert "More patches are needed." in suffices_sentence(findings)
    assert found_in(many(card), card).suffices


def test_tumour_from_one_slide_only_cannot_tell(card: Card) -> None:
    rows = [
        replace(row, slide="T" if row.label else f"N{n % 6}")
        for n, row in enumerate(local_rows(card))
    ]
    findings = found_in(rows, card)
    sensitivity = findings.needed[0]
    assert (sensitivity.by, sensitivity.have, sensitivity.more) == ("slides", 1, None)
    sentence = suffices_sentence(findings)
    assert "Sensitivity cannot be judged from fewer than two slides with tumour patches" in sentence


def test_patches_of_unknown_slide_are_not_said_to_be_a_slide(card: Card) -> None:
    rows = local_rows(card)
    rows = [replace(row, slide=row.slide if n % 5 else None) for n, row in enumerate(rows)]
    findings = found_in(rows, card)
    assert (findings.slides, [one.have for one in findings.needed]) == (12, [13, 13])
    sentence = suffices_sentence(findings)
    assert "more slides with tumour patches, similar to yours, would" in sentence
    assert "13" not in sentence


@pytest.mark.parametrize(
    ("here", "reading"),
    [
        (Measured(0.7, 0.6, 0.8), Standing.LOWER),
        (Measured(0.97, 0.96, 0.99), Standing.HIGHER),
        (Measured(0.9, 0.7, 0.98), Standing.TOO_WIDE),
        (Measured(0.93, 0.9, 0.97), Standing.AS_CLAIMED),
        (Measured(0.9), Standing.UNKNOWN),
    ],
)
def test_a_claim_is_read_off_the_interval_found_here(here: Measured, reading: Standing) -> None:
    claimed = Measured(0.95, 0.8, 0.99)
    assert Claim(name="sensitivity", claimed=claimed, here=here).reading is reading
    assert Claim(name="sensitivity", claimed=None, here=here).reading is Standing.NOT_CLAIMED


def test_patches_unlike_the_training_data_are_counted_among_the_labelled(card: Card) -> None:
    rows = local_rows(card, unlike=40)
    findings = found_in(rows, card)
    assert (findings.unlike, findings.unlike_is_rare) == (40, True)
    assert not found_in(local_rows(card, unlike=2), card).unlike_is_rare
    without = [replace(row, label=None) if n < 40 else row for n, row in enumerate(rows)]
    assert found_in(without, card).unlike == 0
    assert found_in(without, card).unlabelled == 40


def test_known_slides_and_copies_are_said(card: Card) -> None:
    rows = local_rows(card)
    rows[1] = replace(rows[1], sha256=rows[0].sha256, label=0)
    rows[0] = replace(rows[0], label=1)
    known = card.model_copy(
        update={"training": card.training.model_copy(update={"slides_sha256": hashes("L03")})}
    )
    text = " ".join(found_in(rows, known).cautions)
    assert "1 of 12 slides (L03) has the name of a slide that the model was trained on" in text
    assert "1 patch is an exact copy of another" in text
    assert "different labels" in text
    assert "L03" not in " ".join(found_in(rows, card).cautions)


def test_patches_without_a_slide_are_no_slide_that_the_model_may_know(card: Card) -> None:
    rows = [
        replace(row, slide=None) if n % 3 == 0 else row for n, row in enumerate(local_rows(card))
    ]
    known = card.model_copy(
        update={"training": card.training.model_copy(update={"slides_sha256": hashes("L04")})}
    )
    assert "1 of 8 slides (L04) has the name" in " ".join(found_in(rows, known).cautions)


def test_an_auroc_whose_interval_is_not_over_slides_says_so(card: Card) -> None:
    def said(rows: list[ScoreRow]) -> bool:
        return "AUROC treats patches as independent" in " ".join(found_in(rows, card).cautions)

    apart = [replace(row, slide=f"{row.slide} {row.label}") for row in local_rows(card, slides=1)]
    assert said(apart)
    assert not said(local_rows(card))
    assert not said(local_rows(card, slides=None))  # there the caption says it of all


def test_patches_that_the_model_knows_are_said_where_no_slide_is_known(card: Card) -> None:
    known = bundle_scores(SHIPPED_MODEL, card).ids.tolist()
    rows = local_rows(card, slides=None)
    taken = [replace(row, id=known[n] if n < 250 else row.id) for n, row in enumerate(rows)]
    remark = "250 of 300 patches have the names of patches that the model was trained on and its"
    assert remark in " ".join(found_in(taken, card).cautions)
    assert "have the names" not in " ".join(found_in(rows, card).cautions)


def hashes(slide: str) -> tuple[str, ...]:
    return (hashlib.sha256(slide.encode()).hexdigest(),)


def test_scores_of_another_model_or_temperature_and_one_class_are_refused(card: Card) -> None:
    rows = local_rows(card)
    with pytest.raises(RunError, match="from the model other"):
        local_study("ours", [replace(row, model_id="other") for row in rows], card)
    with pytest.raises(RunError, match="temperature 2"):
        local_study("ours", [replace(row, temperature=2.0) for row in rows], card)
    with pytest.raises(EvidenceError, match="needs both"):
        local_study("ours", [row for row in rows if row.label], card)


def test_findings_survive_their_file(card: Card, tmp_path: Path) -> None:
    findings = found_in(local_rows(card, slides=None, patches=60), card)
    again = Findings.model_validate_json(findings.model_dump_json())
    assert again.model_dump_json() == findings.model_dump_json()
    assert np.isnan(again.claims[0].here.design_effect)
