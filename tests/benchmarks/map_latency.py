"""How long a reader waits in a browser for a heat map that was not shown yet.

python -m tests.benchmarks.map_latency [--data DIR] [--patches 60]

DIR holds patches as files; without it noise is scored. From the key to the picture on the screen:
the median and the 95th percentile over all patches of a batch, each looked at once. The exit status
is 1 where the latter is above the limit. Times depend on what else runs.
"""

import argparse
import os
import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from core.settings import SHIPPED_MODEL
from tests.browsing import browser, served
from tests.toys import write_patches

LIMIT_MS = 300.0
SLOW_MS = 180_000
_WATCH = """() => {
  const source = () => document.querySelector(".nl-picture img")?.src;
  const before = source();
  window.waited = null;
  document.addEventListener("keydown", () => {
    const start = performance.now();
    const look = () => {
      if (source() && source() !== before) window.waited = performance.now() - start;
      else requestAnimationFrame(look);
    };
    look();
  }, { once: true, capture: true });
}"""


def waited(page: Page, key: str) -> float:
    """Return the milliseconds from a key to another picture."""
    page.evaluate(_WATCH)
    page.keyboard.press(key)
    milliseconds: float = page.wait_for_function("window.waited", timeout=SLOW_MS).json_value()
    return milliseconds


def batch_page(page: Page, address: str, folder: Path) -> None:
    """Upload and score a folder, and wait until nothing is measured any more."""
    page.goto(f"{address}/batch")
    expect(page.get_by_text("New batch")).to_be_visible(timeout=SLOW_MS)
    page.locator("input[type=file][webkitdirectory]").set_input_files(folder)
    page.get_by_role("button", name="Start scoring").click(timeout=SLOW_MS)
    expect(page.locator(".nl-badge-good")).to_have_text("finished", timeout=SLOW_MS)
    expect(page.get_by_text("decided by the surroundings").first).to_be_visible(timeout=SLOW_MS)
    page.wait_for_timeout(2000)


def main() -> int:
    """Measure, print, and return 1 if the limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--patches", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, browser() as opened:
        folder = Path(place) / "patches"
        if asked.data is None:
            write_patches(folder, asked.patches)
        else:
            folder.mkdir()
            for path in islice(sorted(asked.data.rglob("*.tif")), asked.patches):
                shutil.copy(path, folder)
        load = os.getloadavg()[0]
        with served(Path(place) / "data", SHIPPED_MODEL) as address:
            page = opened.new_context(viewport={"width": 1366, "height": 768}).new_page()
            batch_page(page, address, folder)
            maps, steps = [], []
            for _ in range(asked.patches - 1):
                maps.append(waited(page, "m"))
                waited(page, "m")
                steps.append(waited(page, "j"))
                page.wait_for_timeout(500)
    for name, found in (("heat map", maps), ("next patch", steps)):
        middle, most = np.percentile(found, [50, 95])
        line = f"{name:10} p50 {middle:6.0f} ms, p95 {most:6.0f} ms over {len(found)} patches"
        sys.stdout.write(f"{line}; load {load:.1f} at the start\n")
    return int(float(np.percentile(maps, 95)) > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
