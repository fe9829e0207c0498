"""The patch on the batch page, enlarged by a click; keys in the dialog and after it."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium


def test_a_click_anywhere_on_the_patch_enlarges_it_and_keys_walk_on(
    tmp_path: Path, toy_bundle: Path
) -> None:
    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        page = opened.new_page(viewport={"width": 1366, "height": 768})
        expect.set_options(timeout=120_000)
        page.goto(address)
        page.get_by_role("button", name="Try the drawn samples").click(timeout=120_000)
        expect(page.locator(".nl-badge-good")).to_have_text("finished")
        still = page.locator('[data-test-script-state="notRunning"]')
        still.wait_for()
        box = page.locator(".nl-picture img").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 90, box["y"] + 0.8 * box["height"])
        dialog, beside = page.get_by_role("dialog"), page.locator(".nl-picture img").first
        expect(dialog).to_be_visible()
        still.wait_for()
        first = str(beside.get_attribute("alt"))
        page.keyboard.press("j")
        expect(dialog.locator("img")).not_to_have_attribute("alt", first)
        second = str(dialog.locator("img").get_attribute("alt"))
        still.wait_for()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        page.keyboard.press("k")
        expect(beside).to_have_attribute("alt", first)
        assert second != first
        expect(dialog).to_have_count(0)
