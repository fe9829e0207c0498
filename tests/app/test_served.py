"""What only the served app and a real browser show: cookies, sign-ins, parts drawn alone."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from app.state.identity import COOKIE
from tests.browsing import browser, needs_chromium, served

pytestmark = needs_chromium
SLOW_MS = 60_000
SECRET = "a secret of this test, long enough"  # noqa: S105


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder."""
    return tmp_path / "data"


def workspace(context: BrowserContext) -> list[str]:
    return [one["value"] for one in context.cookies() if one["name"] == COOKIE]


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator(".nl-notice")).to_be_visible(timeout=SLOW_MS)
    return page


def test_a_link_of_another_site_leads_to_ones_own_workspace(folder: Path, toy_bundle: Path) -> None:
    with served(folder, toy_bundle) as address, browser() as chromium:
        context = chromium.new_context()
        opened(context.new_page(), address)
        (before,) = workspace(context)
        page = context.new_page()
        page.route(
            "https://elsewhere.example/",
            lambda route: route.fulfill(
                body=f'<a href="{address}/batch">NodeLens</a>', content_type="text/html"
            ),
        )
        page.goto("https://elsewhere.example/")
        page.get_by_text("NodeLens").click()
        expect(page.locator(".nl-notice")).to_be_visible(timeout=SLOW_MS)
        assert workspace(context) == [before]


def test_whoever_is_signed_in_is_told_so_and_a_forged_sign_in_is_none(
    folder: Path, toy_bundle: Path
) -> None:
    """A sign-in as Streamlit keeps it once the provider has answered."""
    secrets = folder.parent / "secrets.toml"
    secrets.write_text(
        f'[auth]\ncookie_secret = "{SECRET}"\nredirect_uri = "http://localhost:{{port}}/x"\n'
    )
    environment = {"STREAMLIT_SECRETS_FILES": str(secrets), "NODELENS_LEADS": "Lea@X.org"}
    with served(folder, toy_bundle, environment=environment) as address, browser() as chromium:

        def visitor(secret: str, **claims: object) -> Page:
            known = {"origin": address, "is_logged_in": True, "iss": "i", "sub": "7"} | claims
            signed = create_signed_value(secret, USER_COOKIE_NAME, json.dumps(known)).decode()
            context = chromium.new_context()
            context.add_cookies([{"name": USER_COOKIE_NAME, "value": signed, "url": address}])
            return opened(context.new_page(), f"{address}/review")

        forged = visitor("another secret, just as long as it", email="lea@x.org")
        expect(forged.get_by_role("button", name="Sign in")).to_be_visible(timeout=SLOW_MS)
        expect(forged.locator(".nl-title")).to_have_count(0)
        lead = visitor(SECRET, email="lea@x.org").locator(".st-key-nl-who")
        expect(lead).to_contain_text(re.compile("lea@x.org *lead"), timeout=SLOW_MS)
        claimed = visitor(SECRET, email="lea@x.org", email_verified=False)
        expect(claimed.locator(".st-key-nl-who")).to_contain_text(
            re.compile("lea@x.org · 7 *reader"), timeout=SLOW_MS
        )


def test_the_server_hands_faults_to_the_page(folder: Path, toy_bundle: Path) -> None:
    folder.mkdir()
    (folder / "jobs").write_text("not a folder")
    with served(folder, toy_bundle) as address, browser() as chromium:
        page = opened(chromium.new_page(), f"{address}/batch")
        expect(page.get_by_text("jobs cannot be used: ")).to_be_visible(timeout=SLOW_MS)
