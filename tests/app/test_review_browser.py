from pathlib import Path

from playwright.sync_api import Browser, Page

from core.review import ReadingMode, ReviewStore, current_verdicts, verify_store
from core.scoring import Classifier
from tests.app.review_toys import scored_case
from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium
LOOKED_MS = 600


def open_page(opened: Browser, address: str, reader: str) -> Page:
    context = opened.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "nodelens_reader", "value": reader, "url": address}])
    found = context.new_page()
    found.goto(f"{address}/review?case=toycase")
    return found


def wait_for_patch(page: Page, number: int, *, score: bool) -> None:
    page.get_by_text(f"Patch {number} of 10").wait_for(timeout=60_000)
    part = ".nl-read-score" if score else ".nl-read-hidden"
    page.locator(part).wait_for(timeout=60_000)
    page.wait_for_timeout(LOOKED_MS)


def read_patch(page: Page, number: int, first: str, then: str) -> None:
    wait_for_patch(page, number, score=False)
    page.keyboard.press(first)
    wait_for_patch(page, number, score=True)
    page.keyboard.press(then)


def test_two_browsers_read_blind_first_by_keyboard_alone_with_a_reload(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST)
    with served(data, toy_bundle) as address, browser() as opened:
        ann, ben = (open_page(opened, address, reader) for reader in ("Ann", "Ben"))
        for number in range(1, 5):
            read_patch(ann, number, "t" if number % 2 else "n", "k")
            if number <= 3:
                read_patch(ben, number, "n", "t")
        wait_for_patch(ann, 5, score=False)
        ann.keyboard.press("x")
        wait_for_patch(ann, 5, score=True)
        ann.reload()  # between the two verdicts on a patch
        wait_for_patch(ann, 5, score=True)
        ann.keyboard.press("n")
        wait_for_patch(ann, 6, score=False)
        ann.keyboard.press("u")  # the verdict after the AI goes; the blind one is frozen
        wait_for_patch(ann, 5, score=True)
        ann.keyboard.press("t")
        for number in range(6, 11):
            read_patch(ann, number, "t" if number % 2 else "n", "k")
        ann.get_by_text("Every patch of this case is read").wait_for(timeout=60_000)
    store = ReviewStore(data / "review.sqlite")
    by_ann = current_verdicts(store.record(), "toycase", "Ann")
    by_ben = current_verdicts(store.record(), "toycase", "Ben")
    first = "".join(verdict.first.reading.verdict[0] for verdict in by_ann)
    assert first == "tntnc" + "ntntn"
    final = "".join(verdict.final.reading.verdict[0] for verdict in by_ann)
    assert final == "tntnt" + "ntntn"
    assert [verdict.final.reading.verdict for verdict in by_ben] == ["tumour"] * 3
    assert all(verdict.first.reading.blinded for verdict in (*by_ann, *by_ben))
    assert verify_store(store.path).ok
