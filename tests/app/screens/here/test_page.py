"""The page "Does it work here?": its numbers, its way to a decision, and that this stays."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_auc_score
from streamlit.testing.v1 import AppTest

from core.bundle import read_card
from core.jobs import Job, JobStore, rows_csv
from core.local import DecisionStore
from core.scoring import Classifier
from core.thresholds import OperatingPointStore
from core.wording import number, percent
from tests.app.conftest import TOKEN, html
from tests.toys import write_patches

OpenPage = Callable[..., AppTest]
PATCHES = 24


@pytest.fixture
def scored(store: JobStore, toy_classifier: Classifier, tmp_path: Path) -> Job:
    """A finished batch without labels."""
    write_patches(tmp_path / "ward", PATCHES)
    job = store.add_server_path(TOKEN, "ward", tmp_path / "ward")
    store.start(job, toy_classifier)
    store.wait(job, timeout_s=60)
    return job


@pytest.fixture
def labelled(store: JobStore, scored: Job) -> Job:
    """The same with labels and slides that were added afterwards."""
    lines = [f"patch-{n:03d}.png,{int(n % 3 == 0)},S{n % 8}" for n in range(PATCHES)]
    store.add_labels(scored, "labels.csv", "\n".join(["id,label,slide", *lines]).encode())
    return scored


def test_the_page_asks_for_labelled_patches_first(open_page: OpenPage) -> None:
    page = open_page("here")
    said = html(page)
    assert "1 · Your labelled patches" in said
    assert "4 · Decide" in said
    assert not page.radio


def test_a_batch_without_labels_is_asked_for_them(open_page: OpenPage, scored: Job) -> None:
    page = open_page("here", job=scored)
    assert "no labels yet" in page.info[0].value
    assert page.get("file_uploader")


def test_the_numbers_are_scikit_learns_from_the_csv_of_the_batch(
    open_page: OpenPage, store: JobStore, labelled: Job, toy_bundle: Path
) -> None:
    said = html(open_page("here", job=labelled))
    table = pd.read_csv(BytesIO(rows_csv(store.rows(labelled))))
    flagged = table["prob_tumour"] >= read_card(toy_bundle).operating_point.threshold
    assert f"<b>{number(roc_auc_score(table['label'], table['prob_tumour']))}</b>" in said
    assert f"<b>{percent(recall_score(table['label'], flagged))}</b>" in said
    assert f"<b>{percent(recall_score(1 - table['label'], ~flagged))}</b>" in said
    assert f"{PATCHES} labelled patches, 8 with tumour, 8 slides" in said
    assert "0.800" in said  # the AUROC that the card claims


def test_not_to_use_it_is_recorded_and_found_again(
    open_page: OpenPage, data_dir: Path, labelled: Job, toy_bundle: Path
) -> None:
    page = open_page("here", job=labelled)
    page.radio(key="here-use-0").set_value(False).run()
    page.button(key="here-record").click().run()
    assert "Enter your name" in page.error[0].value
    page.text_input(key="here-name").set_value("Dr Ann Example").run()
    page.button(key="here-record").click().run()
    assert not page.exception
    weights = read_card(toy_bundle).weights_sha256
    (decision,) = DecisionStore(data_dir / "local_decisions").decisions(weights)
    assert (decision.use, decision.decided_by) == (False, "Dr Ann Example")
    assert decision.findings.batch_id == labelled.id
    for view in ("here", ""):
        assert "not to be used here" in open_page(view).warning[0].value


def test_using_it_locks_a_threshold_chosen_on_these_patches(
    open_page: OpenPage, data_dir: Path, labelled: Job, toy_bundle: Path
) -> None:
    page = open_page("here", job=labelled, reader="Dr Ann Example")
    assert page.radio(key="here-use-0").value is None, "nothing is decided beforehand"
    assert not [one for one in page.button if one.key == "here-record"]
    page.radio(key="here-use-0").set_value(True).run()
    page.button_group(key="here-rule").set_value("youden").run()
    page.button(key="here-record").click().run()
    assert not page.exception
    assert "Decision 1" in page.success[0].value
    assert not [one for one in page.button if one.key == "here-record"], "not recorded twice"
    weights = read_card(toy_bundle).weights_sha256
    locked = OperatingPointStore(data_dir / "operating_points").in_force(weights)
    assert locked is not None
    assert (locked.locked_by, locked.evidence_name) == ("Dr Ann Example", "local patches, ward")
    assert locked.rule.startswith("Youden")


def test_only_a_lead_decides_where_leads_are_named(
    open_page: OpenPage, data_dir: Path, labelled: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODELENS_LEADS", "Dr Lead")
    page = open_page("here", job=labelled, reader="Dr Lead")  # a name without a login is a claim
    page.radio(key="here-use-0").set_value(True).run()
    page.button(key="here-record").click().run()
    assert page.error
    assert not (data_dir / "local_decisions").exists()
