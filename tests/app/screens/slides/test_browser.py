"""A scored slide in a real browser: the threshold moves, a click and a key open cells."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from core.scoring import Classifier
from core.slides.store import SlideStore
from tests.app.conftest import TOKEN
from tests.app.screens.slides.test_slides import a_slide, scored
from tests.browsing import browser, needs_chromium, served

SLOW_MS = 90_000

pytestmark = needs_chromium


def flagged_line(page: Page) -> int:
    text = page.locator("output").inner_text()
    found = re.match(r"([\d,]+) of [\d,]+ cells", text)
    assert found is not None, text
    return int(found[1].replace(",", ""))


def test_a_reader_moves_the_threshold_and_opens_cells(
    toy_bundle: Path, toy_classifier: Classifier, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    job = scored(
        store := SlideStore(data / "slides"), a_slide(store, tmp_path / "in"), toy_classifier
    )
    scores = store.cells(job).prob_tumour
    with served(data, toy_bundle) as address, browser() as opened:
        context = opened.new_context(viewport={"width": 1366, "height": 768})
        cookie = {"name": "nodelens_workspace", "value": TOKEN, "url": address}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        refused: list[str] = []
        page.on(
            "response",
            lambda answer: (
                refused.append(answer.url) if "/tiles/" in answer.url and not answer.ok else None
            ),
        )
        page.goto(f"{address}/slides?slide={job.id}")
        expect(page.locator("output")).to_contain_text("cells at", timeout=SLOW_MS)
        threshold = page.locator("input[name=threshold]")
        for odds in (-3.0, 0.0, 0.4):
            threshold.evaluate(
                "(one, odds) => { one.value = odds; one.dispatchEvent(new Event('input')); }", odds
            )
            expected = int((scores >= 1 / (1 + np.exp(-odds))).sum())
            assert flagged_line(page) == expected
        page.get_by_role("button", name="Back to the model's").click()
        assert flagged_line(page) == store.summary(job)["cells"]["flagged"]
        page.locator(".stage").click(position={"x": 390, "y": 200})
        expect(page.locator(".nl-patchline")).to_contain_text("row", timeout=SLOW_MS)
        first = page.url
        if store.summary(job)["cells"]["flagged"]:
            page.locator(".openseadragon-canvas").first.focus()
            page.keyboard.press("n")
            row, column = np.unravel_index(np.nanargmax(scores), scores.shape)
            expect(page).to_have_url(re.compile(f"cell={row}-{column}"), timeout=SLOW_MS)
            assert page.url != first or f"cell={row}-{column}" in first
        assert refused == []
        context.close()
