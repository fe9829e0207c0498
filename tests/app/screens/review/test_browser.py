"""Whole readings in a browser by keyboard alone, as fast as anybody could read."""

import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from core.review import ReadingMode, ReviewStore, current_verdicts, verify_store
from core.review.exports import verdict_table
from core.scoring import Classifier
from tests.app.screens.review.toys import scored_case
from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium
PATIENCE_MS = 180_000
BEAT_S = 0.2
"""Five keys a second."""
_VERDICTS = {"t": "tumour", "n": "no tumour", "x": "cannot judge"}


@dataclass
class Reader:
    """Somebody at a browser of their own."""

    page: Page
    patches: int
    number: int = 1
    scored: bool = False

    def wait(self) -> None:
        title = f"Patch {self.number} of {self.patches}"
        self.page.get_by_text(title, exact=True).wait_for(timeout=PATIENCE_MS)
        part = ".nl-read-score" if self.scored else ".nl-read-hidden"
        self.page.locator(part).wait_for(timeout=PATIENCE_MS)
        self.page.locator("[data-part=stage] img").wait_for(timeout=PATIENCE_MS)

    def press(self, key: str) -> None:
        """Press a key once the patch was looked at; then the score, or the next patch, comes."""
        self.wait()
        self.page.wait_for_timeout(1000 * BEAT_S)
        self.page.keyboard.press(key)
        self.number += self.scored
        self.scored = not self.scored

    def read(self, first: str, then: str) -> None:
        self.press(first)
        self.press(then)


def reader_at(opened: Browser, address: str, name: str, patches: int) -> Reader:
    context = opened.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies([{"name": "nodelens_reader", "value": name, "url": address}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/review?case=toycase")
    return Reader(page, patches)


def test_fifty_patches_are_read_blind_first_by_keyboard_alone_beside_another_reader(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST, patches=50)
    with served(data, toy_bundle) as address, browser() as opened:
        ann, ben = (reader_at(opened, address, name, 50) for name in ("Ann", "Ben"))
        for number in range(1, 25):
            ann.read("t" if number % 2 else "n", "k")
            if number % 8 == 0:
                ben.read("n", "t")
        ann.press("x")
        ann.wait()
        ann.page.reload()  # between the two verdicts on a patch
        ann.press("n")
        ann.wait()
        ann.page.keyboard.press("u")  # the verdict after the AI goes; the blind one is frozen
        ann.number, ann.scored = 25, True
        ann.press("t")
        for number in range(26, 51):
            ann.read("t" if number % 2 else "n", "k")
        ann.page.get_by_text("You have read every patch").wait_for(timeout=PATIENCE_MS)
    store = ReviewStore(data / "review.sqlite")
    by_ann = current_verdicts(store.record(), "toycase", "Ann")
    by_ben = current_verdicts(store.record(), "toycase", "Ben")
    first = "".join(verdict.first.reading.verdict[0] for verdict in by_ann)
    assert first == "tn" * 12 + "c" + "nt" * 12 + "n"
    final = "".join(verdict.final.reading.verdict[0] for verdict in by_ann)
    assert final == "tn" * 12 + "t" + "nt" * 12 + "n"
    assert [verdict.final.reading.verdict for verdict in by_ben] == ["tumour"] * 3
    assert all(verdict.first.reading.blinded for verdict in (*by_ann, *by_ben))
    assert verify_store(store.path).ok


def test_what_a_key_does_is_said_while_the_patch_is_blind_and_while_it_is_not(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST, patches=3)
    with served(data, toy_bundle) as address, browser() as opened:
        ann = reader_at(opened, address, "Ann", 3)
        by_map = ann.page.locator("[data-does=map]")
        ann.press("t")
        ann.wait()
        ann.page.keyboard.press("m")
        expect(by_map).to_have_text("Hide Grad-CAMM")  # and its key
        ann.press("k")
        ann.wait()
        expect(by_map).to_have_text("Grad-CAMM")
        expect(by_map).to_be_disabled()


def test_keys_give_verdicts_again_once_the_switch_to_twelve_at_a_time_is_off(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST, patches=3)
    with served(data, toy_bundle) as address, browser() as opened:
        page = reader_at(opened, address, "Ann", 3).page
        switch = page.get_by_text("Twelve at a time", exact=True)
        switch.click()
        page.get_by_text("Click a patch where you disagree").wait_for()
        switch.click()
        page.locator("[data-part=stage] img").wait_for()
        page.wait_for_timeout(1000)
        page.keyboard.press("t")
        expect(page.locator("[data-part=progress]")).to_contain_text("1 of 3")


def test_over_a_slow_line_verdicts_are_given_as_fast_as_over_a_quick_one(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scored_case(data, toy_classifier, mode=ReadingMode.AI_FIRST, patches=40)
    with served(data, toy_bundle) as address, browser() as opened:
        page = reader_at(opened, address, "Ann", 40).page
        page.locator("[data-part=stage] img").wait_for()
        slow = {"offline": False, "latency": 800, "downloadThroughput": -1, "uploadThroughput": -1}
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
        page.evaluate(_AT_FIVE_A_SECOND, "tnx")
        page.get_by_text("You have read every patch").wait_for(timeout=PATIENCE_MS)
        refused = page.evaluate("window.refused")
    said = current_verdicts(ReviewStore(data / "review.sqlite").record(), "toycase", "Ann")
    assert [_VERDICTS["tnx"[at % 3]] for at in range(40)] == [
        one.final.reading.verdict for one in said
    ]
    assert min(one.final.reading.seconds for one in said) >= 0.15
    assert len(refused) < 5, refused  # this machine may be slow to draw a patch


_AT_FIVE_A_SECOND = """(keys) => {
  const text = (name) => document.querySelector(`[data-part=${name}]`)?.textContent ?? "";
  window.refused = [];
  const beat = setInterval(() => {
    const [number, all] = text("title").match(/\\d+/g).map(Number);
    window.dispatchEvent(new KeyboardEvent("keydown", { key: keys[(number - 1) % keys.length] }));
    if (text("remark")) window.refused.push(`${number} ${text("remark")}`);
    else if (number === all) clearInterval(beat);
  }, 200);
}"""
_SEEN = """() => {
  const text = (name) => document.querySelector(`[data-part=${name}]`)?.textContent ?? "";
  const scored = document.querySelector(".nl-read-score") !== null;
  const number = Number(text("title").split(" ")[1]);
  return [number, scored, text("evidence").includes("▲"), text("remark")];
}"""


@pytest.mark.parametrize("mode", [ReadingMode.AI_FIRST, ReadingMode.BLIND_FIRST])
def test_two_hundred_verdicts_at_five_keys_a_second_each_reach_the_patch_that_was_seen(
    tmp_path: Path,
    toy_bundle: Path,
    toy_classifier: Classifier,
    record_property: Callable[[str, object], None],
    mode: ReadingMode,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    blind_first = mode is ReadingMode.BLIND_FIRST
    patches = 100 if blind_first else 200
    scored_case(data, toy_classifier, mode=mode, patches=patches)
    given: dict[tuple[int, bool], str] = {}
    comments: dict[int, str] = {}
    refused = 0
    with served(data, toy_bundle) as address, browser() as opened:
        page = reader_at(opened, address, "Ann", patches).page
        page.locator("[data-part=stage] img").wait_for()
        number, scored, called, _ = page.evaluate(_SEEN)
        began = time.monotonic()
        while len(given) < 200:
            beat = time.monotonic()
            contradicts = number % 25 == 0
            if contradicts and number not in comments:
                comments[number] = f"remark on {number}"
                page.locator("textarea").fill(comments[number])
                page.keyboard.press("Tab")
            key = "x" if number % 10 == 1 else "tn"[called is not contradicts]
            if blind_first:
                key = "tn"[number % 2] if not scored else "x" if number % 10 == 1 else "k"
            page.keyboard.press(key)
            before = number, scored
            page.locator(".nl-desk-waits").wait_for(
                state="detached"
            )  # where a patch is not here yet
            number, scored, called, remark = page.evaluate(_SEEN)
            if (
                number,
                scored,
            ) == before:  # this machine was slow to draw the patch, and the reader is told
                assert "Not recorded" in remark
                refused += 1
            else:
                given[before] = given[before[0], False] if key == "k" else _VERDICTS[key]
            time.sleep(max(0, BEAT_S - (time.monotonic() - beat)))
        record_property("verdicts_a_second", round(200 / (time.monotonic() - began), 2))
        record_property("refused_as_too_soon", refused)
        expect(page.get_by_text("You have read every patch")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator(".nl-notice")).to_be_visible()
        page.get_by_role("button", name="Report, PDF").click()
        with page.expect_download() as waited:
            page.get_by_role("button", name="Save PDF").click()
        pdf = PdfReader(io.BytesIO(Path(waited.value.path()).read_bytes()))
    store = ReviewStore(data / "review.sqlite")
    rows = list(verdict_table(store.record(), "toycase").itertuples())
    places = range(1, patches + 1)
    assert [str(row.verdict) for row in rows] == [given[at, True] for at in places]
    if blind_first:
        assert [str(row.first_verdict) for row in rows] == [given[at, False] for at in places]
    told = {place: row.comment for place, row in enumerate(rows, 1) if row.comment}
    assert told == comments
    kinds = [entry.payload.event.kind for entry in store.entries()]
    assert kinds.count("verdict given") + kinds.count("verdict after AI") == 200
    assert refused < 20
    assert verify_store(store.path).ok
    text = " ".join(" ".join(one.extract_text() for one in pdf.pages).split())  # cells wrap
    assert [comment for comment in comments.values() if comment not in text] == []
    said = current_verdicts(store.record())
    seconds = [
        reading.seconds for one in said for reading in (one.first.reading, one.final.reading)
    ]
    record_property("median_s_from_patch_to_key", statistics.median(seconds))
    assert min(seconds) >= 0.15
