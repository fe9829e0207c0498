"""A decision locks what it says, is found again, and is drawn on two pages."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from core.bundle import Card, read_card
from core.local import (
    DecisionStore,
    Findings,
    LocalDecision,
    do_not_use,
    findings_of,
    local_study,
    suffices_sentence,
    use_here,
)
from core.report import local_pdf
from core.settings import SHIPPED_MODEL
from core.thresholds import (
    FixedThreshold,
    OperatingPointStore,
    Rule,
    SensitivityAtLeast,
    ThresholdStudy,
    bundle_scores,
)
from core.wording import percent, percent_interval
from tests.core.local.toys import local_rows


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(SHIPPED_MODEL)


@pytest.fixture(scope="module")
def study(card: Card) -> ThresholdStudy:
    return local_study("Ward 7", local_rows(card), card)


@pytest.fixture(scope="module")
def found(card: Card, study: ThresholdStudy) -> Findings:
    validation = bundle_scores(SHIPPED_MODEL, card)
    return findings_of(study, local_rows(card), card, validation, batch="Ward 7", batch_id="a" * 32)


def decided(
    folder: Path, study: ThresholdStudy, found: Findings, card: Card, rule: Rule, **changes: object
) -> LocalDecision:
    return use_here(
        study,
        found,
        card,
        rule,
        prevalence=0.2,
        by="Dr A",
        in_use=bool(changes.get("in_use", True)),
        reason=str(changes.get("reason", "")),
        points=OperatingPointStore(folder / "points"),
        decisions=DecisionStore(folder / "decisions"),
    )


def test_using_it_locks_a_point_chosen_on_these_patches(
    tmp_path: Path, study: ThresholdStudy, found: Findings, card: Card
) -> None:
    decision = decided(tmp_path, study, found, card, SensitivityAtLeast(0.9))
    locked = OperatingPointStore(tmp_path / "points").in_force(card.weights_sha256)
    assert locked is not None
    assert decision.point is not None
    assert (locked.version, locked.threshold) == (decision.version, decision.point.threshold)
    assert locked.evidence_name == "local patches, Ward 7"
    assert locked.evidence_sha256 == study.scores.evidence.digest == found.evidence_sha256
    assert "Chosen on these local patches" in locked.rule
    assert (locked.prevalence, locked.cost_missed) == (0.2, None)
    flagged = study.scores.evidence.scores >= locked.threshold
    labels = study.scores.evidence.labels
    assert decision.point.sensitivity.value == pytest.approx(
        (flagged & labels).sum() / labels.sum()
    )
    assert decision.point.sensitivity.value >= 0.9


def test_the_shipped_threshold_can_be_kept_and_need_not_be_put_in_use(
    tmp_path: Path, study: ThresholdStudy, found: Findings, card: Card
) -> None:
    rule = FixedThreshold(card.operating_point.threshold)
    decision = decided(tmp_path, study, found, card, rule, in_use=False)
    points = OperatingPointStore(tmp_path / "points")
    assert points.in_force(card.weights_sha256) is None
    assert points.version(card.weights_sha256, decision.version).threshold == rule.threshold


def test_decisions_are_found_again_by_a_new_process_and_not_if_changed(
    tmp_path: Path, study: ThresholdStudy, found: Findings, card: Card
) -> None:
    store = DecisionStore(tmp_path)
    do_not_use(found, by="Dr A", reason="Stain differs.", decisions=store)
    second = do_not_use(found, by="Dr B", decisions=store)
    kept = DecisionStore(tmp_path).decisions(card.weights_sha256)
    assert [(one.number, one.decided_by, one.use) for one in kept] == [
        (1, "Dr A", False),
        (2, "Dr B", False),
    ]
    assert kept[1].model_dump_json() == second.model_dump_json()
    (file,) = tmp_path.rglob("decision-1.json")
    file.chmod(0o644)
    file.write_text(file.read_text("utf-8").replace("Dr A", "Dr X"), "utf-8")
    assert [one.number for one in store.decisions(card.weights_sha256)] == [2]
    assert "was changed" in store.faults(card.weights_sha256)[0]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def text_of(pdf: bytes) -> list[str]:
    return [plain(page.extract_text()) for page in PdfReader(BytesIO(pdf)).pages]


def test_the_pdf_has_two_pages_and_states_data_numbers_decision_and_who(
    tmp_path: Path, study: ThresholdStudy, found: Findings, card: Card
) -> None:
    decision = decided(tmp_path, study, found, card, SensitivityAtLeast(0.9), reason="As agreed.")
    first, second = text_of(local_pdf(decision))
    assert "Ward 7" in first
    assert f"{found.patches} labelled" in first
    assert "12 slides known" in first
    assert card.model_id in first
    assert found.evidence_sha256 in first
    for claim in found.claims[1:]:
        assert plain(percent(claim.here.value)) in first
        assert plain(percent_interval(claim.here.low, claim.here.high)) in first
    assert plain(suffices_sentence(found)) in first
    assert decision.point is not None
    assert f"{decision.point.threshold:.4f}" in second
    for fact in ("Dr A", "As agreed.", decision.version, "20.0"):
        assert fact in second
    for page in (first, second):
        assert "Research software, not a medical device" in page


def test_the_same_decision_gives_the_same_two_pages_however_much_is_said(
    tmp_path: Path, found: Findings
) -> None:
    long = found.model_copy(
        update={"cautions": tuple(f"Caution {n}. {'word ' * 60}" for n in range(40))}
    )
    store = DecisionStore(tmp_path)
    decision = do_not_use(long, by="B" * 200, reason="because " * 62, decisions=store)
    pdf = local_pdf(decision)
    assert pdf == local_pdf(store.decisions(found.weights_sha256)[0])
    pages = text_of(pdf)
    assert len(pages) == 2
    assert "not to be used here" in pages[1]
    assert "further remarks are in the record" in pages[0]
