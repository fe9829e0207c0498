import errno
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pypdf
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from app import resources
from app.api.served import Upload
from core.bundle import read_card
from core.files import append_record, read_records
from core.jobs import Job, JobStore
from core.report import ReportMaps, ScoredBatch, batch_pdf
from core.scoring import Classifier
from core.scoring.against_labels import AREA_BY_PATCHES
from core.thresholds import bundle_scores
from tests.app.conftest import HOME, TOKEN, html, markup, scored_folder
from tests.toys import write_patches

OpenPage = Callable[..., AppTest]
OTHER = "o" * 43


@pytest.fixture
def roots(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the installation may read."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(folder))
    return folder


@pytest.fixture
def done(roots: Path, store: JobStore, toy_classifier: Classifier) -> Job:
    return scored_folder(store, toy_classifier, roots / "case 1")


def listed(page: AppTest) -> list[dict[str, Any]]:
    """What the list of patches is given, row by row."""
    for element in page.get("bidi_component"):
        if element.proto.component_name.endswith("nodelens_batch"):
            return list(json.loads(element.proto.json)["rows"])
    return []


def place(block: Block, key: str) -> tuple[int, ...]:
    """Where a widget stands in a block, from the outside in; () if it does not."""
    for at, node in block.children.items():
        if getattr(node, "key", None) == key:
            return (at,)
        if isinstance(node, Block) and (below := place(node, key)):
            return (at, *below)
    return ()


def shown(page: AppTest) -> list[str]:
    return [row["cells"]["File"] for row in listed(page)]


def test_overview_says_what_is_loaded_and_how_it_was_validated(
    open_page: OpenPage, toy_bundle: Path
) -> None:
    said = html(open_page())
    card = read_card(toy_bundle)
    assert card.model_id in said
    assert "passed" in said
    assert "0.4000" in said
    assert "0.800" in said
    assert "95 % interval 0.700 to 0.900" in said
    assert "A toy." in said


def test_a_share_in_the_notes_of_an_older_card_is_spelt_as_everywhere(
    open_page: OpenPage, toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = shutil.copytree(toy_bundle, tmp_path / "older")
    card = json.loads((older / "card.json").read_text())
    card["validation"]["notes"] = ["35.6% have tumour."]
    (older / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("NODELENS_MODEL", str(older))
    assert "35.6\N{NO-BREAK SPACE}% have tumour." in html(open_page())


@pytest.mark.parametrize("view", ["", "batch"])
def test_every_page_says_that_this_is_no_medical_device(open_page: OpenPage, view: str) -> None:
    assert "not a medical device" in html(open_page(view))


@pytest.mark.parametrize("view", ["", "batch"])
def test_without_a_model_the_pages_say_why_and_what_to_do(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, view: str
) -> None:
    monkeypatch.setenv("NODELENS_MODEL", str(tmp_path / "nowhere"))
    page = open_page(view)
    assert "No model in" in page.error[0].value.replace("\\", "")
    assert "NODELENS_MODEL" in page.info[0].value
    assert not page.get("file_uploader")


@pytest.mark.parametrize(("view", "way"), [("", "overview-samples"), ("batch", "try-samples")])
def test_patches_can_be_brought_while_the_model_opens(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, view: str, way: str
) -> None:
    monkeypatch.setattr(resources, "classifier", lambda _: st.stop())
    page = open_page(view)
    assert not page.button(key=way).disabled
    assert len(page.get("file_uploader")) == (2 if view else 0)


def test_a_model_that_fails_its_self_test_scores_nothing(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toy_bundle: Path
) -> None:
    bundle = tmp_path / "wrong"
    shutil.copytree(toy_bundle, bundle)
    card = json.loads((bundle / "card.json").read_text())
    card["golden"]["files"][0]["logit"] += 1.0
    (bundle / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("NODELENS_MODEL", str(bundle))
    page = open_page("batch")
    assert "Self-test failed" in page.error[0].value.replace("\\", "")
    assert not page.get("file_uploader")


def test_a_wrong_setting_is_named_and_nothing_else_is_shown(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODELENS_DEVICE", "abacus")
    page = open_page("batch")
    assert "NODELENS_DEVICE" in page.error[0].value.replace("\\", "")
    assert not page.button


@pytest.mark.parametrize("view", ["", *(path.stem for path in HOME.parent.glob("views/[a-z]*.py"))])
def test_a_data_folder_that_cannot_be_written_is_said_on_each_page_and_breaks_none(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, view: str
) -> None:
    """Below a file nobody may write; not even whoever may write everywhere."""
    file = tmp_path / "file"
    file.touch(mode=0o755)
    monkeypatch.setenv("NODELENS_DATA_DIR", str(file / "data"))
    page = open_page(view)
    assert page.warning[0].value.startswith("NodeLens cannot write to its data folder")
    file.chmod(0o600)  # nor read
    assert not open_page(view).button


@pytest.mark.parametrize("view", ["", "batch", "threshold"])
def test_a_part_of_the_data_folder_that_cannot_be_used_is_named(
    open_page: OpenPage, data_dir: Path, view: str
) -> None:
    data_dir.mkdir()
    (data_dir / "jobs").write_text("not a folder")
    assert open_page(view).error[0].value.startswith("jobs cannot be used: ")


def test_a_part_that_is_drawn_alone_names_what_it_cannot_use_and_leaves_the_rest(
    done: Job, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(errno.EACCES, "refused", "/far/away/scores.jsonl")

    monkeypatch.setattr("app.screens.batch.results.result_filter", refuse)
    page = open_page("batch", job=done)
    assert page.error[0].value.startswith("scores\\.jsonl cannot be used: ")
    assert done.name in html(page)


def test_the_batch_page_starts_empty_and_says_what_to_do(open_page: OpenPage) -> None:
    page = open_page("batch")
    assert "No batch yet" in html(page)
    assert page.button(key="first-samples").label == "Open the drawn samples"


@pytest.mark.parametrize("view", ["batch", "audit", "slides"])
def test_files_of_any_type_are_taken_so_that_a_wrong_one_is_told_with_its_reason(
    open_page: OpenPage, view: str
) -> None:
    fields = open_page(view).get("file_uploader")
    assert [list(field.proto.type) for field in fields] == [[]] * len(fields) != []


def test_the_drawn_samples_are_scored_in_one_click_and_called_drawn(
    open_page: OpenPage, data_dir: Path
) -> None:
    page = open_page("batch")
    page.button(key="try-samples").click().run()
    assert not page.exception
    # What the page's own thread scores is read through another store.
    store = JobStore(data_dir / "jobs")
    (job,) = store.jobs("t" * 43)
    resources.job_store(resources.settings()).wait(job, timeout_s=60)
    page.run()
    assert "drawn, not tissue" in html(page)
    assert len(listed(page)) == 24
    assert len(store.rows(job)) == 24


def test_a_batch_starts_from_a_look_at_its_input(
    open_page: OpenPage, store: JobStore, roots: Path, data_dir: Path
) -> None:
    write_patches(roots / "case", 3)
    (roots / "case" / "notes.txt").write_text("no patch")
    job = store.add_server_path("t" * 43, "case", roots / "case")
    page = open_page("batch", job=job)
    said = html(page)
    assert "Unreadable" in said
    assert "Copies" not in said
    assert page.button(key="start").label == "Start scoring 3 patches"
    page.button(key="start").click().run()
    resources.job_store(resources.settings()).wait(job, timeout_s=60)
    page.run()
    assert len(listed(page)) == 4


def test_a_table_that_is_not_used_as_labels_is_told_with_the_reason(
    open_page: OpenPage, store: JobStore, tmp_path: Path
) -> None:
    (patch,) = write_patches(tmp_path / "in", 1)
    table = io.BytesIO(b"id,label\npatch-000,0\npatch-000,1\n")
    with patch.open("rb") as file:
        uploads = [Upload("patch-000.png", file), Upload("labels.csv", table)]
        job = store.add_upload("t" * 43, "case", uploads)
    (told,) = open_page("batch", job=job).warning
    assert "labels.csv gives 1 id more than one label" in told.value.replace("\\", "")


def test_the_result_holds_every_input_with_its_reason(open_page: OpenPage, done: Job) -> None:
    page = open_page("batch", job=done)
    assert len(shown(page)) == 7
    (broken,) = [row["cells"] for row in listed(page) if row["cells"]["File"] == "broken.png"]
    assert broken["Call"] == "× unreadable"
    assert "Not a readable image" in broken["Remark"]
    assert broken["Score"] == ""


def test_scores_that_must_not_be_trusted_say_so_beside_the_scores_and_in_the_report(
    open_page: OpenPage, store: JobStore, roots: Path, toy_classifier: Classifier
) -> None:
    """Drawn as H&E is with red and blue swapped; one file says another magnification."""
    rng = np.random.default_rng(0)
    (roots / "bgr").mkdir()
    for number in range(14):
        dark = rng.random((96, 96, 1)) < 0.4
        image = np.where(dark, (150, 60, 90), (200, 170, 230)) + rng.integers(-9, 9, (96, 96, 3))
        dpi = (101_600, 101_600) if number == 3 else (72, 72)  # 0.25 µm/px
        Image.fromarray(image.astype(np.uint8)).save(roots / "bgr" / f"{number}.png", dpi=dpi)
    job = store.add_server_path("t" * 43, "bgr", roots / "bgr")
    store.start(job, toy_classifier)
    store.wait(job, timeout_s=60)
    page = open_page("batch", job=job)
    assert "Red and blue look swapped" in "".join(one.value for one in page.warning)
    remark = "1 patch: the file says 0.25 µm/px"
    assert any(one.value.replace("\\", "").startswith(remark) for one in page.caption)
    batch = ScoredBatch("bgr", datetime.now(UTC), store.rows(job), store.run_notes(job))
    pdf = batch_pdf(
        batch, lambda _: np.zeros((96, 96, 3), np.uint8), ReportMaps(why_none="No model.")
    )
    said = " ".join(pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text().split())
    assert "Red and blue look swapped" in said
    assert remark in said


def test_rows_that_come_while_the_page_is_drawn_wait_for_the_next_time(
    open_page: OpenPage, done: Job, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(store.rows(done))
    monkeypatch.setattr(resources, "rows", lambda *_: rows[:3])  # and the filter finds seven
    assert len(shown(open_page("batch", job=done))) == 3


def test_sorting_and_filtering_apply_to_the_whole_batch(
    open_page: OpenPage, store: JobStore, roots: Path, toy_classifier: Classifier
) -> None:
    job = scored_folder(store, toy_classifier, roots / "many", count=60)
    by_score = sorted(
        (row for row in store.rows(job) if row.prob_tumour is not None),
        key=lambda row: -(row.prob_tumour or 0),
    )
    page = open_page("batch", job=job)
    assert shown(page) == [row.path for row in by_score[:50]]
    page.selectbox(key=f"order-{job.id}-0").select("Lowest score first").run()
    assert shown(page)[0] == by_score[-1].path
    page.text_input(key=f"text-{job.id}-0").set_value("PATCH-01").run()
    assert sorted(shown(page)) == [f"patch-01{digit}.png" for digit in range(10)]


def test_the_list_turns_to_the_patch_on_screen_when_its_order_changes(
    open_page: OpenPage, store: JobStore, roots: Path, toy_classifier: Classifier
) -> None:
    job = scored_folder(store, toy_classifier, roots / "many", count=60)
    page = open_page("batch", job=job)
    viewed = shown(page)[1]
    page.button(key="next").click().run()
    page.selectbox(key=f"order-{job.id}-0").select("Lowest score first").run()
    assert viewed in shown(page)


def test_files_that_cannot_be_scored_are_deleted_on_the_way_to_others(
    open_page: OpenPage, store: JobStore, data_dir: Path
) -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    text = io.BytesIO(b"no picture")
    for upload in (Upload("empty.zip", io.BytesIO(empty.getvalue())), Upload("notes.tif", text)):
        job = store.add_upload("t" * 43, upload.name, [upload])
        page = open_page("batch", job=job)
        page.button(key="other-files").click().run()
        assert not (data_dir / "jobs" / job.id).exists()
        assert "No batch yet" in html(page)


def test_the_detail_walks_through_the_list(open_page: OpenPage, done: Job) -> None:
    page = open_page("batch", job=done)
    first, second = shown(page)[:2]
    assert first in html(page)
    page.button(key="next").click().run()
    assert f"<dd>{second}</dd>" in html(page)


def test_nobody_sees_the_batch_of_somebody_else(open_page: OpenPage, done: Job) -> None:
    page = open_page("batch", token=OTHER, job=done)
    said = html(page)
    assert "not in your workspace" in page.info[0].value
    assert "case 1" not in said
    assert "No batch yet" in said


def test_a_deleted_batch_is_gone_from_disk(open_page: OpenPage, done: Job, data_dir: Path) -> None:
    page = open_page("batch", job=done)
    page.button(key="del").click().run()
    assert not (data_dir / "jobs" / done.id).exists()
    assert "No batch yet" in html(page)


def test_paths_on_the_server_are_refused_outside_the_allowed_folders(
    open_page: OpenPage, roots: Path, tmp_path: Path, store: JobStore
) -> None:
    write_patches(tmp_path / "secret", 1)
    page = open_page("batch")
    page.button(key="FormSubmitter:server-path-Open this source").click().run()
    assert not page.error  # no path, no answer
    for attempt in (tmp_path / "secret", roots / ".." / "secret"):
        page.text_input[0].set_value(str(attempt))
        page.button(key="FormSubmitter:server-path-Open this source").click().run()
        assert "not below a folder" in page.error[0].value
    assert store.jobs("t" * 43) == []


def test_links_out_of_an_allowed_folder_are_refused_row_by_row(
    open_page: OpenPage, roots: Path, tmp_path: Path
) -> None:
    (secret,) = write_patches(tmp_path / "secret", 1)
    write_patches(roots / "case", 2)
    (roots / "case" / "z-link.png").symlink_to(secret)
    page = open_page("batch")
    page.text_input[0].set_value(str(roots / "case"))
    page.button(key="FormSubmitter:server-path-Open this source").click().run()
    assert "outside the folders that this installation may read" in html(page)


def test_names_of_files_are_never_read_as_markup(
    open_page: OpenPage, store: JobStore, roots: Path, toy_classifier: Classifier
) -> None:
    folder = roots / "<img src=x onerror=alert(1)>"
    write_patches(folder, 1)
    (folder / "<b>bold.png").write_bytes(b"x")
    job = scored_folder(store, toy_classifier, folder, count=1)
    drawn = markup(open_page("batch", job=job))
    assert "<img src=x" not in drawn
    assert "<b>bold" not in drawn


def test_results_are_read_without_a_model(
    open_page: OpenPage, done: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NODELENS_MODEL", str(tmp_path / "nowhere"))
    page = open_page("batch", job=done)
    assert len(listed(page)) == 7


def test_a_result_stays_in_its_place_whatever_is_said_above_it(
    open_page: OpenPage, done: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # By its place the browser names what a click belongs to: one on a result that moved is lost.
    before = place(open_page("batch", job=done).main, "map")
    monkeypatch.setenv("NODELENS_MODEL", str(tmp_path / "nowhere"))
    page = open_page("batch", job=done)
    assert page.error
    assert before
    assert place(page.main, "map") == before


def test_a_result_of_another_threshold_says_so_and_takes_the_current_one_at_once(
    open_page: OpenPage, store: JobStore, roots: Path, toy_classifier: Classifier
) -> None:
    point = toy_classifier.operating_point.model_copy(update={"threshold": 0.9, "version": "old"})
    job = scored_folder(store, toy_classifier.at(point), roots / "case 1")
    journal = store.journal(job).read_bytes()
    page = open_page("batch", job=job)
    assert "made at a different threshold" in html(page)
    page.button(key="apply-point").click().run()
    assert "made at a different threshold" not in html(page)
    assert {row.threshold for row in store.rows(job)} == {0.4}
    assert store.journal(job).read_bytes() == journal


def test_a_batch_with_labels_is_set_against_them(
    open_page: OpenPage, store: JobStore, done: Job
) -> None:
    rows = [row for row in store.rows(done) if row.prob_tumour is not None]
    table = "id,label,slide\n" + "".join(f"{row.id},{n % 2},s1\n" for n, row in enumerate(rows))
    store.add_labels(done, "labels.csv", table.encode())
    page = open_page("batch", job=done)
    page.segmented_control(key=f"view-{done.id}-0").select("Against labels").run()
    assert not page.exception
    said = html(page)
    check = resources.label_check(store, done)
    assert check is not None
    assert f"<b>{check.auroc.value:.3f}</b>" in said
    (counted,) = (one.value for one in page.caption if "6 of 6 scored patches" in one.value)
    assert "Intervals resample 1 slide." in counted
    assert AREA_BY_PATCHES in counted
    wrong = [*check.missed, *check.false_alarms]
    assert [row["at"] for row in listed(page)] == wrong
    assert not page.warning


def test_labels_whose_columns_have_other_names_are_added_once_the_columns_are_chosen(
    open_page: OpenPage, store: JobStore, done: Job
) -> None:
    rows = [row for row in store.rows(done) if row.prob_tumour is not None]
    table = "Kuva;Target\n" + "".join(f"{row.path};{n % 2}\n" for n, row in enumerate(rows))
    page = open_page("batch", job=done)
    page.segmented_control(key=f"view-{done.id}-0").select("Against labels").run()
    page.file_uploader(key=f"labels-{done.id}-0").upload("de.csv", table.encode(), "text/csv").run()
    chosen = [box for box in page.selectbox if box.key and " in [" in box.key]
    assert [(box.label, box.value) for box in chosen[:2]] == [
        ("File name or ID", None),
        ("Label", "target"),
    ]
    assert chosen[0].options == ["none", "Kuva", "Target"]
    assert page.button(key=f"labels-{done.id}-columns").disabled
    chosen[0].set_value("kuva").run()
    page.button(key=f"labels-{done.id}-columns").click().run()
    assert not page.exception
    assert any("6 of 6 scored patches" in caption.value for caption in page.caption)
    assert [row.label for row in store.rows(done) if row.prob_tumour is not None] == [
        n % 2 for n in range(6)
    ]


def test_a_batch_of_patches_that_the_model_knows_is_said_to_be(
    open_page: OpenPage, store: JobStore, roots: Path, toy_classifier: Classifier
) -> None:
    bundle = toy_classifier.bundle
    known = bundle_scores(bundle.folder, bundle.card).ids[:6]
    for path, name in zip(write_patches(roots / "known", 6), known, strict=True):
        path.rename(path.with_stem(str(name)))
    job = store.add_server_path(TOKEN, "known", roots / "known")
    store.start(job, toy_classifier)
    store.wait(job, timeout_s=60)
    table = "".join(f"{name},{n % 2}\n" for n, name in enumerate(known))
    store.add_labels(job, "labels.csv", f"id,label\n{table}".encode())
    page = open_page("batch", job=job)
    page.segmented_control(key=f"view-{job.id}-0").select("Against labels").run()
    assert "6 of 6 patches have the names of patches that" in page.warning[0].value


def test_one_button_shows_only_the_calls_decided_by_the_surroundings_and_then_all(
    open_page: OpenPage, store: JobStore, done: Job, toy_classifier: Classifier
) -> None:
    rows, measured = store.rows(done), store.surroundings(done)
    measuring = resources.surroundings(store)
    opened = partial(resources.job_collection, store, done)
    measuring.start(done, rows, opened, toy_classifier)
    measuring.wait(done, timeout_s=60)
    (line,) = read_records(measured)
    sha256 = next(row.sha256 for row in rows if row.predicted_label == 1)
    append_record(measured, {**line, "halves": json.dumps({sha256: (-9.0, 9.0)})})
    page = open_page("batch", job=done)
    page.text_input(key=f"text-{done.id}-0").set_value("no such name").run()
    page.button(key="only-around").click().run()
    assert [rows[row["at"]].sha256 for row in listed(page)] == [sha256]
    page.button(key="only-around").click().run()
    assert len(listed(page)) == len(rows)


def test_what_a_call_rests_on_is_judged_at_the_threshold_that_the_call_was_made_at(
    open_page: OpenPage, store: JobStore, roots: Path, toy_classifier: Classifier
) -> None:
    point = toy_classifier.operating_point.model_copy(update={"threshold": 0.001, "version": "old"})
    job = scored_folder(store, toy_classifier.at(point), roots / "case 1")
    rows, measured = store.rows(job), store.surroundings(job)
    measuring = resources.surroundings(store)
    opened = partial(resources.job_collection, store, job)
    measuring.start(job, rows, opened, toy_classifier)
    measuring.wait(job, timeout_s=60)
    line, *_ = read_records(measured)
    called = {row.sha256: (-3.0, 9.0) for row in rows if row.predicted_label == 1}
    append_record(measured, {**line, "halves": json.dumps(called)})
    page = open_page("batch", job=job)
    assert "made at a different threshold" in html(page)
    said = f"None of {len(called)} tumour calls is decided by the surroundings."
    assert said in [caption.value for caption in page.caption]


def test_a_filter_that_nothing_passes_says_so_and_can_be_cleared(
    open_page: OpenPage, done: Job
) -> None:
    page = open_page("batch", job=done)
    page.text_input(key=f"text-{done.id}-0").set_value("no such name").run()
    assert "No patch matches these filters" in html(page)
    page.button(key="clear").click().run()
    assert len(listed(page)) == 7
