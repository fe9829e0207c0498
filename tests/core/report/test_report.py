import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import ReviewError, RunError, StoreError
from core.explanation import TwinTester
from core.report import Report, ReportMaps, report_maps, report_of, report_pdf
from core.report.command import record_until
from core.review import CaseOpened, CasePatch, OnScreen, ReviewStore
from core.review.maps import MapMaker
from core.review.patches import PatchFolder
from core.review.pseudonyms import Pseudonyms
from core.review.vocabulary import Verdict
from core.scoring import Classifier
from tests.core.review.toys import filled_store, given, reading, toy_case
from tests.toys import noise_patches

NONE = ReportMaps()


def png(number: int) -> bytes:
    buffer = BytesIO()
    Image.fromarray(noise_patches(1, seed=number)[0]).save(buffer, "PNG")
    return buffer.getvalue()


def kept_case(folder: PatchFolder, patches: int = 5) -> CaseOpened:
    made = []
    for number in range(patches):
        data = png(number)
        sha256 = hashlib.sha256(data).hexdigest()
        folder.keep(data, sha256=sha256)
        made.append(
            CasePatch(
                sha256=sha256,
                id=f"Mustermann-{number}",
                prob_tumour=0.9,
                predicted_label=1,
                label=0,
                slide=f"B26-{number}",
            )
        )
    return toy_case(patches=tuple(made))


def read_case(tmp_path: Path) -> tuple[ReviewStore, PatchFolder]:
    store = ReviewStore(tmp_path / "review.sqlite")
    folder = PatchFolder(tmp_path / "review_patches")
    case = kept_case(folder)
    store.append(case)
    for task in range(5):
        said = reading(Verdict.NO_TUMOUR, OnScreen.SCORE, comment=f"as Łukasz said {task}")
        store.append(given(case, "Dr Ann Example", task, said))
    return store, folder


def everything(report: Report) -> str:
    return repr(report)


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    store, folder = read_case(tmp_path)
    first = report_pdf(report_of(store.record(), "c1"), folder.image, NONE)
    again = ReviewStore(store.path)
    assert report_pdf(report_of(again.record(), "c1"), folder.image, NONE) == first
    assert first.startswith(b"%PDF")


def test_a_report_is_rebuilt_after_further_verdicts(tmp_path: Path) -> None:
    store, folder = read_case(tmp_path)
    end = store.head().sequence
    before = report_pdf(report_of(store.record(), "c1"), folder.image, NONE)
    store.append(given(store.record().case("c1"), "Ben", 0, reading(Verdict.TUMOUR)))
    assert report_of(store.record(), "c1").made_of != ""
    rebuilt = report_of(record_until(store, end), "c1")
    assert report_pdf(rebuilt, folder.image, NONE) == before


def test_one_other_verdict_gives_other_bytes(tmp_path: Path) -> None:
    store, folder = read_case(tmp_path)
    before = report_pdf(report_of(store.record(), "c1"), folder.image, NONE)
    store.append(given(store.record().case("c1"), "Ben", 0, reading(Verdict.TUMOUR)))
    assert report_pdf(report_of(store.record(), "c1"), folder.image, NONE) != before


def test_a_pseudonymised_report_holds_no_name_file_slide_or_comment(tmp_path: Path) -> None:
    store, _ = read_case(tmp_path)
    named = everything(report_of(store.record(), "c1"))
    hidden = everything(report_of(store.record(), "c1", hide=Pseudonyms(b"k" * 32)))
    for secret in ("Ann", "Mustermann", "B26-", "Łukasz", "toy c1"):
        assert secret in named
        assert secret not in hidden
    assert "reader-" in hidden


def test_verdicts_against_the_model_are_flagged_and_others_are_not(tmp_path: Path) -> None:
    store = filled_store(tmp_path / "review.sqlite", 6)
    store.append(given(store.record().case("c1"), "Ben", 0, Verdict.TUMOUR))
    report = report_of(store.record(), "c1")
    assert [patch.title for patch in report.flagged] == ["Patch 1"]
    assert "against the model" in report.flagged[0].why
    assert "readings differ" in report.flagged[0].why


def test_a_case_without_verdicts_has_no_report(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "review.sqlite")
    store.append(toy_case())
    with pytest.raises(ReviewError, match="No verdict"):
        report_of(store.record(), "c1")


def test_kept_patches_are_checked_against_their_hash(tmp_path: Path) -> None:
    folder = PatchFolder(tmp_path / "kept")
    data = png(1)
    sha256 = hashlib.sha256(data).hexdigest()
    with pytest.raises(ReviewError, match="Re-score the batch"):
        folder.keep(data + b"x", sha256=sha256)
    folder.keep(data, sha256=sha256)
    assert np.array_equal(folder.image(sha256), noise_patches(1, seed=1)[0])
    (folder.folder / sha256[:2] / sha256).write_bytes(b"else")
    with pytest.raises(StoreError, match="changed on disk"):
        folder.image(sha256)


def test_a_report_with_maps_is_rebuilt_byte_for_byte(
    tmp_path: Path, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder = read_case(tmp_path)
    case = replace(store.record().case("c1"), model_id=toy_classifier.model_id)
    checks = tmp_path / "checks.jsonl"
    report = report_of(store.record(), "c1")

    def built() -> bytes:
        maps = report_maps(
            report.hashes, case.model_id, lambda: MapMaker(toy_classifier, checks), folder.image
        )
        assert [found.shown.drawn for found in maps.of_patch.values()] == [True] * 5
        return report_pdf(report, folder.image, maps)

    first = built()
    assert first != report_pdf(report, folder.image, NONE)
    lines = checks.read_text().splitlines()
    checks.write_text("\n".join([lines[0][:90], lines[1].replace("[", "{"), *lines[2:]]))
    assert built() == first  # what is torn or garbled is checked again
    monkeypatch.setattr(TwinTester, "run", None)
    assert built() == first  # and what was checked is not


def test_a_report_says_why_there_are_no_maps(tmp_path: Path, toy_classifier: Classifier) -> None:
    store, folder = read_case(tmp_path)
    report = report_of(store.record(), "c1")
    case = store.record().case("c1")
    other = report_maps(
        report.hashes,
        case.model_id,
        lambda: MapMaker(toy_classifier, tmp_path / "checks.jsonl"),
        folder.image,
    )
    assert "The patches were scored by toy-1" in other.summary()

    def no_model() -> MapMaker:
        raise RunError("There is no model here.")

    assert report_maps(report.hashes, case.model_id, no_model, folder.image).summary() == (
        "none. There is no model here."
    )
    assert not other.of_patch
