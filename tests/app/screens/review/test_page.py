import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.screens.review import verdict, words
from app.state import identity
from core.explanation import Explainer
from core.review import (
    CaseOrder,
    OnScreen,
    ReadingMode,
    ReviewStore,
    Verdict,
    current_verdicts,
    verify_store,
)
from core.review.anchors import read_anchors
from core.review.exports import verdict_rows
from core.scoring import Classifier
from tests.app.conftest import html, open_view
from tests.app.screens.review.toys import OWNER, scored_case
from tests.toys import write_toy_bundle


@pytest.fixture
def data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose readers may press a key as soon as a patch appears."""
    monkeypatch.setattr(verdict, "LEAST_S", 0.0)
    data_dir.mkdir()
    return data_dir


def page(view: str, *, reader: str = "Ann", **query: str) -> AppTest:
    return open_view(view, token=OWNER, reader=reader, query=query)


def verdicts(data: Path) -> list[Verdict]:
    record = ReviewStore(data / "review.sqlite").record()
    return [one.final.reading.verdict for one in current_verdicts(record)]


def test_the_page_asks_for_a_name_first(data: Path) -> None:
    found = page("review", reader="")
    assert not found.exception
    assert "Who is reading?" in html(found)
    assert data.is_dir()


def test_a_comment_given_blind_stands_in_the_box_again_and_is_exported(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    found = page("review", case="toycase")
    found.text_area[0].set_value("small group, upper left").run()
    found.button(key="verdict-N").click().run()
    assert found.text_area[0].value == "small group, upper left"
    found.button(key="keep").click().run()
    rows = verdict_rows(ReviewStore(data / "review.sqlite").record(), "toycase")
    assert [row.comment for row in rows] == ["small group, upper left"]


def test_a_comment_changed_after_the_ai_replaces_the_blind_one_in_exports(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    found = page("review", case="toycase")
    found.text_area[0].set_value("unsure").run()
    found.button(key="verdict-N").click().run()
    found.text_area[0].set_value("sinus histiocytes").run()
    found.button(key="keep").click().run()
    rows = verdict_rows(ReviewStore(data / "review.sqlite").record(), "toycase")
    assert [row.comment for row in rows] == ["sinus histiocytes"]


def test_a_key_pressed_too_soon_is_mentioned_by_the_page_and_not_by_the_callback(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", case="toycase")
    monkeypatch.setattr(verdict, "LEAST_S", 1e9)
    found.button(key="verdict-T").click().run()
    assert not found.exception
    assert [toast.value for toast in found.toast] == [words.TOO_SOON]
    assert "nl-read-bar" in html(found)
    assert verdict_rows(ReviewStore(data / "review.sqlite").record(), "toycase") == []


@pytest.mark.usefixtures("data")
def test_without_batch_and_case_the_page_says_what_to_do() -> None:
    found = page("review")
    assert not found.exception
    assert "No case yet" in html(found)
    assert "No scored batch yet" in html(found)


def test_blind_first_draws_no_score_before_the_verdict_is_on_record(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    found = page("review", case="toycase")
    assert not found.exception
    assert "Score and map are hidden" in html(found)
    assert "nl-read-score" not in html(found)
    assert "patch-0" not in html(found)  # a file name would give hidden repeats away
    found.button(key="verdict-T").click().run()
    assert "nl-read-score" in html(found)
    task = ReviewStore(data / "review.sqlite").record().state("toycase", "Ann", 0)
    assert task.first is not None
    assert task.first.reading.screen == ()
    assert task.ai_shown
    found.button(key="keep").click().run()
    assert "nl-read-score" not in html(found)
    assert "1 of 10" in html(found)
    (given,) = current_verdicts(ReviewStore(data / "review.sqlite").record())
    assert given.final.reading.screen == (OnScreen.SCORE,)


def test_undo_takes_back_the_last_verdict_and_shows_its_patch(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", case="toycase")
    found.button(key="verdict-T").click().run()
    found.button(key="verdict-X").click().run()
    assert verdicts(data) == [Verdict.TUMOUR, Verdict.CANNOT_JUDGE]
    found.button(key="undo").click().run()
    assert verdicts(data) == [Verdict.TUMOUR]
    assert "Patch 2 of 10" in html(found)


def test_a_patch_left_for_later_comes_again_at_the_end(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST, patches=2)
    found = page("review", case="toycase")
    found.button(key="later").click().run()
    assert "Patch 2 of 2" in html(found)
    found.button(key="verdict-N").click().run()
    assert "Patch 1 of 2" in html(found)
    found.button(key="verdict-N").click().run()
    assert "You have read every patch" in html(found)


def test_what_is_said_goes_on_the_record_with_the_verdict(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", case="toycase")
    found.button(key="confidence-3").click().run()
    found.text_area(key="comment-toycase-0-first").set_value("large nuclei").run()
    found.button(key="verdict-T").click().run()
    (given,) = current_verdicts(ReviewStore(data / "review.sqlite").record())
    assert given.final.reading.comment == "large nuclei"
    assert given.final.reading.confidence == "unsure"
    assert found.text_area(key="comment-toycase-1-first").value == ""


def test_a_key_held_down_gives_one_verdict(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", case="toycase")
    monkeypatch.setattr(verdict, "LEAST_S", 30.0)
    found.button(key="verdict-T").click().run()
    assert verdicts(data) == []
    assert "Too soon" in found.toast[0].value


def test_reading_goes_on_where_it_stopped(data: Path, toy_classifier: Classifier) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    page("review", case="toycase").button(key="verdict-T").click().run()
    assert "Patch 2 of 10" in html(page("review", case="toycase"))
    assert "Patch 1 of 10" in html(page("review", case="toycase", reader="Ben"))


def test_a_click_marks_an_exception_and_the_rest_is_agreed_to(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST, patches=14)
    found = page("review", case="toycase")
    found.toggle(key="by-page").set_value(True).run()
    for place in (1, 3, 3):
        found.button(key=f"mark-{place}").click().run()
    agree = next(button for button in found.button if button.label.startswith("Agree to"))
    assert agree.label == "Agree to the rest (10)"
    agree.click().run()
    given = current_verdicts(ReviewStore(data / "review.sqlite").record(), "toycase", "Ann")
    assert [one.position for one in given] == list(range(12))
    assert [one.position for one in given if one.overrides_model] == [1]
    unjudged = [one.position for one in given if one.final.reading.verdict.label is None]
    assert unjudged == [3]


def test_the_end_of_a_case_leads_to_results_in_pictures_and_to_a_report(
    data: Path, toy_classifier: Classifier
) -> None:
    case = scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST, patches=3)
    call = {1: "T", 0: "N"}
    found = page("review", case="toycase")
    for at, changes in enumerate((True, False, False)):
        label = case.patches[case.tasks[at].patch].predicted_label
        assert label is not None
        found.button(key=f"verdict-{call[1 - label] if changes else call[label]}").click().run()
        found.button(key=f"verdict-{call[label]}").click().run()
    assert found.button(key="see-results").label == "See results"
    assert [one.label for one in found.button if "PDF" in one.label] == ["Report, PDF"]
    results = page("review_results", case="toycase")
    assert "1 of 3 verdicts changed: 1 to what the model says" in html(results)
    assert html(results).count('class="nl-read"') == 1
    table = next(one.value for one in results.dataframe if "Picture" in one.value)
    assert table["Patch"].tolist() == [1, 2, 3]
    assert all(picture.startswith("data:image/png") for picture in table["Picture"])
    report = next(one for one in results.button if one.label == "Report, PDF")
    report.click().run(timeout=60)
    assert not results.exception
    assert not results.error


def test_a_case_is_renamed_archived_and_restored_by_who_opened_it(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", reader="Lea Lead", case="toycase")
    found.text_input(key="case-name-toycase").set_value("Node 7").run()
    assert "Node 7" in html(found)
    found.button(key="archive-case").click().run()
    assert "No case yet" in html(found)
    found.toggle(key="list-archived").set_value(True).run()
    found.button(key="read-toycase").click().run()
    assert not found.exception
    assert "verdict-T" not in [button.key for button in found.button]
    found.button(key="archive-case").click().run()
    assert "verdict-T" in [button.key for button in found.button]
    store = ReviewStore(data / "review.sqlite")
    kinds = [entry.payload.event.kind for entry in store.entries()]
    assert kinds == ["store migrated", "case opened", *["case filed"] * 3]
    assert verify_store(store.path).ok


def test_agree_to_all_says_what_it_does_and_writes_one_event_each(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST, patches=14)
    found = page("review", case="toycase")
    found.toggle(key="by-page").set_value(True).run()
    assert "records, in your name" in html(found)
    agree = next(button for button in found.button if button.label.startswith("Agree to all"))
    agree.click().run()
    record = ReviewStore(data / "review.sqlite").record()
    found_verdicts = current_verdicts(record, "toycase", "Ann")
    assert len(found_verdicts) == 12
    assert not any(one.overrides_model for one in found_verdicts)
    assert verify_store(data / "review.sqlite").ok


def test_results_stay_hidden_in_the_middle_of_a_blind_reading(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST, patches=2)
    found = page("review", case="toycase")
    found.button(key="verdict-T").click().run()
    during = page("review_results", case="toycase")
    assert "in the middle of a blind reading" in during.info[0].value
    assert "Kappa" not in html(during)
    for key in ("keep", "verdict-N", "keep"):
        found.button(key=key).click().run()
    after = page("review_results", case="toycase")
    assert not after.exception
    assert "Kappa" in html(after)
    assert "before the AI" in html(after)


def test_only_a_lead_sees_the_names_of_others(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODELENS_LEADS", "Lea Lead, Max Lead")
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    page("review", case="toycase", reader="Ann").button(key="verdict-T").click().run()
    monkeypatch.setattr("app.state.identity.login_name", lambda: "Lea Lead")
    assert "Ann and model" in html(page("review_results", case="toycase", reader="Lea Lead"))
    monkeypatch.setattr("app.state.identity.login_name", lambda: "Ben")
    seen = html(page("review_results", case="toycase", reader="Ben"))
    assert "reader 1 and model" in seen
    assert "Ann" not in seen


def test_a_damaged_store_is_told_in_a_sentence(data: Path) -> None:
    (data / "review.sqlite").write_bytes(b"no database" * 100)
    (problem,) = page("review").error
    sentence = problem.value.replace("\\", "")
    assert "review.sqlite" in sentence
    assert "file is not a database" in sentence


def test_a_case_is_started_from_a_scored_batch_and_a_second_reading_from_the_case(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(data.parent))
    found = page("review", reader="Ann")
    found.button(key="start-case").click().run()
    assert not found.exception
    assert not found.error
    record = ReviewStore(data / "review.sqlite").record()
    case = list(record.cases.values())[-1]
    assert case.mode is ReadingMode.BLIND_FIRST
    assert "Patch 1 of" in html(found)
    found.button(key="verdict-T").click().run()
    again = page("review", reader="Ben")
    again.segmented_control(key="new-mode").set_value(ReadingMode.SECOND_READER).run()
    again.button(key="start-case").click().run()
    assert not again.exception
    second = list(ReviewStore(data / "review.sqlite").record().cases.values())[-1]
    assert second.of == (case.case,)
    assert "no score, no map, no other verdicts" in html(again)
    assert "nl-read-score" not in html(again)


def shown_with_map(found: AppTest) -> str:
    """Return what the page says once the map is there."""
    deadline = time.monotonic() + 30
    while words.MAP_WAIT in html(found):
        assert time.monotonic() < deadline
        found.run()
    return html(found)


def test_the_map_comes_by_key_and_goes_on_the_record_as_it_was_shown(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", case="toycase")
    assert "nl-read-map" not in html(found)
    found.button(key="map").click().run()
    shown = shown_with_map(found)
    assert "under its Grad-CAM" in shown
    assert "Grad-CAM. " in shown
    assert any(part in shown for part in ("Passed its check", "Did not pass", "Not better than"))
    found.button(key="map").click().run()  # hidden again: it was seen all the same
    assert "nl-read-map" not in html(found)
    found.button(key="verdict-T").click().run()
    (given,) = current_verdicts(ReviewStore(data / "review.sqlite").record())
    noted = given.final.reading
    assert noted.map is not None
    explainer = Explainer(toy_classifier)
    assert (noted.map.method, noted.map.layer) == (explainer.method, explainer.layer.name)
    assert noted.map.drawn
    assert noted.map.model_id == toy_classifier.model_id
    assert OnScreen.CAM in noted.screen
    found.button(key="verdict-T").click().run()
    second = current_verdicts(ReviewStore(data / "review.sqlite").record())[1].final.reading
    assert second.map is None


def test_blind_first_draws_no_map_before_the_verdict_is_on_record(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    found = page("review", case="toycase")
    assert found.button(key="map").disabled
    found.session_state["review-map"] = True
    found.run()
    assert "under its Grad-CAM" not in html(found)
    assert "nl-read-map" not in html(found)
    found.button(key="verdict-T").click().run()
    assert "under its Grad-CAM" in shown_with_map(found)
    found.button(key="keep").click().run()
    assert "under its Grad-CAM" not in html(found)
    (given,) = current_verdicts(ReviewStore(data / "review.sqlite").record())
    assert given.first.reading.map is None
    assert given.final.reading.screen == (OnScreen.SCORE, OnScreen.CAM)


def test_a_case_of_another_model_has_no_map_and_says_so(
    data: Path, toy_classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    monkeypatch.setenv("NODELENS_MODEL", str(write_toy_bundle(tmp_path / "other", seed=5)))
    found = page("review", case="toycase")
    found.button(key="map").click().run()
    assert "No map. The patches were scored by" in html(found)
    found.button(key="verdict-T").click().run()
    assert verdicts(data) == [Verdict.TUMOUR]


def test_an_earlier_verdict_is_corrected_by_a_new_event(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    found = page("review", case="toycase")
    for key in ("verdict-T", "keep", "verdict-N", "keep", "verdict-N", "keep"):
        found.button(key=key).click().run()
    store = ReviewStore(data / "review.sqlite")
    before = store.links()
    found.button(key="earlier").click().run()
    table = found.dataframe[0].value
    assert table["Patch"].tolist() == [3, 2, 1]
    assert table["Blind verdict"].tolist() == ["no tumour", "no tumour", "tumour"]
    found.session_state["again"] = 0
    found.session_state["looks-back"] = False
    found.run()
    assert "Patch 1 of 10" in html(found)
    assert "On record: ▲ tumour" in html(found)
    found.text_area[0].set_value("seen again").run()
    found.button(key="verdict-N").click().run()
    assert "Patch 4 of 10" in html(found)
    (first, *_) = current_verdicts(store.record(), "toycase", "Ann")
    assert first.final.reading.verdict is Verdict.NO_TUMOUR
    assert first.final.reading.comment == "seen again"
    assert first.first.reading.verdict is Verdict.TUMOUR  # frozen
    assert store.links()[: len(before)] == before
    assert store.entries()[-1].payload.event.kind == "corrected"
    noted = read_anchors(data / "review_anchors.txt")
    assert [anchor.sequence for anchor in noted.anchors] == [10]
    assert verify_store(store.path).ok


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        (ReadingMode.BLIND_FIRST, CaseOrder.QUALITY),
        (ReadingMode.AI_FIRST, CaseOrder.RING_DECIDED),
    ],
)
def test_a_case_is_ordered_by_what_is_measured_for_it(
    data: Path,
    toy_classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
    mode: ReadingMode,
    order: CaseOrder,
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(data.parent))
    found = page("review", reader="Ann")
    found.segmented_control(key="new-mode").set_value(mode).run()
    offered = found.selectbox(key=f"new-order-{mode}")
    assert (str(CaseOrder.RING_DECIDED) in offered.options) is (mode is ReadingMode.AI_FIRST)
    offered.set_value(order).run()
    assert words.ORDERS[order] in [caption.value for caption in found.caption]
    found.button(key="start-case").click().run()
    assert not found.exception
    assert not found.error
    case = list(ReviewStore(data / "review.sqlite").record().cases.values())[-1]
    assert case.order.startswith(str(order))
    assert "random controls" in case.order


def logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Streamlit tell of somebody whom an identity provider vouches for."""
    claims = {"is_logged_in": True, "iss": "https://id.example", "sub": "7", "email": "ann@x.org"}
    monkeypatch.setattr("streamlit.user", claims)


def test_a_login_is_the_reader_whatever_name_the_browser_kept(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(monkeypatch)
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", reader="Somebody else", case="toycase")
    found.button(key="verdict-T").click().run()
    (given,) = current_verdicts(ReviewStore(data / "review.sqlite").record())
    assert given.reader == "ann@x.org"
    cases = page("review", reader="Somebody else")
    assert "ann@x.org" in html(cases)
    assert "Somebody else" not in html(cases)
    assert "other-reader" not in [button.key for button in cases.button]
    assert identity.owner() == "login https://id.example 7"


def test_whoever_is_logged_in_is_a_lead_only_by_the_list(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(monkeypatch)
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    page("review", case="toycase").button(key="verdict-T").click().run()
    reader = page("review_results", case="toycase")
    assert reader.toggle(key="pseudonymise").disabled
    assert reader.toggle(key="pseudonymise").value
    monkeypatch.setenv("NODELENS_LEADS", "ann@x.org")
    assert not page("review_results", case="toycase").toggle(key="pseudonymise").disabled


def test_a_name_given_for_the_review_stands_where_a_threshold_is_used(data: Path) -> None:
    asked = page("review", reader="")
    asked.text_input(key="reader-name").set_value("Dr Ann Example")
    asked.button[0].click().run()
    assert data.is_dir()
    threshold = page("threshold", reader="Ann")
    threshold.session_state["fold-versions"] = True
    assert threshold.run().text_input(key="force-name").value == "Ann"
