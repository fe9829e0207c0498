"""One path through the whole app that needs no menu; the long form is a benchmark."""

from pathlib import Path

from core.bundle import read_bundle
from core.review import ReviewStore, current_verdicts, verify_store
from core.settings import Settings
from core.thresholds import OperatingPointStore
from tests.benchmarks.reading_path import READER, walk
from tests.browsing import browser, needs_chromium, served
from tests.toys import write_patches

pytestmark = needs_chromium


def test_from_the_first_page_to_the_report_every_step_is_offered_by_the_one_before(
    tmp_path: Path, toy_bundle: Path
) -> None:
    folder, data = tmp_path / "node 4", tmp_path / "data"
    write_patches(folder, 12, seed=8)
    with served(data, toy_bundle) as address, browser() as opened:
        page = opened.new_page(viewport={"width": 1366, "height": 768})
        seconds, report = walk(page, address, folder, read=4)
    assert report.startswith(b"%PDF")
    assert len(seconds) == 8
    store = ReviewStore(data / "review.sqlite")
    given = current_verdicts(store.record())
    assert [one.final.reading.verdict for one in given] == ["tumour"] * 4
    assert {one.reader for one in given} == {READER}
    assert verify_store(store.path).ok
    settings = Settings(data_dir=data)
    weights = read_bundle(toy_bundle).card.weights_sha256
    (locked,) = OperatingPointStore(settings.operating_points_dir).versions(weights)
    assert locked.locked_by == READER
    (case,) = store.record().cases.values()
    assert case.operating_point == f"locked {locked.version}"
