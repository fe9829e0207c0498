"""From the first page to the report in a browser, without the menu: what each step takes.

python -m tests.benchmarks.reading_path [--data DIR] [--patches 59] [--read 20]

DIR holds patches as files; without it noise is scored. Open, score, look at three maps, try a
threshold, lock it and call the batch anew, read some patches blind first, save the report. The
exit status is 1 where all of it takes longer than the limit. Times depend on what else runs.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from playwright.sync_api import Page, expect

from core.settings import SHIPPED_MODEL
from tests.browsing import browser, served
from tests.toys import write_patches

LIMIT_S = 60.0
SLOW_MS = 120_000
READER = "Dr Ann Example"


class Walk:
    """Somebody on their way, with a clock."""

    def __init__(self, page: Page) -> None:
        """Start at no page yet."""
        expect.set_options(timeout=SLOW_MS)
        self.page = page
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()
        page.set_default_timeout(SLOW_MS)

    def done(self, step: str) -> None:
        """Note what a step took."""
        now = time.monotonic()
        self.seconds[step] = now - self._since
        self._since = now

    def press(self, name: str, *, exact: bool = False) -> None:
        """Press a button by its name."""
        self.page.get_by_role("button", name=name, exact=exact).first.click()

    def open_and_score(self, address: str, folder: Path) -> None:
        """Go from the first page to the scored batch."""
        self.page.goto(address)
        self.press("Score my patches")
        self.page.locator("input[type=file][webkitdirectory]").set_input_files(folder)
        self.done("open, upload")
        self.press("Start scoring")
        expect(self.page.locator(".nl-badge-good")).to_have_text("finished")
        self.done("score")

    def look(self, maps: int) -> None:
        """See the map of one patch after another."""
        picture = self.page.locator(".nl-picture img")
        self.page.locator('[data-test-script-state="notRunning"]').wait_for()
        before = picture.get_attribute("src")
        for number in range(maps):
            if number:
                self.page.keyboard.press("j")
            else:
                self.press("Grad-CAM")
            expect(picture).not_to_have_attribute("src", before or "")
            expect(self.page.locator(".nl-mapline")).to_be_visible()
            before = picture.get_attribute("src")
        self.done(f"look at {maps} maps")

    def tune_and_lock(self) -> None:
        """Try another threshold, lock it and have the batch follow."""
        self.press("Threshold", exact=True)
        slider = self.page.get_by_role("slider", name="Threshold")
        slider.focus()
        shown = self.page.locator(".nl-say").first.inner_text()
        for _ in range(60):
            self.page.keyboard.press("ArrowRight")
        expect(self.page.locator(".nl-say").first).not_to_have_text(shown)
        self.done("try a threshold")
        self.press("Lock …")
        self.page.get_by_label("Your name, as it will appear").fill(READER)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("dialog").get_by_role("button", name="Lock", exact=True).click()
        expect(self.page.get_by_role("dialog")).to_have_count(0)
        self.done("lock and apply")

    def read(self, count: int) -> None:
        """Read patches blind first, each as soon as it can be seen, and keep every verdict."""
        self.press("Review", exact=True)
        field = self.page.get_by_role("spinbutton", name="How many to read")
        field.fill(str(count))
        field.press("Enter")
        self.press(f"Start reading {count}")
        self.done("set up the review")
        for number in range(1, count + 1):
            title = self.page.get_by_text(f"Patch {number} of {count}", exact=True)
            for part, key in (("hidden", "t"), ("score", "k")):
                title.wait_for()
                self.page.locator(f".nl-read-{part}").wait_for()
                # The desk counts from the picture, which comes after the words at the first patch.
                self.page.locator('[data-part="stage"] img').wait_for()
                self.page.wait_for_timeout(200)
                self.page.keyboard.press(key)
        expect(self.page.get_by_text("You have read every patch")).to_be_visible()
        self.done(f"read {count}")

    def report(self) -> bytes:
        """Save the report and return it."""
        self.press("Report, PDF")
        with self.page.expect_download() as waited:
            self.press("Save PDF")
        self.done("report")
        return Path(waited.value.path()).read_bytes()


def walk(page: Page, address: str, folder: Path, *, read: int) -> tuple[dict[str, float], bytes]:
    """Go all the way and return the seconds of each step, and the report."""
    going = Walk(page)
    going.open_and_score(address, folder)
    going.look(3)
    going.tune_and_lock()
    going.read(read)
    return going.seconds, going.report()


def main() -> int:
    """Go the way with the shipped model and print what each step takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--patches", type=int, default=59)
    parser.add_argument("--read", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "patches"
        if options.data is None:
            write_patches(folder, options.patches)
        else:
            folder.mkdir()
            paths = sorted(path for path in options.data.rglob("*.tif"))
            for path in islice(paths, options.patches):
                shutil.copy(path, folder)
        with served(Path(place) / "data", SHIPPED_MODEL) as address, browser() as opened:
            page = opened.new_page(viewport={"width": 1366, "height": 768})
            page.goto(address)  # the server has its libraries and the model then
            expect(page.get_by_text("Self-test").first).to_be_visible(timeout=SLOW_MS)
            seconds, report = walk(page, address, folder, read=options.read)
    total = sum(seconds.values())
    for step, taken in seconds.items():
        sys.stdout.write(f"{step:24}{taken:6.1f} s\n")
    load = os.getloadavg()[0]
    sys.stdout.write(
        f"{'all':24}{total:6.1f} s, report {len(report) / 2**20:.1f} MiB, load {load:.1f}, "
        f"{os.cpu_count()} cores\n"
    )
    return int(total > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
