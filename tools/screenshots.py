"""Takes the pictures of the README again, of the shipped model and the drawn samples.

PYTHONPATH=. python tools/screenshots.py
"""

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from core.settings import SHIPPED_MODEL
from tests.browsing import browser, served

PICTURES = Path(__file__).parents[1] / "assets" / "screenshots"


def main() -> None:
    """Score the drawn samples and take a picture of each page."""
    expect.set_options(timeout=120_000)
    with (
        tempfile.TemporaryDirectory() as place,
        served(Path(place), SHIPPED_MODEL) as address,
        browser() as opened,
    ):
        page = opened.new_page(viewport={"width": 1366, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.get_by_role("button", name="Try the drawn samples").click()
        expect(page.locator(".nl-badge-good")).to_have_text("finished")
        page.wait_for_timeout(5000)
        page.keyboard.press("j")
        page.keyboard.press("m")
        expect(page.locator(".nl-mapline")).to_be_visible()
        page.wait_for_timeout(5000)
        page.screenshot(path=PICTURES / "batch.png")
        for name in ("Explain", "Threshold"):
            page.get_by_role("button", name=name).first.click()
            page.wait_for_timeout(8000)
            page.mouse.move(0, 0)
            page.screenshot(
                path=PICTURES / f"{'explanation' if name == 'Explain' else 'threshold'}.png"
            )


if __name__ == "__main__":
    main()
