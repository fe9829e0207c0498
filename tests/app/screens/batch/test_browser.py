"""One story through a real browser: upload, score, read back, reload, another user, no network."""

import io
import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser, Download, Page, Request, expect

from core.patches import open_source
from core.pictures import THUMBNAIL_PX
from core.scoring import Classifier
from tests.browsing import browser, needs_chromium, served
from tests.toys import write_patches

SLOW_MS = 60_000
SHOWN_OF_ANOTHER_BATCH = """() => window.dispatchEvent(
  new CustomEvent("nodelens-shown", { detail: { job: "another", row: "0" } }))"""
PRESS_J_ONCE_SORTED = """() => {
  const key = { key: "j", code: "KeyJ", bubbles: true };
  const look = () => {
    const roots = [...document.querySelectorAll("*")].map((one) => one.shadowRoot ?? one);
    if (roots.some((root) => root.querySelector('th[aria-sort="ascending"]')))
      document.body.dispatchEvent(new KeyboardEvent("keydown", key));
    else requestAnimationFrame(look);
  };
  look();
}"""
"""An impatient reader's key: the list is drawn in its new order, but not yet the box of orders."""

pytestmark = needs_chromium
NOISY_THUMBNAIL_BYTES = THUMBNAIL_PX**2 * 3
"""At least: noise does not compress."""
BARS, MARGIN_PX = 50, 4
"""Of the histogram of a batch."""


class Reader:
    """One user with a browser of their own."""

    def __init__(self, opened: Browser, address: str) -> None:
        self.address = address
        self.requests: list[str] = []
        self.context = opened.new_context(viewport={"width": 1400, "height": 1000})
        self.context.on("request", self._note)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(SLOW_MS)

    def _note(self, request: Request) -> None:
        self.requests.append(request.url)

    def go(self, path: str = "batch") -> None:
        self.page.goto(f"{self.address}/{path}")
        expect(self.page.locator(".nl-notice")).to_contain_text(
            "not a medical device", timeout=SLOW_MS
        )

    def foreign(self) -> list[str]:
        own = urlsplit(self.address).netloc
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in {"data", "blob"} and urlsplit(url).netloc != own
        ]

    def score(self) -> str:
        """Start the batch that is looked at, wait for its end and return its address."""
        self.page.get_by_role("button", name=re.compile("Start scoring")).click()
        expect(self.page.locator(".nl-badge-good")).to_have_text("finished", timeout=SLOW_MS)
        return self.page.url

    def page_of(self, folder: Path) -> Page:
        """Add a folder of patches, score it and return the page that shows its batch."""
        self.go()
        self.page.locator("input[type=file][webkitdirectory]").set_input_files(folder)
        self.score()
        return self.page

    def download(self, label: str) -> bytes:
        self.page.get_by_role("button", name="Download").first.click()
        with self.page.expect_download() as waited:
            self.page.get_by_role("button", name=label, exact=True).click()
        done: Download = waited.value
        content = Path(done.path()).read_bytes()  # before the key, which stops what still loads
        self.page.keyboard.press("Escape")
        return content


def expected(folder: Path, classifier: Classifier) -> dict[str, float | None]:
    """Score of each file by name, straight from the core."""
    with open_source(folder) as source:
        rows = classifier.score(list(source.stream()))
    return {Path(row.path).name: row.prob_tumour for row in rows}


def assert_scores(table: pd.DataFrame, wanted: dict[str, float | None]) -> None:
    found = dict(
        zip(table["path"].map(lambda path: Path(path).name), table["prob_tumour"], strict=True)
    )
    assert found.keys() == wanted.keys()
    for name, score in wanted.items():
        if score is None:
            assert pd.isna(found[name])
        else:
            assert found[name] == pytest.approx(score, abs=1e-5)


def test_a_reader_uploads_scores_downloads_and_comes_back(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    folder = tmp_path / "case 7"
    write_patches(folder / "block a", 5, seed=1)
    write_patches(folder / "block b", 1, seed=2, suffix=".tif")
    (folder / "notes.txt").write_text("no patch")
    archive = tmp_path / "many.zip"
    zipped = tmp_path / "zipped"
    with zipfile.ZipFile(archive, "w") as target:
        for path in write_patches(zipped, 80, seed=3):
            target.write(path, path.name)
    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        reader = Reader(opened, address)
        reader.go("")
        reader.go()
        reader.page.get_by_text("Files or ZIP").click()
        reader.page.locator("input[type=file]:not([webkitdirectory])").set_input_files(archive)
        expect(reader.page.get_by_text("What you added")).to_be_visible(timeout=SLOW_MS)
        zip_address = reader.score()
        csv = reader.download("CSV")
        assert_scores(pd.read_csv(io.BytesIO(csv)), expected(zipped, toy_classifier))
        parquet = reader.download("Parquet")
        assert_scores(pd.read_parquet(io.BytesIO(parquet)), expected(zipped, toy_classifier))

        reader.page.get_by_role("button", name="All batches").click()
        reader.page.locator("input[type=file][webkitdirectory]").set_input_files(folder)
        expect(reader.page.get_by_text("not a patch image", exact=False).first).to_be_visible(
            timeout=SLOW_MS
        )
        reader.score()
        table = pd.read_csv(io.BytesIO(reader.download("CSV")))
        assert_scores(table, expected(folder, toy_classifier))
        assert set(table["status"]) == {"scored", "failed"}

        reader.page.reload()
        expect(reader.page.locator(".nl-batch h1")).to_have_text("case 7", timeout=SLOW_MS)
        reader.page.get_by_role("button", name="All batches").click()
        expect(reader.page.locator(".nl-batch b")).to_have_text(
            ["case 7", "many.zip"], timeout=SLOW_MS
        )
        (cookie,) = [c for c in reader.context.cookies() if c["name"] == "nodelens_workspace"]
        assert cookie["sameSite"] == "Lax"
        assert all(cookie["value"] not in url for url in reader.requests)

        somebody_else = Reader(opened, address)
        somebody_else.go(zip_address.removeprefix(f"{address}/"))
        expect(somebody_else.page.get_by_text("No batch yet")).to_be_visible(timeout=SLOW_MS)
        expect(somebody_else.page.get_by_text("many.zip")).to_have_count(0)

        assert reader.requests
        assert reader.foreign() == []
        assert somebody_else.foreign() == []


def test_a_head_sorts_once_a_key_draws_the_map_and_back_leads_to_the_list(
    tmp_path: Path, toy_bundle: Path, toy_classifier: Classifier
) -> None:
    folder = tmp_path / "case 9"
    write_patches(folder, 8, seed=4)
    (folder / "labels.csv").write_text("id;label\npatch-000;tumour\npatch-001;normal\n")
    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        reader = Reader(opened, address)
        page = reader.page_of(folder)
        line = page.locator(".nl-patchline")
        sorted_head = page.locator("th[aria-sort]")
        expect(sorted_head).to_have_attribute("aria-sort", "descending", timeout=SLOW_MS)
        # Meanwhile what the calls rest on is measured, and the list is drawn anew.
        page.get_by_role("columnheader").get_by_role("button", name="Score").click()
        expect(sorted_head).to_have_attribute("aria-sort", "ascending", timeout=SLOW_MS)
        page.locator('[data-test-script-state="notRunning"]').wait_for()
        page.keyboard.press("j")
        expect(line).to_contain_text("2 of 8", timeout=SLOW_MS)
        expect(sorted_head).to_have_attribute("aria-sort", "ascending")
        second = page.locator("[data-at]").nth(1)
        expect(second).to_have_class("looked")
        page.evaluate(SHOWN_OF_ANOTHER_BATCH)
        expect(second).to_have_class("looked")
        assert second.get_attribute("data-at") != "0"

        plain = page.locator(".nl-picture img").get_attribute("src") or ""
        page.keyboard.press("m")
        expect(page.locator(".nl-mapline")).to_be_visible(timeout=SLOW_MS)
        assert page.locator(".nl-picture img").get_attribute("src") != plain

        score = page.locator(".nl-patchline b")
        looked_at = score.inner_text()
        page.reload()
        expect(line).to_contain_text("2 of 8", timeout=SLOW_MS)
        expect(score).to_have_text(looked_at, timeout=SLOW_MS)

        wanted = [score for score in expected(folder, toy_classifier).values() if score is not None]
        bins = [int(score * BARS) for score in wanted]
        plot = page.locator(".js-plotly-plot").first
        for shown in (bins.count(max(bins)), 8):  # a second click on the bar shows all again
            page.locator('[data-test-script-state="notRunning"]').wait_for()
            box = plot.bounding_box()
            assert box is not None
            across = (max(bins) + 0.5) / BARS * (box["width"] - 2 * MARGIN_PX) + MARGIN_PX
            page.mouse.move(box["x"] + across - 1, box["y"] + 0.5 * box["height"])
            page.mouse.click(box["x"] + across, box["y"] + 0.5 * box["height"])
            expect(line).to_contain_text(f" of {shown}", timeout=SLOW_MS)
        page.set_viewport_size({"width": 420, "height": 860})
        expect(page.locator(".nl-picture")).not_to_be_in_viewport()
        page.locator("tbody tr").nth(2).click()  # the patch lies below the list here
        expect(line).to_contain_text("3 of 8", timeout=SLOW_MS)
        expect(page.locator(".nl-picture")).to_be_in_viewport(ratio=0.9)
        page.set_viewport_size({"width": 1400, "height": 1000})
        page.get_by_text("Against labels").click()
        expect(page.locator(".nl-matrix")).to_contain_text("called", timeout=SLOW_MS)
        expect(page.get_by_role("button", name="Filter")).to_have_count(0)  # of the list

        page.get_by_role("button", name="All batches").click()
        expect(page.get_by_text("Your batches")).to_be_visible(timeout=SLOW_MS)
        page.get_by_role("button", name="Open").first.click()
        expect(line).to_be_visible(timeout=SLOW_MS)
        page.go_back()
        expect(page.get_by_text("Your batches")).to_be_visible(timeout=SLOW_MS)
        assert reader.foreign() == []


def test_keys_count_each_once_and_in_the_moment_of_a_new_order_walk_by_it(
    tmp_path: Path, toy_bundle: Path
) -> None:
    folder = tmp_path / "case 9"
    write_patches(folder, 8, seed=4)
    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        page = Reader(opened, address).page_of(folder)
        page.evaluate(PRESS_J_ONCE_SORTED)
        page.get_by_role("columnheader").get_by_role("button", name="Score").click()
        # By the old order it would be the seventh.
        line = page.locator(".nl-patchline")
        expect(line).to_contain_text("2 of 8", timeout=SLOW_MS)
        sorted_head = page.locator("th[aria-sort]")
        expect(sorted_head).to_have_attribute("aria-sort", "ascending", timeout=SLOW_MS)
        for key in "jjjjjkkk":  # faster than the page is drawn
            page.keyboard.press(key)
        expect(line).to_contain_text("4 of 8", timeout=SLOW_MS)


def test_a_step_to_the_next_patch_does_not_send_the_pictures_of_the_list_again(
    tmp_path: Path, toy_bundle: Path
) -> None:
    folder = tmp_path / "case 10"
    write_patches(folder, 8, seed=4)
    received: list[int] = []
    with served(tmp_path / "data", toy_bundle) as address, browser() as opened:
        reader = Reader(opened, address)
        reader.page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
        )
        page = reader.page_of(folder)
        expect(page.get_by_role("row")).to_have_count(9, timeout=SLOW_MS)
        page.keyboard.press("j")
        expect(page.locator(".nl-patchline")).to_contain_text("2 of 8", timeout=SLOW_MS)
        page.wait_for_timeout(2_000)
        assert sum(received) > 8 * NOISY_THUMBNAIL_BYTES
        received.clear()
        page.keyboard.press("j")
        expect(page.locator(".nl-patchline")).to_contain_text("3 of 8", timeout=SLOW_MS)
        page.wait_for_timeout(2_000)
        assert 0 < sum(received) < 8 * NOISY_THUMBNAIL_BYTES


def test_a_browser_does_not_keep_the_lists_that_its_reader_has_left(
    tmp_path: Path, toy_bundle: Path
) -> None:
    folder = tmp_path / "twelve"
    write_patches(folder, 12, seed=5)
    with browser() as opened, served(tmp_path / "data", toy_bundle) as address:
        page = Reader(opened, address).page_of(folder)
        rows = page.get_by_role("row")
        for _ in range(4):
            page.get_by_role("link", name="Batch scoring").click()
            expect(rows).to_have_count(13, timeout=SLOW_MS)
            section = page.locator("section.list")
            section.evaluate("(one) => { (window.left ??= []).push(new WeakRef(one)); }")
            page.get_by_role("link", name="Overview").click()
            expect(rows).to_have_count(0, timeout=SLOW_MS)
            page.wait_for_timeout(1_000)
        page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
        kept = page.evaluate("window.left.filter((one) => one.deref()).length")
        assert kept <= 2  # what Streamlit drew last, and before
