"""The data-set page in a real browser: tiles that are clicked, points in a lasso."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium


@pytest.fixture
def address(tmp_path: Path, toy_bundle: Path) -> Iterator[str]:
    with served(tmp_path / "data", toy_bundle) as found:
        yield found


def test_samples_are_audited_a_box_around_points_and_a_tile_lead_to_patches(address: str) -> None:
    with browser() as opened:
        page = opened.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        page.set_default_timeout(90_000)
        expect.set_options(timeout=90_000)
        page.goto(f"{address}/audit")
        page.get_by_role("button", name="Open the drawn samples").click()
        expect(page.locator(".nl-badge-good")).to_have_text("finished")

        # Every finding leads somewhere, and the patches are drawn beside.
        tiles = page.locator("button.tile")
        expect(tiles).to_have_count(24)

        # A click on a bar of a class chooses its patches.
        page.get_by_role("radio", name="Classes", exact=True).click()
        bar = page.locator(".st-key-audit-class-chart .point path").first
        bar.scroll_into_view_if_needed()
        bar.hover(force=True)
        box = bar.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.get_by_role("radio", name="Patches", exact=True)).to_be_checked()
        expect(tiles).to_have_count(12)

        # A box over half of the map chooses some of the 24, not all.
        map_part = page.get_by_role("radio", name="Map", exact=True)
        expect(map_part).to_have_count(1)
        map_part.click()
        page.get_by_role("button", name="Draw the map").click()
        expect(page.locator(".st-key-nl-audit-shown")).to_contain_text("All patches")
        plot = page.locator(".js-plotly-plot .nsewdrag").first
        page.locator("[data-attr=dragmode][data-val=select]").first.click()
        box = plot.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 2, box["y"] + 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2, steps=6)
        page.mouse.up()
        expect(page.locator(".st-key-nl-audit-shown")).to_contain_text("Selected in the chart")
        expect(tiles).not_to_have_count(24)
        chosen = tiles.count()
        assert 0 < chosen < 24
        expect(page.locator(".st-key-nl-audit-shown")).to_contain_text(f"{chosen} patch")

        # A tile opens its patch; the URL then holds it, so that a reload finds it again.
        row = tiles.first.get_attribute("data-row")
        tiles.first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("SHA-256")
        assert f"patch={row}" in page.url
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)
        page.wait_for_function("!location.search.includes('patch=')")

        # Whatever part was looked at: Back leads to the list, as on the other pages.
        page.get_by_role("button", name="All data sets").click()
        page.get_by_role("button", name="Open", exact=True).click()
        for part in ("Classes", "Slides and splits"):
            page.get_by_role("radio", name=part, exact=True).click()
            page.wait_for_function("part => location.search.includes(part)", arg=part.split()[0])
        page.go_back()
        expect(page.get_by_text("Your data sets")).to_be_visible()
