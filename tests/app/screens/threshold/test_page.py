import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from app.screens.threshold import numbers
from core.bundle import read_card
from core.jobs import Job, JobStore
from core.review import ReviewStore, Verdict
from core.scoring import Batch, Classifier
from core.thresholds import (
    Assumptions,
    OperatingPointStore,
    SensitivityAtLeast,
    ThresholdStudy,
    YoudenIndex,
    bundle_scores,
    choose,
    read_scores_csv,
)
from tests.app.conftest import TOKEN, html, open_view, plain
from tests.core.review.toys import given, toy_case, toy_patch
from tests.toys import write_patches


@pytest.fixture(autouse=True)
def roots(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the installation may read."""
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(data_dir.parent))
    return data_dir.parent


@pytest.fixture(scope="module")
def study(toy_bundle: Path) -> ThresholdStudy:
    return ThresholdStudy.of(bundle_scores(toy_bundle, read_card(toy_bundle)))


def opened(**query: str) -> AppTest:
    return open_view("threshold", query=query)


def query(page: AppTest, name: str) -> str:
    """What the page has the browser keep in its URL."""
    for element in page.get("bidi_component"):
        if element.proto.component_name.endswith("nodelens_url"):
            return str(json.loads(element.proto.json)["values"][name])
    raise AssertionError("the page keeps nothing in the URL")


def unfold(page: AppTest, *names: str) -> AppTest:
    """Open parts of the page that are folded at first."""
    for name in names:
        page.session_state[f"fold-{name}"] = True
    return page.run()


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def test_the_page_starts_at_the_threshold_in_force_and_shows_cores_numbers(
    study: ThresholdStudy,
) -> None:
    page = unfold(opened(), "measures")
    shown = html(page)
    snapshot = study.at(0.4, Assumptions())
    assert "This is the current threshold" in shown
    sensitivity = snapshot.metrics["sensitivity"]
    assert sensitivity.by_slides is not None
    low, high = sensitivity.by_slides.low, sensitivity.by_slides.high
    assert (
        f"sensitivity {sensitivity.value:.1%}".replace("%", " %")
        + f", on other slides {100 * low:.1f} to {100 * high:.1f} %"
    ) in plain(page).replace("\u00a0", " ")
    assert f"{snapshot.confusion.tp:,.0f} of" in shown
    assert "Only 6 slides" in shown
    assert "toy noise: 60 patches" in shown


def test_a_typed_threshold_changes_the_numbers_and_the_url(study: ThresholdStudy) -> None:
    page = opened()
    page.number_input(key="threshold-box").set_value(0.7).run()
    found = study.at(0.7, Assumptions())
    of_100 = round(100 * found.confusion.sensitivity)
    assert f"Of 100 patches with tumour, {of_100} are called tumour" in plain(page)
    assert "exploring" in html(page)
    assert float(query(page, "threshold")) == 0.7


def rule(page: AppTest, name: str | None) -> AppTest:
    page.pills(key="threshold-rule").set_value(name).run()
    assert not page.exception
    return page


@pytest.mark.parametrize(
    ("name", "as_core"),
    [("youden", YoudenIndex()), ("sensitivity", SensitivityAtLeast(0.95))],
)
def test_a_pressed_rule_chooses_as_core_does_and_stays_pressed_till_the_slider_moves(
    study: ThresholdStudy, name: str, as_core: YoudenIndex
) -> None:
    page = rule(opened(), name)
    chosen = choose(as_core, study.scores.evidence)
    assert float(query(page, "threshold")) == chosen.threshold
    assert chosen.description in html(page)
    assert page.pills(key="threshold-rule").value == name
    page.number_input(key="threshold-box").set_value(0.7).run()
    assert page.pills(key="threshold-rule").value is None


def test_a_pressed_rule_has_its_number_beside_it_and_no_other_has(study: ThresholdStudy) -> None:
    page = rule(opened(), "sensitivity")
    goals = [one for one in page.number_input if str(one.key).startswith("threshold-rule")]
    assert [one.value for one in goals] == [95]
    goals[0].set_value(80).run()
    chosen = choose(SensitivityAtLeast(0.8), study.scores.evidence)
    assert float(query(page, "threshold")) == chosen.threshold
    assert query(page, "rule") == "sensitivity:0.8:estimate"
    page = rule(rule(page, "youden"), "sensitivity")
    assert query(page, "rule") == "sensitivity:0.8:estimate"  # as it was left
    page = rule(page, "grey")
    assert float(query(page, "lower")) < float(query(page, "threshold"))
    assert query(rule(page, None), "lower") == ""


def test_a_rule_that_cannot_be_met_says_what_can() -> None:
    page = rule(opened(), "sensitivity")
    page.checkbox(key="threshold-rule-sensitivity-by").check().run()
    page.number_input(key="threshold-rule-sensitivity-0").set_value(99.9).run()
    assert "The highest possible is" in " ".join(info.value for info in page.info)
    assert page.number_input(key="threshold-rule-sensitivity-0").value == 99.9


def test_a_link_brings_the_whole_setting(study: ThresholdStudy) -> None:
    page = opened(threshold="0.6", lower="0.3", prevalence="0.02", miss="20", alarm="2")
    page = unfold(page, "use")
    found = study.at(0.6, Assumptions(0.02, 20, 2), 0.3)
    assert found.deferral is not None
    assert f"<b>{found.deferral.deferred:,.0f}</b> patches are left to a reader" in html(page)
    assert f"<b>{1000 * found.cost.model:,.1f}</b>" in html(page)
    assert page.number_input(key="threshold-prevalence").value == 2


@pytest.mark.parametrize("wrong", ["7", "nan", "<script>"])
def test_a_link_with_nonsense_is_answered_with_the_start(wrong: str) -> None:
    page = opened(threshold=wrong)
    assert page.number_input(key="threshold-box").value in {0.4, 0.5}


def test_a_lock_is_written_once_put_in_force_and_shown(data_dir: Path, toy_bundle: Path) -> None:
    page = unfold(opened(threshold="0.55", prevalence="0.1"), "test")
    assert "Closed." in html(page)
    press(page, "lock").text_input(key="lock-name").set_value("Dr A")
    press(page, "lock-now")
    assert "Locked as v1 at 0.5500" in page.info[0].value
    weights = read_card(toy_bundle).weights_sha256
    store = OperatingPointStore(data_dir / "operating_points")
    locked = store.in_force(weights)
    assert locked is not None
    assert (locked.version, locked.threshold, locked.prevalence) == ("v1", 0.55, 0.1)
    assert (locked.locked_by, locked.rule) == ("Dr A", "Chosen by hand.")
    again = unfold(opened(threshold="0.55", prevalence="0.1"), "test")
    assert "locked v1" in html(again)
    assert "Closed." not in html(again)
    written = json.loads(store.path(weights, "v1").read_text())
    assert written["metrics"]["sensitivity"]["method"].startswith("slide-cluster")


def test_the_shipped_point_can_be_put_in_force_again(data_dir: Path, toy_bundle: Path) -> None:
    page = opened(threshold="0.55")
    press(page, "lock").text_input(key="lock-name").set_value("Dr A")
    press(page, "lock-now")
    page = unfold(opened(), "versions")
    page.selectbox(key="in-force-v1-2").set_value("shipped").run()
    page.text_input(key="force-name").set_value("Dr B").run()
    press(page, "force")
    store = OperatingPointStore(data_dir / "operating_points")
    assert store.in_force(read_card(toy_bundle).weights_sha256) is None


def test_without_a_login_nobody_is_a_lead_once_leads_are_named_and_the_page_says_so(
    data_dir: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODELENS_LEADS", "Dr A")
    store = OperatingPointStore(data_dir / "operating_points")
    page = opened(threshold="0.55")
    assert any("is a lead and no threshold" in warning.value for warning in page.warning)
    press(page, "lock").text_input(key="lock-name").set_value("Dr A")
    press(page, "lock-now")
    assert store.versions(read_card(toy_bundle).weights_sha256) == []
    assert "lead" in str(page.session_state["lock-problem"])


def test_a_torn_record_of_decisions_leaves_the_page_as_it_was(
    data_dir: Path, toy_bundle: Path
) -> None:
    page = opened(threshold="0.55")
    press(page, "lock").text_input(key="lock-name").set_value("Dr A")
    press(page, "lock-now")
    weights = read_card(toy_bundle).weights_sha256
    store = OperatingPointStore(data_dir / "operating_points")
    record = store.path(weights, "v1").with_name("in_force.jsonl")
    with record.open("ab") as file:
        file.write(b'{"at": "x"}\n' + b"\0" * 40 + b'\n{"at": "2026-')
    page = opened(threshold="0.55")
    assert not page.exception
    assert not page.error
    in_force = store.in_force(weights)
    assert in_force is not None
    assert in_force.version == "v1"
    store.put_in_force(weights, "shipped", by="Dr A")
    assert store.in_force(weights) is None


def test_a_lock_that_was_edited_is_not_used_and_the_shipped_point_can_be_chosen(
    data_dir: Path, toy_bundle: Path
) -> None:
    page = opened(threshold="0.55")
    press(page, "lock").text_input(key="lock-name").set_value("Dr A")
    press(page, "lock-now")
    weights = read_card(toy_bundle).weights_sha256
    store = OperatingPointStore(data_dir / "operating_points")
    file = store.path(weights, "v1")
    text = file.read_text()
    file.chmod(0o644)
    file.write_text(text.replace('"threshold": 0.55', '"threshold": 0.999'))
    assert file.read_text() != text
    (file.parent / "v2x.json").write_text("stray")
    page = opened(threshold="0.55")
    assert any("was changed after it was locked" in e.value for e in page.error)
    page.text_input(key="recover-name").set_value("Dr A").run()
    press(page, "recover")
    page = unfold(opened(threshold="0.55"), "versions")
    assert not page.error
    assert any("was changed after it was locked" in w.value for w in page.warning)


def test_a_run_on_the_server_can_be_tuned_but_not_locked(roots: Path) -> None:
    run = roots / "run-1"
    run.mkdir()
    lines = [
        f"p{n},s{n % 5},{n % 2},{n % 2 + n % 7 / 3 - 1},{(n % 2 + n % 7) / 9}" for n in range(50)
    ]
    (run / "validation_scores.csv").write_text("id,slide,label,logit,score\n" + "\n".join(lines))
    page = opened(scores="run", at=str(run), threshold="0.5")
    assert "training run run-1: 50 patches" in html(page)
    assert page.button(key="lock").disabled
    assert "exploring, training run" in html(page)
    outside = opened(scores="run", at="/etc", threshold="0.5")
    assert "not below a folder" in outside.error[0].value.replace("\\", "")


def test_a_table_of_mine_is_read_and_stays_for_the_visit() -> None:
    page = opened(scores="csv", threshold="0.5")
    key = "threshold-csv-uploader"
    page.file_uploader(key=key).upload("bad.csv", b"label,score\n0,2\n", "text/csv").run()
    assert "line 2" in page.error[0].value
    rows = "\n".join(f"{n % 2},{(n % 2 + n % 5) / 6},s{n % 4}" for n in range(40))
    data = f"label,score,slide\n{rows}\n".encode()
    page.file_uploader(key=key).upload("mine.csv", data, "text/csv").run()
    assert "Measured on mine.csv: 40 patches, 20 with tumour, of 4 slides" in html(page)
    assert query(page, "at")
    page.switch_page("views/overview.py").run()
    page.switch_page("views/threshold.py").run()
    assert "Measured on mine.csv" in html(page)
    page.file_uploader(key=key).upload("next.csv", data + b"1,0.9,s1\n", "text/csv").run()
    assert "Measured on next.csv: 41 patches" in html(page)
    assert not page.warning  # another file is no news to whoever uploads it
    shared = opened(scores="csv", at="abc123", threshold="0.5")
    shared.file_uploader(key=key).upload("mine.csv", data, "text/csv").run()
    assert "made on a different file" in shared.warning[0].value


def test_a_table_of_patches_that_the_model_knows_is_said_to_be(study: ThresholdStudy) -> None:
    page = opened(scores="csv", threshold="0.5")
    ids = study.scores.ids[:30].tolist() + [f"mine-{n}" for n in range(10)]
    rows = "\n".join(f"{name},{n % 2},{(n % 2 + n % 5) / 6}" for n, name in enumerate(ids))
    data = f"id,label,score\n{rows}\n".encode()
    page.file_uploader(key="threshold-csv-uploader").upload("known.csv", data, "text/csv").run()
    assert "30 of 40 patches have the names of patches that" in html(page)


def test_marks_are_sent_anew_for_the_figures_of_a_table_with_the_same_numbers() -> None:
    page, key = opened(scores="csv", threshold="0.5"), "threshold-csv-uploader"
    told: list[str] = []
    for delimiter in ",;":
        data = "label,score\n1,0.8\n0,0.2\n".replace(",", delimiter).encode()
        page.file_uploader(key=key).upload(f"table{len(told)}.csv", data, "text/csv").run()
        sent = [element.proto for element in page.get("bidi_component")]
        told += [one.json for one in sent if one.component_name.endswith("nodelens_threshold")]
    first, second = map(json.loads, told)
    assert first["marks"] == second["marks"]
    assert first != second


def test_an_uploaded_table_is_asked_for_by_its_hash() -> None:
    page = opened(scores="csv", at="abc123", threshold="0.5")
    assert "SHA-256 begins with abc123" in page.info[0].value


def test_the_batch_at_hand_shows_what_would_change(
    data_dir: Path, roots: Path, toy_classifier: Classifier
) -> None:
    page = opened(threshold="0.4")
    store = JobStore(data_dir / "jobs")
    write_patches(roots / "patches", 12)
    owner = str(page.session_state["workspace"])
    job = store.add_server_path(owner, "my patches", roots / "patches")
    store.start(job, toy_classifier)
    store.wait(job, 60)
    batch = Batch.of("my patches", store.rows(job))
    middle = float(np.median(batch.probabilities))
    page.number_input(key="threshold-box").set_value(middle).run()
    page.run()
    expected = batch.effect(middle, None, batch.calls(0.4, None))
    assert expected.changed > 0
    shown = html(page)
    assert f"{expected.changed} of 12 patches would be called differently" in plain(page)
    assert shown.count("data:image/png;base64") == len(expected.changes)


@pytest.mark.parametrize("prevalence", [0.001, 0.05, 0.5])
def test_what_follows_the_hand_is_what_the_answer_says(
    study: ThresholdStudy, prevalence: float
) -> None:
    assumed = Assumptions(prevalence=prevalence)
    sent = {
        series: dict(row.split("|", 1) for row in text.split(";"))
        for series, text in numbers.sentences_by_step(study, prevalence).items()
    }
    assert set(sent) == {"sensitivity", "specificity", "workload"}
    for step in range(0, 1001, 7):
        answered = numbers.sentences(study.at(step / 1000, assumed))
        for series, rows in sent.items():
            said = re.findall(rf'data-live="{series}\.\d">([^<]*)<', answered)
            latest = rows[str(max(int(first) for first in rows if int(first) <= step))]
            assert [unescape(text) for text in said] == latest.split("|")


def test_a_test_set_opens_after_a_lock_and_each_opening_is_recorded(
    data_dir: Path, toy_bundle: Path
) -> None:
    rows = "\n".join(f"t{n},test-{n % 4},{n % 2},{(n % 2 + n % 5) / 6}" for n in range(40))
    data = f"id,slide,label,score\n{rows}\n".encode()
    page = opened(threshold="0.55")
    press(page, "lock").text_input(key="lock-name").set_value("Dr A")
    press(page, "lock-now")
    unfold(page, "test").file_uploader(key="test-csv-uploader").upload(
        "test.csv", data, "text/csv"
    ).run()
    assert "Test set at 0.5500" not in html(page)
    assert page.text_input(key="test-name").value == "Dr A"  # nobody is asked twice
    page.text_input(key="test-name").set_value("Dr B").run()
    press(page, "open-test")
    assert "Test set at 0.5500" in html(page)
    expected = ThresholdStudy.of(read_scores_csv("test.csv", data)).at(0.55, Assumptions())
    shown = plain(page).replace("\u00a0", " ")
    assert f"sensitivity {100 * expected.confusion.sensitivity:.1f} %" in shown
    store = OperatingPointStore(data_dir / "operating_points")
    openings = store.openings(read_card(toy_bundle).weights_sha256)
    assert [(one["opened_by"], one["version"]) for one in openings] == [("Dr B", "v1")]
    listed = page.dataframe[-1].value
    assert listed[["Opened by", "Version"]].to_numpy().tolist() == [["Dr B", "v1"]]


def test_a_table_with_other_names_asks_for_its_columns_and_its_good_rows_can_be_used() -> None:
    page = opened(scores="csv", threshold="0.5")
    rows = [f"p{n};{('normal', 'Tumor')[n % 2]};0,{(n % 2) * 3 + n % 5 + 1}" for n in range(40)]
    rows[7] = "p7;vielleicht;0,5"
    data = "\r\n".join(["Datei;Befund;Wert", *rows, rows[0]]).encode("cp1252")
    page.file_uploader(key="threshold-csv-uploader").upload("de.csv", data, "text/csv").run()
    assert "What does each column of this table contain?" in page.info[0].value
    for place, column in ((0, "befund"), (1, "wert"), (2, "datei")):
        column_choices(page)[place].set_value(column).run()
    assert "1 for its label (line 9: 'vielleicht')" in page.error[0].value.replace("\\", "")
    press(page, "threshold-csv-use-good")
    shown = html(page)
    assert "Measured on de.csv: 40 patches, 19 with tumour" in shown
    assert "⚠ 1 of 41 rows is left out" in shown
    assert "⚠ 1 row with an id that appeared before (p0)" in shown


def test_the_columns_of_the_next_table_are_guessed_whatever_was_chosen_before() -> None:
    page = opened(scores="csv", threshold="0.5")
    uploader = "threshold-csv-uploader"
    page.file_uploader(key=uploader).upload("fi.csv", b"Kuva;Tulos\na;1\n", "text/csv").run()
    assert [box.value for box in column_choices(page)] == [None] * 4
    rows = "".join(f"p{n},{n % 2},{(n % 2 + n % 5) / 6}\n" for n in range(40))
    data = f"file,y,prob\n{rows}".encode()
    page.file_uploader(key=uploader).upload("next.csv", data, "text/csv").run()
    assert "Measured on next.csv: 40 patches" in html(page)


def column_choices(page: AppTest) -> list[Selectbox[Any]]:
    return [box for box in page.selectbox if box.key and box.key.startswith("threshold-csv-")]


@pytest.fixture
def labelled(data_dir: Path, roots: Path, toy_classifier: Classifier) -> Job:
    """A finished batch of twelve patches, every second one with tumour by its labels."""
    write_patches(roots / "patches", 12)
    store = JobStore(data_dir / "jobs", server_roots=(roots,))
    job = store.add_server_path(TOKEN, "my patches", roots / "patches")
    store.start(job, toy_classifier)
    store.wait(job, 60)
    ids = [row.id for row in store.rows(job)]
    table = "".join(f"{name},{n % 2}\n" for n, name in enumerate(ids))
    store.add_labels(job, "labels.csv", f"id,label\n{table}".encode())
    return job


def test_a_batch_with_labels_is_among_the_scores_and_follows_a_lock_at_once(
    data_dir: Path, labelled: Job
) -> None:
    page = opened()
    page.selectbox(key="threshold-source").set_value(f"batch:{labelled.id}").run()
    assert "Measured on batch my patches: 12 patches, 6 with tumour" in html(page)
    assert (query(page, "scores"), query(page, "at")) == ("batch", labelled.id)
    store = JobStore(data_dir / "jobs")
    scores = [row.prob_tumour for row in store.rows(labelled)]
    at = float(np.median([score or 0.0 for score in scores]))
    page.number_input(key="threshold-box").set_value(at).run()
    press(page, "lock").text_input(key="lock-name").set_value("Dr A")
    press(page, "lock-now")
    rows = store.rows(labelled)
    assert {row.operating_point for row in rows} == {"locked v1"}
    assert [row.predicted_label for row in rows] == [int((score or 0.0) >= at) for score in scores]
    assert [row.prob_tumour for row in rows] == scores
    page = unfold(opened(), "versions")
    page.selectbox(key="in-force-v1-2").set_value("shipped").run()
    page.text_input(key="force-name").set_value("Dr B").run()
    press(page, "force")
    press(page, "apply-point")  # the batch does not follow by itself, one press is enough
    assert {row.operating_point for row in store.rows(labelled)} == {"shipped"}


def test_a_batch_of_somebody_else_or_none_is_said_to_be_gone(labelled: Job) -> None:
    page = open_view(
        "threshold",
        token="u" * 43,
        query={"scores": "batch", "at": labelled.id, "threshold": "0.5"},
    )
    assert "belong to someone else" in page.warning[0].value
    assert "toy noise: 60 patches" in html(page)


def test_a_finished_review_gives_its_verdicts_as_labels(data_dir: Path) -> None:
    data_dir.mkdir(exist_ok=True)
    store = ReviewStore(data_dir / "review.sqlite")
    case = replace(
        toy_case(patches=tuple(toy_patch(n, prob=n / 10) for n in range(1, 9))), name="rounds"
    )
    store.append(case)
    for task in range(7):
        store.append(given(case, "Ann", task, Verdict.TUMOUR if task > 2 else Verdict.NO_TUMOUR))
    names = opened().selectbox(key="threshold-source").options
    assert not any(name.startswith("Review rounds") for name in names)
    store.append(given(case, "Ann", 7, Verdict.TUMOUR))
    page = opened()
    page.selectbox(key="threshold-source").set_value("review:c1").run()
    shown = html(page)
    assert "Measured on review rounds: 8 patches, 5 with tumour, of 3 slides" in shown
    assert "⚠ The readers saw the score before they judged" in shown
    assert page.button(key="lock").disabled  # another model's scores
