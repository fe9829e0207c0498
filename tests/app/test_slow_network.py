"""The app over a network that is slower than its reader."""

from pathlib import Path

from playwright.sync_api import WebSocketRoute, expect

from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium


def test_quick_clicks_while_answers_are_under_way_leave_the_page_whole(
    tmp_path: Path, toy_bundle: Path
) -> None:
    """Streamlit's default breaks the page: its browser drops what the server refers to later."""
    late: list[str | bytes] | None = None
    ends: list[WebSocketRoute] = []

    def between(end: WebSocketRoute) -> None:
        def answered(message: str | bytes) -> None:
            end.send(message) if late is None else late.append(message)

        ends.append(end)
        end.connect_to_server().on_message(answered)

    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        page = opened.new_page(viewport={"width": 1366, "height": 768})
        page.route_web_socket("**/_stcore/stream", between)
        expect.set_options(timeout=30_000)
        page.goto(address)
        page.get_by_role("button", name="Try the drawn samples").click(timeout=120_000)
        expect(page.locator(".nl-badge-good")).to_have_text("finished", timeout=120_000)
        page.locator('[data-test-script-state="notRunning"]').wait_for()
        late = []
        for view in ("Contact sheet", "Against labels", "Contact sheet", "Against labels", "List"):
            page.get_by_role("radio", name=view).click()
            page.wait_for_timeout(1000)  # each its own run of the page, which the server ends
        waiting, late = late, None
        for message in waiting:
            ends[-1].send(message)
        page.get_by_role("radio", name="Contact sheet").click()
        expect(page.locator("figure.nl-picture")).to_be_visible()
        expect(page.locator(".tiles figure").first).to_be_visible()
        expect(page.get_by_text("Connection error")).to_have_count(0)
