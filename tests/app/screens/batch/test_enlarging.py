"""The patch on the batch page, clicked with a mouse."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium


def test_a_click_anywhere_on_the_patch_enlarges_it(tmp_path: Path, toy_bundle: Path) -> None:
    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        page = opened.new_page(viewport={"width": 1366, "height": 768})
        expect.set_options(timeout=120_000)
        page.goto(address)
        page.get_by_role("button", name="Try the drawn samples").click(timeout=120_000)
        expect(page.locator(".nl-badge-good")).to_have_text("finished")
        page.locator('[data-test-script-state="notRunning"]').wait_for()
        box = page.locator(".nl-picture img").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 90, box["y"] + 0.8 * box["height"])
        expect(page.get_by_role("dialog")).to_be_visible()
