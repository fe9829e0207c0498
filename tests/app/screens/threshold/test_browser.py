"""The threshold page in a real browser: what AppTest cannot see, because it happens there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.charts.palette import DARK
from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium
FOLLOWED = """(range, value) => {
  const marks = document.querySelector(".st-key-nl-figure-histogram svg.nl-marks");
  const place = () => marks.querySelector("line").getAttribute("x1");
  const before = place();
  range.value = value;
  range.dispatchEvent(new Event("input"));
  const said = document.querySelectorAll("[data-at] [data-live]");
  const numbers = [...said].map((one) => one.textContent);
  const seen = [marks.dataset.threshold, before, place(), numbers];
  range.dispatchEvent(new Event("change"));
  return seen;
}"""
NUMBERS = '[...document.querySelectorAll("[data-at] [data-live]")].map((one) => one.textContent)'


@pytest.fixture
def address(tmp_path: Path, toy_bundle: Path) -> Iterator[str]:
    with served(tmp_path / "data", toy_bundle) as found:
        yield found


def test_a_threshold_is_dragged_clicked_chosen_locked_and_shared(address: str) -> None:
    with browser() as opened:
        context = opened.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(120_000)
        page = context.new_page()
        expect.set_options(timeout=60_000)

        def threshold() -> float:
            marks = page.locator(".st-key-nl-figure-roc svg.nl-marks")
            return float(marks.get_attribute("data-threshold") or "nan")

        def moved(before: float) -> float:
            page.wait_for_function(
                "before => Number(document.querySelector('.st-key-nl-figure-roc svg.nl-marks')"
                ".dataset.threshold) !== before",
                arg=before,
            )
            return threshold()

        def answered(at: float) -> None:
            expect(page.locator(f'.nl-say[data-at="{at}"]').first).to_be_attached()
            expect(page.locator("body.nl-moving")).to_have_count(0)

        page.goto(address)
        page.get_by_role("link", name="Threshold").click()
        page.wait_for_selector(".st-key-nl-figure-roc svg.nl-marks circle", state="attached")
        standing = page.locator(".nl-standing").first
        numbers = page.locator(".nl-say").first
        assert threshold() == 0.4
        expect(standing).to_contain_text("This is the current threshold")

        # The keyboard moves it by one step, the mark and the numbers follow.
        slider = page.get_by_role("slider", name="Threshold").first
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert moved(0.4) == 0.401
        expect(standing).to_contain_text("exploring")

        # The marks and the numbers follow the hand at once, before any answer, which agrees.
        at_first = page.evaluate(NUMBERS)
        told, before, after, said_at_once = slider.evaluate(FOLLOWED, "0.73")
        assert told == "0.401"
        assert before != after
        assert moved(0.401) == 0.73
        answered(0.73)
        assert page.evaluate(NUMBERS) == said_at_once != at_first

        # A hand that comes back before the answer finds the numbers that it left.
        slider.evaluate(FOLLOWED, "0.2")
        slider.evaluate(FOLLOWED, "0.73")
        answered(0.73)
        assert page.evaluate(NUMBERS) == said_at_once
        slider.evaluate(FOLLOWED, "0.401")
        assert moved(0.73) == 0.401
        answered(0.401)
        assert page.evaluate(NUMBERS) == at_first

        # A drag ends where the hand lets go, at once; the URL then holds it.
        box = slider.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.401 * box["width"], middle)
        page.mouse.down()
        for step in range(1, 12):
            page.mouse.move(box["x"] + (0.4 + 0.03 * step) * box["width"], middle)
        page.mouse.up()
        expect(slider).to_have_value(re.compile(r"0\.7[2-6]"))  # not a place on the way
        dragged = float(slider.input_value())
        page.wait_for_function(
            "at => Number(new URLSearchParams(location.search).get('threshold')) === at",
            arg=dragged,
        )
        assert float(slider.input_value()) == dragged  # answers to places on the way left it there
        expect(page.locator(f'svg.nl-marks[data-threshold="{dragged}"]').first).to_be_attached()

        # A click on the ROC curve sets the threshold of the point there.
        plot = page.locator(".st-key-nl-figure-roc .nsewdrag").first.bounding_box()
        assert plot is not None
        page.mouse.move(plot["x"] + 0.1 * plot["width"], plot["y"] + 0.5 * plot["height"])
        page.mouse.move(plot["x"] + 0.12 * plot["width"], plot["y"] + 0.5 * plot["height"])
        page.wait_for_selector(".st-key-nl-figure-roc .hoverlayer .hovertext")
        page.mouse.click(plot["x"] + 0.12 * plot["width"], plot["y"] + 0.5 * plot["height"])
        clicked = moved(dragged)

        # A rule, as a button.
        page.locator(".st-key-threshold-rule").get_by_text("Balanced", exact=True).click()
        expect(standing).to_contain_text("Youden index")
        youden = moved(clicked)

        # The lock, and what everybody sees after it.
        page.get_by_role("button", name="Lock …").click()
        page.get_by_label("Your name, as it will appear in the file").fill("Dr A")
        page.get_by_label("Your name, as it will appear in the file").press("Enter")
        page.get_by_role("button", name="Lock", exact=True).click()
        expect(standing).to_contain_text("locked v1")
        said = numbers.inner_text()

        # A reload keeps it, and the link shows the same in another visit.
        link = page.url
        assert "workspace" not in link
        page.reload()
        expect(standing).to_contain_text("locked v1")
        expect(numbers).to_have_text(said, use_inner_text=True)
        other = opened.new_context().new_page()
        other.goto(link)
        expect(other.locator(".nl-standing").first).to_contain_text("locked v1")
        expect(other.locator(".nl-say").first).to_have_text(said, use_inner_text=True)
        assert f"threshold={youden}" in link

        # However often the threshold was moved, one Back leaves the page.
        page.go_back()
        page.wait_for_url(f"{address}/")
        page.wait_for_selector(".nl-steps")


def test_a_click_on_the_curve_of_the_overview_tries_that_threshold(address: str) -> None:
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.get_by_text("passed", exact=True).wait_for()
        page.locator(".js-plotly-plot").scroll_into_view_if_needed()
        page.locator('[data-test-script-state="notRunning"]').wait_for()
        x, y, threshold = page.evaluate(
            """() => {
              const figure = document.querySelector(".js-plotly-plot");
              const { xaxis, yaxis } = figure._fullLayout;
              const curve = figure._fullData.find((one) => one.name === "curve");
              const at = Math.floor(curve.x.length / 2);
              const { left, top } = figure.querySelector(".nsewdrag").getBoundingClientRect();
              return [left + xaxis.d2p(curve.x[at]), top + yaxis.d2p(curve.y[at]),
                      curve.customdata[at][0]];
            }"""
        )
        page.mouse.move(x - 3, y)
        page.mouse.click(x, y)
        marks = page.locator(".st-key-nl-figure-roc svg.nl-marks")
        marks.wait_for(state="attached")
        assert float(marks.get_attribute("data-threshold") or "nan") == pytest.approx(threshold)


def test_a_dialog_is_readable_on_a_dark_page(address: str) -> None:
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1366, "height": 768}, color_scheme="dark")
        page.set_default_timeout(120_000)
        page.goto(f"{address}/threshold")
        page.get_by_role("button", name="Lock …").click()
        number = page.get_by_role("dialog").locator(".nl-stat dd").first
        assert number.evaluate("one => getComputedStyle(one).color") == _rgb(DARK.ink)


def _rgb(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgb({red}, {green}, {blue})"
