"""The data-set page, opened through the router as a user opens it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import resources
from app.screens.audit.words import FLAGS as FLAG_WORDS
from app.screens.audit.words import unit_text
from core.audit import FLAGS, MEASURES, QualityLimits, open_audit
from core.audit.browse import AuditView
from core.audit.columns import measure_text
from core.audit.store import AuditStore
from core.jobs import Job, JobStore
from core.scoring import Classifier
from tests.app.conftest import TOKEN, html, told_url
from tests.audited_toys import audited, write_data_set

OpenPage = Callable[..., AppTest]


@pytest.fixture
def roots(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the installation may read."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(folder))
    return folder


@pytest.fixture
def audits(data_dir: Path, roots: Path) -> AuditStore:
    """Another view of the installation's audits."""
    return AuditStore(data_dir / "audits", server_roots=(roots.resolve(),))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[AuditStore, Job]:
    """A finished audit of the data set with faults, made once."""
    return audited(tmp_path_factory.mktemp("audited"))


@pytest.fixture
def view(finished: tuple[AuditStore, Job]) -> AuditView:
    store, job = finished
    return AuditView(f"{job.id}-0", open_audit(store.folder(job).path), QualityLimits())


@pytest.fixture
def look_at(
    finished: tuple[AuditStore, Job],
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_page: OpenPage,
) -> Callable[..., AppTest]:
    """Open the finished audit at a part of the page."""
    store, job = finished
    folder = store.jobs.folder
    data_dir.mkdir(parents=True)
    (data_dir / "audits").symlink_to(folder)
    monkeypatch.setenv("NODELENS_SERVER_ROOTS", str(folder.parent))

    def opened(part: str = "Findings", *, token: str = TOKEN, **told: str) -> AppTest:
        page = open_page("audit", token=token)
        for name, value in {"audit": job.id, "part": part, **told}.items():
            page.query_params[name] = value
        page.run()
        assert not page.exception, page.exception
        return page

    return opened


def test_without_a_data_set_the_page_says_what_to_do(open_page: OpenPage) -> None:
    page = open_page("audit")
    assert "No data set yet" in html(page)
    assert page.button(key="try-samples").label == "Open the drawn samples"


def test_the_drawn_samples_are_audited_in_one_click_and_called_drawn(
    open_page: OpenPage, data_dir: Path
) -> None:
    page = open_page("audit")
    page.button(key="try-samples").click().run()
    assert "drawn, not tissue" in html(page)
    store = AuditStore(data_dir / "audits")
    (job,) = store.jobs.jobs(TOKEN)
    page_until_done(page, job)
    assert ">finished</span>" in html(page)
    assert "all measured" in html(page)
    assert store.folder(job).read_progress().complete


def page_until_done(page: AppTest, job: Job) -> None:
    """Draw the page again once the page's own thread has ended."""
    resources.audit_store(resources.settings()).wait(job, timeout_s=120)
    page.run()
    assert not page.exception, page.exception


def test_findings_come_first_and_the_worst_of_them_at_the_top(
    look_at: Callable[..., AppTest], view: AuditView
) -> None:
    said = html(look_at())
    places = [said.index(f"<b>{found.headline}</b>") for found in view.findings]
    assert places == sorted(places)
    severities = [str(found.severity) for found in view.findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert {"copy-with-other-label", "flat"} <= {found.kind for found in view.findings}
    assert "✖ Error" in said


def test_show_me_chooses_the_patches_of_a_finding(
    look_at: Callable[..., AppTest], view: AuditView
) -> None:
    page = look_at()
    place = [found.kind for found in view.findings].index("flat")
    page.button(key=f"show-{place}-flat").click().run()
    assert told_url(page) == {"part": "Findings", "show": "finding:flat"}
    lines = [line.value.replace("\\", "") for line in page.markdown]
    assert "**One flat colour: 1 patch**" in lines
    page.button(key="audit-show-all").click().run()
    assert told_url(page)["show"] == ""


def test_show_me_of_a_telling_measure_orders_the_patches_by_it(
    look_at: Callable[..., AppTest], view: AuditView
) -> None:
    place, found = next((n, one) for n, one in enumerate(view.findings) if one.of_measure)
    page = look_at()
    page.button(key=f"show-{place}-{found.kind}").click().run()
    assert told_url(page) == {"part": "Findings", "show": f"measure:{found.of_measure}"}
    assert any("All patches, highest" in line.value for line in page.markdown)


def test_show_me_of_conflicting_pairs_leads_to_the_pairs(
    look_at: Callable[..., AppTest], view: AuditView
) -> None:
    page = look_at()
    place = [found.kind for found in view.findings].index("copy-with-other-label")
    page.button(key=f"show-{place}-copy-with-other-label").click().run()
    assert not page.exception
    assert told_url(page)["part"] == "Duplicates and leaks"
    assert "With different labels" in html(page)
    assert any("1 to 1 of 1 pairs" in caption.value for caption in page.caption)


@pytest.mark.parametrize(
    "part",
    [
        "Classes",
        "Slides and splits",
        "Duplicates and leaks",
        "Doubtful labels",
        "Map",
        "Patches",
    ],
)
def test_every_part_is_drawn(look_at: Callable[..., AppTest], part: str) -> None:
    page = look_at(part)
    assert not page.error
    assert not page.warning


def test_a_patch_opens_with_what_is_known_of_it(
    look_at: Callable[..., AppTest], view: AuditView
) -> None:
    row = list(view.patches["id"]).index("p00")
    said = html(look_at("Patches", patch=str(row)))
    assert "Related patches" in said
    assert "p00" in said


def test_a_moved_limit_is_in_force_at_once_and_can_be_taken_back(
    look_at: Callable[..., AppTest], view: AuditView
) -> None:
    page = look_at()
    page.session_state["audit-limits-fold"] = True
    page.run()
    readable = int((view.patches["fault"] == "").sum())
    assert f"**Dark**: 0 of {readable}" in [line.value for line in page.markdown]
    page.slider(key="audit-limit-dark_mean").set_value(150.0).run()
    dark = int((view.audit.flags(QualityLimits(dark_mean=150.0))["dark"]).sum())
    assert dark > 0
    assert f"**Dark**: {dark} of {readable}" in [line.value for line in page.markdown]
    page.button(key="audit-limits-reset").click().run()
    assert f"**Dark**: 0 of {readable}" in [line.value for line in page.markdown]


def test_every_measure_is_drawn_when_it_is_unfolded(look_at: Callable[..., AppTest]) -> None:
    page = look_at("Classes")
    folded = html(page)
    page.session_state["audit-measures"] = True
    page.run()
    assert not page.exception
    assert "How well single image measures predict the label" in html(page)
    assert "How well single image measures predict the label" not in folded


def test_nobody_else_sees_an_audit(look_at: Callable[..., AppTest]) -> None:
    page = look_at(token="o" * 43)
    assert "not in your workspace" in page.info[0].value
    assert "set" not in [button.label for button in page.button]


@pytest.fixture
def doubtful(audits: AuditStore, roots: Path) -> tuple[Job, list[int]]:
    """An audit whose scores contradict two labels and that of a copy, and the labels of these."""
    write_data_set(roots / "set")
    job = audits.jobs.add_server_path(TOKEN, "set", (roots / "set").resolve())
    audits.start(job)
    audits.wait(job, timeout_s=120)
    patches = open_audit(audits.folder(job).path).patches
    given = patches.dropna(subset=["label"]).iloc[:12]
    wrong = given.index[[2, 5]]
    score = [
        (1 - label if row in wrong else label) * 0.9 + 0.05 for row, label in given["label"].items()
    ]
    lines = (f"{one},{value}" for one, value in zip(given["id"], score, strict=True))
    table = "\n".join(["id,prob_tumour", *lines])
    audits.keep_scores_in(job, "s.csv", table.encode(), out_of_fold=False)
    audits.start(job)
    audits.wait(job, timeout_s=120)
    return job, [*(int(given["label"][row]) for row in wrong), 0]


@pytest.mark.parametrize("scored", [True, False])
def test_doubtful_labels_go_to_a_review_of_the_scored_batch_or_of_one_made_of_them(
    open_page: OpenPage,
    doubtful: tuple[Job, list[int]],
    store: JobStore,
    toy_classifier: Classifier,
    scored: bool,
) -> None:
    job, labels = doubtful
    if scored:
        batch = store.add_server_path(TOKEN, "scored", Path(str(job.server_path)))
        store.start(batch, toy_classifier)
        store.wait(batch, timeout_s=60)
    page = open_page("audit", reader="Dr A", query={"audit": job.id, "part": "Doubtful labels"})
    page.button(key="audit-doubtful-review").click().run()
    assert not page.exception
    assert page.button(key="start-case").label.startswith("Start reading 3")
    (chosen, *_) = store.jobs(TOKEN)
    assert chosen.name == ("scored" if scored else "set, 3 doubtful labels")
    assert page.selectbox(key="new-batch").value == chosen
    if not scored:
        assert sorted(str(row.label) for row in store.rows(chosen)) == sorted(map(str, labels))


def test_a_data_set_is_scored_without_another_upload_and_its_batch_is_found_again(
    look_at: Callable[..., AppTest], store: JobStore
) -> None:
    page = look_at()
    page.button(key="audit-to-batch").click().run()
    assert not page.exception
    (batch,) = store.jobs(TOKEN)
    assert batch.name in html(page)
    assert any("Start scoring" in button.label for button in page.button)
    page = look_at()
    assert page.button(key="audit-grid_view").label == "To the batch"
    assert store.jobs(TOKEN) == [batch]


def test_a_path_outside_the_roots_is_refused(
    open_page: OpenPage, roots: Path, tmp_path: Path, audits: AuditStore
) -> None:
    write_data_set(tmp_path / "secret")
    page = open_page("audit")
    page.text_input[0].set_value(str(tmp_path / "secret"))
    next(b for b in page.button if b.label == "Open this source").click().run()
    assert "not below a folder" in page.error[0].value
    assert not audits.jobs.jobs(TOKEN)


def test_a_folder_without_a_file_says_so_and_can_be_tried_again(
    open_page: OpenPage, roots: Path, audits: AuditStore
) -> None:
    (roots / "empty").mkdir()
    page = open_page("audit")
    page.text_input[0].set_value(str(roots / "empty"))
    next(b for b in page.button if b.label == "Open this source").click().run()
    (job,) = audits.jobs.jobs(TOKEN)
    page_until_done(page, job)
    assert "No patches found in empty" in page.error[0].value.replace("\\", "")
    assert page.button(key="continue-audit").label == "Try again"


def test_a_deleted_audit_leaves_nothing(
    open_page: OpenPage, roots: Path, audits: AuditStore
) -> None:
    write_data_set(roots / "set")
    job = audits.jobs.add_server_path(TOKEN, "set", (roots / "set").resolve())
    page = open_page("audit")
    page.query_params["audit"] = job.id
    page.run()
    page.button(key="delete-this-audit").click().run()
    assert not audits.jobs.jobs(TOKEN)
    assert not audits.folder(job).path.exists()
    assert (roots / "set" / "labels.csv").is_file()


def test_every_measure_and_flag_has_words() -> None:
    assert set(FLAG_WORDS) == set(FLAGS)
    assert len({measure_text(name) for name in MEASURES}) == len(MEASURES)
    assert all(unit_text(name) for name in MEASURES)
