"""A whole blind-first reading by keyboard alone, in two browsers, as fast as anybody could read."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from core.review import ReadingMode, ReviewStore, current_verdicts, verify_store
from core.scoring import Classifier
from tests.app.screens.review.toys import scored_case
from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium
PATCHES = 50
PATIENCE_MS = 180_000
LOOKED_MS = 420
"""A little longer than the desk asks for."""
_WATCH = """
() => {
  // From a key to the frame in which another patch, or the score, is drawn.
  const seen = () => [
    document.querySelector(".nl-read img")?.alt,
    Boolean(document.querySelector(".nl-read-score")),
    Boolean(document.querySelector(".nl-empty")),
  ].join("|");
  window.drawnAfterMs = [];
  let pressed = null, before = seen();
  const press = () => { pressed = performance.now(); before = seen(); };
  document.addEventListener("keydown", press, true);
  new MutationObserver(() => {
    if (pressed === null || seen() === before || seen().startsWith("|")) return;
    const start = pressed;
    pressed = null;
    requestAnimationFrame(() => window.drawnAfterMs.push(performance.now() - start));
  }).observe(document.body, {subtree: true, childList: true, attributes: true});
}
"""


@dataclass
class Reader:
    """Somebody at a browser of their own."""

    page: Page
    number: int = 1
    scored: bool = False

    def watch(self) -> None:
        self.wait()
        idle = '[data-test-script-state="notRunning"]'
        self.page.locator(idle).wait_for(timeout=PATIENCE_MS)
        self.page.evaluate(_WATCH)

    def wait(self) -> None:
        self.page.get_by_text(f"Patch {self.number} of {PATCHES}").wait_for(timeout=PATIENCE_MS)
        part = ".nl-read-score" if self.scored else ".nl-read-hidden"
        self.page.locator(part).wait_for(timeout=PATIENCE_MS)
        # For a moment the old key and the new one may both stand there.
        keys = self.page.locator(".st-key-verdict-X button")
        expect(keys).to_have_count(1, timeout=PATIENCE_MS)
        keys.wait_for(timeout=PATIENCE_MS)

    def press(self, key: str) -> None:
        """Press a key once the patch was looked at; then the score, or the next patch, comes."""
        self.wait()
        self.page.wait_for_timeout(LOOKED_MS)
        self.page.keyboard.press(key)
        self.number += self.scored
        self.scored = not self.scored

    def read(self, first: str, then: str) -> None:
        self.press(first)
        self.press(then)

    def reload(self) -> None:
        self.wait()
        self.page.reload()
        self.watch()


def reader_at(opened: Browser, address: str, name: str) -> Reader:
    context = opened.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "nodelens_reader", "value": name, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/review?case=toycase")
    return Reader(page)


def test_fifty_patches_are_read_blind_first_by_keyboard_alone_beside_another_reader(
    tmp_path: Path,
    toy_bundle: Path,
    toy_classifier: Classifier,
    record_property: Callable[[str, object], None],
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    scored_case(data, toy_classifier, mode=ReadingMode.BLIND_FIRST, patches=PATCHES)
    with served(data, toy_bundle) as address, browser() as opened:
        ann, ben = (reader_at(opened, address, name) for name in ("Ann", "Ben"))
        ann.watch()
        for number in range(1, 25):
            ann.read("t" if number % 2 else "n", "k")
            if number % 8 == 0:
                ben.read("n", "t")
        ann.press("x")
        taken = ann.page.evaluate("window.drawnAfterMs")
        ann.reload()  # between the two verdicts on a patch
        ann.press("n")
        ann.wait()
        ann.page.keyboard.press("u")  # the verdict after the AI goes; the blind one is frozen
        ann.number, ann.scored = 25, True
        ann.press("t")
        for number in range(26, PATCHES + 1):
            ann.read("t" if number % 2 else "n", "k")
        ann.page.get_by_text("You have read every patch").wait_for(timeout=PATIENCE_MS)
        taken += ann.page.evaluate("window.drawnAfterMs")
    assert len(taken) >= 2 * PATCHES - 4
    told = statistics.quantiles(taken, n=10)
    record_property("key_to_drawn_median_ms", round(told[4]))
    record_property("key_to_drawn_p90_ms", round(told[8]))
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
