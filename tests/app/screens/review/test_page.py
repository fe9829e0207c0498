import io
import json
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app import resources
from app.screens.review import words
from app.state import identity
from core.explanation import Explainer
from core.review import (
    CaseOrder,
    OnScreen,
    ReadingMode,
    ReasonTag,
    ReviewStore,
    Verdict,
    current_verdicts,
    verify_store,
)
from core.review.anchors import read_anchors
from core.review.exports import verdict_table
from core.scoring import Classifier
from core.wording import call_of
from tests.app.conftest import html, logged_in, open_view, told_url
from tests.app.screens.review.toys import OWNER, Hand, scored_case
from tests.toys import write_toy_bundle


@pytest.fixture
def data(data_dir: Path) -> Path:
    """An installation in which nothing was read yet."""
    data_dir.mkdir()
    return data_dir


def page(view: str, *, reader: str = "Ann", **query: str) -> AppTest:
    return open_view(view, token=OWNER, reader=reader, query=query)


def test_the_page_asks_for_a_name_first(data: Path) -> None:
    found = page("review", reader="")
    assert not found.exception
    assert "Who is reading?" in html(found)
    assert data.is_dir()


def test_a_comment_given_blind_stands_in_the_box_again_and_is_exported(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    ann = Hand(data)
    ann.give("no tumour", comment="small group, upper left")
    assert ann.screen["before"]["comment"] == "small group, upper left"
    ann.keep()
    rows = list(verdict_table(ann.store.record(), "toycase").itertuples())
    assert [row.comment for row in rows] == ["small group, upper left"]


def test_a_comment_changed_after_the_ai_replaces_the_blind_one_in_exports(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    ann = Hand(data)
    ann.give("no tumour", comment="unsure")
    ann.keep(comment="sinus histiocytes")
    rows = list(verdict_table(ann.store.record(), "toycase").itertuples())
    assert [row.comment for row in rows] == ["sinus histiocytes"]


def test_a_verdict_that_was_sent_twice_is_recorded_once(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    ann = Hand(data)
    said = ann.says("tumour")
    for _ in range(2):  # the second time the score is shown already, and the first word counts
        ann.ask(after=-1, verdicts=(said,))
        assert ann.answer["problem"] == ""
        assert ann.screen["stage"] == "after"
    task = ann.store.record().state("toycase", "Ann", 0)
    assert task.first is not None
    assert task.after_ai is None


def test_verdicts_sent_together_are_recorded_in_order_once_and_each_for_its_own_patch(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    here, there = Hand(data), Hand(data)
    there.ask(after=1)
    there.give("cannot judge")  # on the third patch, in another window
    given = zip(
        ["tumour", "no tumour", "tumour", "cannot judge"], here.answer["screens"], strict=False
    )
    said = tuple(
        replace(here.says(verdict), position=shown["position"]) for verdict, shown in given
    )
    for sent in (said[:2], said):  # the answer to the first two was lost on its way
        here.ask(after=3, verdicts=sent)
    assert here.answer["problem"].count("Patch 3 was read in another window") == 1
    assert here.screen["position"] == 4
    kinds = [entry.payload.event.kind for entry in here.store.entries()]
    assert kinds.count("verdict given") == 4
    standing = current_verdicts(here.store.record(), "toycase", "Ann")
    in_order = sorted(standing, key=lambda one: one.final.sequence)
    assert [one.position for one in in_order] == [2, 0, 1, 3]
    assert here.verdicts() == ["tumour", "no tumour", "cannot judge", "cannot judge"]


def test_a_verdict_on_a_patch_that_another_window_has_read_is_refused(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    here, there = Hand(data), Hand(data)
    there.give("tumour")
    here.give("no tumour")
    assert "Patch 1 was read in another window" in here.answer["problem"]
    assert here.verdicts() == [Verdict.TUMOUR]
    assert here.screen["position"] == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"{",
        b'{"after": -2}',
        b'{"verdicts": [{"verdict": "tumour"}]}',
        b'{"after": "x"}',
    ],
)
def test_what_no_desk_says_is_not_understood(
    data: Path, toy_classifier: Classifier, sent: bytes
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    with pytest.raises(ValueError, match=r"validation error"):
        Hand(data).seat.answer_json(sent)


@pytest.mark.usefixtures("data")
def test_without_batch_and_case_the_page_says_what_to_do() -> None:
    found = page("review")
    assert not found.exception
    assert "No scored batch yet" in html(found)


def test_blind_first_sends_no_score_before_the_verdict_is_on_record(
    data: Path, toy_classifier: Classifier
) -> None:
    case = scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    assert "nl-read-score" not in html(page("review", case="toycase"))
    ann = Hand(data)
    sent = json.dumps(ann.answer)
    assert len(ann.answer["screens"]) == 10
    assert "nl-read-score" not in sent
    assert "moves on" not in ann.screen["note"]  # the score comes first
    assert "patch-0" not in sent  # a file name would give hidden repeats away
    assert not [patch.sha256 for patch in case.patches if patch.sha256[:8] in sent]
    ann.give("tumour")
    assert "nl-read-score" in ann.screen["evidence"]
    assert "nl-read-score" not in json.dumps(ann.answer["screens"][1:])
    task = ann.store.record().state("toycase", "Ann", 0)
    assert task.first is not None
    assert task.first.reading.screen == ()
    assert task.ai_shown
    ann.keep()
    assert "nl-read-score" not in json.dumps(ann.answer)
    assert ann.answer["progress"].startswith("1 of 10")
    (given,) = current_verdicts(ann.store.record())
    assert given.final.reading.screen == (OnScreen.SCORE,)


def test_what_lies_around_a_patch_of_a_slide_is_offered_and_goes_on_the_record(
    data: Path, toy_classifier: Classifier
) -> None:
    case = scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    around = np.full((288, 288, 3), 200, np.uint8)
    ann = Hand(data)
    ann.seat.kept.keep_around(around, sha256=case.patches[case.tasks[0].patch].sha256)
    ann.ask()
    assert [screen["around"] for screen in ann.answer["screens"][:2]] == [True, False]
    picture = ann.seat.picture(0, "-around")
    assert picture is not None
    with Image.open(io.BytesIO(picture)) as shown:
        np.testing.assert_array_equal(np.asarray(shown), around)
    assert ann.seat.picture(1, "-around") is None
    ann.give("tumour", around=True)
    assert ann.answer["problem"] == ""
    task = ann.store.record().state("toycase", "Ann", 0)
    assert task.first is not None
    assert task.first.reading.screen == (OnScreen.SURROUNDINGS,)
    assert task.first.reading.blinded  # of the model and of others


def test_undo_takes_back_the_last_verdict_and_shows_its_patch(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    ann = Hand(data)
    ann.give("tumour")
    ann.give("cannot judge")
    assert ann.answer["undo"] == "2 ?"
    ann.ask(undo=True)
    assert ann.verdicts() == [Verdict.TUMOUR]
    assert ann.screen["title"] == "Patch 2 of 10"


def test_a_patch_left_for_later_comes_again_at_the_end(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST, patches=2)
    ann = Hand(data)
    ann.ask(after=0)
    assert [screen["position"] for screen in ann.answer["screens"]] == [1, 0]
    ann.give("no tumour")
    ann.give("no tumour")
    assert ann.answer["done"]
    assert "You have read every patch" in html(page("review", case="toycase"))


def test_what_is_said_goes_on_the_record_with_the_verdict(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    ann = Hand(data)
    said = {"confidence": "unsure", "tags": ["pen", "blur"], "quality": "limited"}
    spoken = replace(ann.says("tumour"), comment=" large nuclei ", seconds=1.23456)
    sent = {"verdicts": [asdict(spoken) | said]}
    answer = ann.seat.answer_json(json.dumps(sent).encode())
    assert answer["problem"] == ""
    (given,) = current_verdicts(ann.store.record())
    noted = given.final.reading
    assert (noted.confidence, noted.quality) == ("unsure", "limited")
    assert noted.tags == (ReasonTag.BLUR, ReasonTag.PEN)
    assert (noted.comment, noted.seconds) == ("large nuclei", 1.235)
    assert answer["screens"][0]["before"] is None


def test_reading_goes_on_where_it_stopped(data: Path, toy_classifier: Classifier) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    Hand(data).give("tumour")
    assert Hand(data).screen["title"] == "Patch 2 of 10"
    assert Hand(data, "Ben").screen["title"] == "Patch 1 of 10"


def test_a_click_marks_an_exception_and_the_rest_is_agreed_to(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST, patches=14)
    found = page("review", case="toycase")
    found.toggle(key="by-page").set_value(True).run()
    for place in (1, 3, 3):
        found.button(key=f"mark-{place}").click().run()
    # A reload, which finds what the page has written into the URL.
    found = page("review", case="toycase", **told_url(found))
    agree = next(button for button in found.button if button.label.startswith("Agree to"))
    assert agree.label == "Agree to the rest (10)"
    agree.click().run()
    assert told_url(found) == {"twelve": "1", "marks": ""}
    given = current_verdicts(ReviewStore(data / "review.sqlite").record(), "toycase", "Ann")
    assert [one.position for one in given] == list(range(12))
    assert [one.position for one in given if one.overrides_model] == [1]
    unjudged = [one.position for one in given if one.final.reading.verdict.label is None]
    assert unjudged == [3]


def test_the_end_of_a_case_leads_to_results_in_pictures_and_to_a_report(
    data: Path, toy_classifier: Classifier
) -> None:
    case = scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST, patches=3)
    ann = Hand(data)
    for at, changes in enumerate((True, False, False)):
        label = case.patches[case.tasks[at].patch].predicted_label
        assert label is not None
        ann.give(call_of(1 - label if changes else label))
        ann.give(call_of(label))
    found = page("review", case="toycase")
    assert found.button(key="see-results").label == "See results"
    assert [one.label for one in found.button if "PDF" in one.label] == ["Report, PDF"]
    results = page("review_results", case="toycase")
    assert "1 of 3 verdicts changed: 1 towards the model" in html(results)
    assert html(results).count('class="nl-read"') == 1
    table = next(one.value for one in results.dataframe if "Picture" in one.value)
    assert table["Patch"].tolist() == [1, 2, 3]
    assert "Blind verdict" in table
    assert "Comment" not in table  # nobody made one
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
    assert not [one for one in found.button if one.key == "read-toycase"]
    found.toggle(key="list-archived").set_value(True).run()
    found.button(key="read-toycase").click().run()
    assert not found.exception
    assert not found.get("bidi_component")
    found.button(key="archive-case").click().run()
    assert found.get("bidi_component")
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
    ann = Hand(data)
    ann.give("tumour")
    during = page("review_results", case="toycase")
    assert "in the middle of a blind reading" in during.info[0].value
    assert "Kappa" not in html(during)
    ann.keep()
    ann.give("no tumour")
    ann.keep()
    after = page("review_results", case="toycase")
    assert not after.exception
    assert "Kappa" in html(after)
    assert "before the AI" in html(after)


def test_only_a_lead_sees_the_names_of_others(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODELENS_LEADS", "Lea Lead, Max Lead")
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    Hand(data).give("tumour")
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
    (job,) = resources.job_store(resources.settings()).jobs(OWNER)
    found = page("review", reader="Ann", job=job.id)
    found.button(key="start-case").click().run()
    assert not found.exception
    assert not found.error
    record = ReviewStore(data / "review.sqlite").record()
    case = list(record.cases.values())[-1]
    assert case.mode is ReadingMode.BLIND_FIRST
    assert found.get("bidi_component")
    # The address is of the case alone; the batch stays the one that other pages begin with.
    assert dict(found.query_params) == {"case": case.case}
    assert found.session_state["job"] == job.id
    Hand(data, case=case.case).give("tumour")
    again = page("review", reader="Ben")
    again.segmented_control(key="new-mode").set_value(ReadingMode.SECOND_READER).run()
    again.button(key="start-case").click().run()
    assert not again.exception
    second = list(ReviewStore(data / "review.sqlite").record().cases.values())[-1]
    assert second.of == (case.case,)
    ben = Hand(data, "Ben", case=second.case)
    assert "no score, no Grad-CAM, no other verdicts" in ben.screen["evidence"]
    assert "nl-read-score" not in json.dumps(ben.answer)
    assert ben.seat.picture(0, "-map") is None


def with_map(hand: Hand) -> dict[str, Any]:
    """Ask for the map until it is there and return what is shown then."""
    deadline = time.monotonic() + 30
    hand.ask(map=True)
    while not hand.screen["mapped"] and not hand.screen["mapWords"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        hand.ask(map=True)
    return hand.screen


def test_the_map_comes_when_asked_and_goes_on_the_record_as_it_was_shown(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    ann = Hand(data)
    assert not ann.screen["mapWords"]
    shown = with_map(ann)
    assert "Grad-CAM. " in shown["mapWords"]
    assert any(
        part in shown["mapWords"]
        for part in ("Passed its check", "Did not pass", "Not better than")
    )
    bare, mapped = ann.seat.picture(0, ""), ann.seat.picture(0, "-map")
    assert bare is not None
    assert mapped is not None
    assert Image.open(io.BytesIO(bare)).size == (96, 96)
    assert Image.open(io.BytesIO(mapped)).size == (288, 288)
    ann.give("tumour", map=True)
    (given,) = current_verdicts(ann.store.record())
    noted = given.final.reading
    assert noted.map is not None
    explainer = Explainer(toy_classifier)
    assert (noted.map.method, noted.map.layer) == (explainer.method, explainer.layer.name)
    assert noted.map.drawn
    assert noted.map.model_id == toy_classifier.model_id
    assert OnScreen.CAM in noted.screen
    ann.give("tumour")
    second = current_verdicts(ann.store.record())[1].final.reading
    assert second.map is None


def test_maps_that_the_report_will_have_are_checked_once_reading_ends_and_not_before(
    data: Path, toy_classifier: Classifier
) -> None:
    case = scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    ann = Hand(data)
    kept = data / "map_checks.jsonl"
    against = []
    while not ann.answer["done"]:
        assert not kept.exists()
        patch = case.patches[ann.screen["position"]]
        ann.give("no tumour" if patch.predicted_label else "tumour")
        if not ann.answer["done"] and ann.screen["keep"]:
            ann.keep()
        against.append(patch.sha256)
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if kept.exists() and kept.read_text().count("\n") == len(set(against)):
            break
        time.sleep(0.05)
    assert {json.loads(line)["sha256"] for line in kept.read_text().splitlines()} == set(against)


def test_blind_first_sends_no_map_before_the_verdict_is_on_record(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    ann = Hand(data)
    ann.ask(map=True)
    assert not ann.screen["mapAllowed"]
    assert not any(screen["mapped"] or screen["mapWords"] for screen in ann.answer["screens"])
    assert ann.seat.picture(0, "-map") is None
    ann.give("tumour")
    assert with_map(ann)["mapped"]
    ann.keep(map=True)
    assert not ann.screen["mapped"]
    (given,) = current_verdicts(ann.store.record())
    assert given.first.reading.map is None
    assert given.final.reading.screen == (OnScreen.SCORE, OnScreen.CAM)


def test_a_case_of_another_model_has_no_map_and_says_so(
    data: Path, toy_classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    monkeypatch.setenv("NODELENS_MODEL", str(write_toy_bundle(tmp_path / "other", seed=5)))
    ann = Hand(data)
    assert "No map. The patches were scored by" in with_map(ann)["mapWords"]
    ann.give("tumour")
    assert ann.verdicts() == [Verdict.TUMOUR]


def test_an_earlier_verdict_is_corrected_by_a_new_event(
    data: Path, toy_classifier: Classifier
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    ann = Hand(data)
    for verdict in ("tumour", "no tumour", "no tumour"):
        ann.give(verdict)
        ann.keep()
    store = ann.store
    before = store.links()
    found = page("review", case="toycase")
    found.session_state["looks-back"] = True
    found.run()
    table = found.dataframe[0].value
    assert table["Patch"].tolist() == [3, 2, 1]
    assert table["Blind verdict"].tolist() == ["no tumour", "no tumour", "tumour"]
    ann.ask(again=0)
    assert ann.screen["title"] == "Patch 1 of 10"
    assert "On record: ▲ tumour" in ann.screen["note"]
    ann.give("no tumour", comment="seen again")
    ann.ask(again=None)
    assert ann.screen["title"] == "Patch 4 of 10"
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
        (ReadingMode.BLIND_FIRST, CaseOrder.NEAREST_TO_THRESHOLD),
        (ReadingMode.AI_FIRST, CaseOrder.RING_DECIDED),
    ],
)
def test_a_case_is_ordered_by_what_is_known_of_its_patches(
    data: Path,
    toy_classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
    mode: ReadingMode,
    order: CaseOrder,
) -> None:
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(data.parent))
    store = resources.job_store(resources.settings())
    (job,) = store.jobs(OWNER)
    measuring = resources.surroundings(store)
    opened = partial(resources.job_collection, store, job)
    measuring.start(job, store.rows(job), opened, toy_classifier)
    measuring.wait(job, timeout_s=60)
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


def test_a_login_is_the_reader_whatever_name_the_browser_kept(
    data: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(monkeypatch)
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST)
    found = page("review", reader="Somebody else", case="toycase")
    (desk,) = found.get("bidi_component")
    assert "toycase ann@x.org" in str(desk.proto)
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
    Hand(data, "ann@x.org").give("tumour")
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
