"""The Explanation page in a real browser: what AppTest cannot see, because it happens there."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium


def test_the_keys_walk_on_after_a_method_was_chosen(tmp_path: Path, toy_bundle: Path) -> None:
    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        page = opened.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=30_000)
        idle = page.locator('[data-test-script-state="notRunning"]')
        page.goto(address)
        page.get_by_role("button", name="Try the drawn samples").click()
        expect(page.locator(".nl-badge-good")).to_have_text("finished")
        idle.wait_for()
        page.get_by_role("button", name="Explain").click()
        expect(page.get_by_text("1 of 24 ·")).to_be_visible()
        # The whole map stands in the first screen.
        drawn, notice = (
            page.get_by_role("img", name="The patch under its"),
            page.locator(".nl-notice"),
        )
        expect(drawn.first).to_be_visible()
        idle.wait_for()  # it is drawn again once it is checked
        seen, foot = drawn.first.bounding_box(), notice.bounding_box()
        assert seen is not None
        assert foot is not None
        assert seen["width"] > 300
        assert seen["y"] + seen["height"] <= foot["y"]
        page.get_by_role("combobox", name="Method").click()
        page.get_by_role("option", name="Grad-CAM++").click()
        expect(page.get_by_text("Grad-CAM++ ").first).to_be_visible()
        idle.wait_for()
        page.keyboard.press("j")
        expect(page.get_by_text("2 of 24 ·")).to_be_visible()
