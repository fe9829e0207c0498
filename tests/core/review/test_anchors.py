from pathlib import Path

import pytest

from core.__main__ import main
from core.errors import StoreError
from core.review.anchors import ANCHORS_NAME, AnchorFile, read_anchors
from core.review.store import ReviewStore
from core.review.verify import export_log, verify_log, verify_store
from core.review.vocabulary import Verdict
from core.settings import Settings
from tests.core.review.toys import given, toy_case, toy_patch


def anchored(folder: Path, verdicts: int, *, every: int = 4) -> ReviewStore:
    """Return a store with a case of which Ann has read that many patches, its ends noted beside."""
    store = ReviewStore(
        folder / "review.sqlite", anchors=AnchorFile(folder / ANCHORS_NAME, every=every)
    )
    case = toy_case(patches=tuple(toy_patch(number) for number in range(verdicts)))
    store.append(case)
    for task in range(verdicts):
        store.append(given(case, "Ann", task, Verdict.TUMOUR))
    return store


def test_ends_are_noted_when_a_case_opens_and_every_so_often(tmp_path: Path) -> None:
    store = anchored(tmp_path, 9)
    noted = read_anchors(tmp_path / ANCHORS_NAME)
    assert [anchor.sequence for anchor in noted.anchors] == [2, 4, 8]  # 1 is the store's own
    hashes = {link.sequence: link.hash for link in store.links()}
    assert all(hashes[anchor.sequence] == anchor.hash for anchor in noted.anchors)
    store.note_end()
    store.note_end()
    assert read_anchors(tmp_path / ANCHORS_NAME).anchors[3:] == (store.head(),)


def test_a_cut_tail_is_found_by_the_anchors_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = anchored(tmp_path, 9)
    store.note_end()
    assert main(["verify", str(store.path)]) == 0
    assert "4 anchors of review_anchors.txt were compared" in capsys.readouterr().out
    log = tmp_path / "log.jsonl"
    export_log(log, store.links()[:-2])
    noted = read_anchors(tmp_path / ANCHORS_NAME)
    assert verify_log(log).ok  # the chain itself cannot show it
    cut = verify_log(log, noted=noted)
    assert [found.place for found in cut.findings] == ["Anchor 11"]
    assert main(["verify", str(log), "--anchors", str(tmp_path / ANCHORS_NAME)]) == 1
    assert "are gone" in capsys.readouterr().out


def test_an_older_copy_that_went_on_is_found_by_the_anchors_file(tmp_path: Path) -> None:
    store = anchored(tmp_path, 9)
    (tmp_path / "other").mkdir()
    went_on = anchored(tmp_path / "other", 9)  # the same events at other times
    assert verify_store(went_on.path).ok
    verification = verify_store(went_on.path, noted=read_anchors(tmp_path / ANCHORS_NAME))
    assert "rewritten" in verification.report()
    assert len(verification.findings) == 1
    assert verify_store(store.path, noted=read_anchors(tmp_path / ANCHORS_NAME)).ok


def test_without_anchors_the_report_says_what_it_cannot_see(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "review.sqlite")
    assert "removal of the last events would go unnoticed" in verify_store(store.path).report()


def test_a_garbled_anchors_file_is_a_finding(tmp_path: Path) -> None:
    store = anchored(tmp_path, 9)
    file = tmp_path / ANCHORS_NAME
    file.write_text(file.read_text("ascii").replace(":", ";", 1), "ascii")
    outcome = verify_store(store.path, noted=read_anchors(file))
    assert [found.place for found in outcome.findings] == [f"{ANCHORS_NAME}, line 1"]
    with pytest.raises(StoreError, match="no anchors file"):
        read_anchors(tmp_path / "absent.txt")


def test_a_verdict_is_recorded_when_the_anchors_file_cannot_be_written(tmp_path: Path) -> None:
    store = ReviewStore(
        tmp_path / "review.sqlite", anchors=AnchorFile(tmp_path / "no" / "folder.txt", every=1)
    )
    case = toy_case()
    store.append(case)
    store.append(given(case, "Ann", 0))
    assert store.head().sequence == 3
    assert "cannot be written" in store.anchor_problem
    (tmp_path / "no").mkdir()
    store.note_end()
    assert store.anchor_problem == ""


def test_the_operator_says_where_ends_are_noted(tmp_path: Path) -> None:
    environment = {"NODELENS_DATA_DIR": str(tmp_path)}
    assert Settings.from_environment(environment).review_anchors == tmp_path / ANCHORS_NAME
    environment["NODELENS_REVIEW_ANCHORS"] = str(tmp_path / "elsewhere" / "ends.txt")
    settings = Settings.from_environment(environment)
    assert settings.review_anchors == tmp_path / "elsewhere" / "ends.txt"


@pytest.mark.parametrize("left", [None, b""])
def test_a_record_that_is_gone_is_told_by_its_anchors_and_none_is_begun(
    tmp_path: Path, left: bytes | None
) -> None:
    store = anchored(tmp_path, 5)
    for file in tmp_path.glob("review.sqlite*"):
        file.unlink()
    if left is not None:
        store.path.write_bytes(left)
    for _ in range(2):
        with pytest.raises(StoreError, match="its anchors include event 4"):
            ReviewStore(store.path, anchors=AnchorFile(tmp_path / ANCHORS_NAME))
    assert not store.path.exists() or store.path.stat().st_size == 0


def test_another_record_in_its_place_is_told_by_the_anchors(tmp_path: Path) -> None:
    store = anchored(tmp_path, 5)
    for file in tmp_path.glob("review.sqlite*"):
        file.unlink()
    ReviewStore(store.path)
    with pytest.raises(StoreError, match="does not contain this event"):
        ReviewStore(store.path, anchors=AnchorFile(tmp_path / ANCHORS_NAME))
