"""How long a reader waits: for the first page after a start, and with many patches loaded.

python -m tests.benchmarks.app_latency [--data DIR] [--patches 12000] [--model DIR]

DIR holds patches as files, repeated until there are enough; without it noise is scored. Each wait
is from the event in the browser to what it asked for on the screen. The exit status is 1 where one
is above its limit. Times depend on what else runs.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from core.settings import SHIPPED_MODEL
from tests.benchmarks.scoring import decoded
from tests.browsing import browser, served
from tests.toys import noise_patches

LIMITS_MS = {"slider": 100.0, "page switch": 500.0, "patch detail": 200.0, "intervals": 300.0}
FIRST_PAGE_S = 3.0
SLOW_MS = 400_000
_HEAR = """for (const kind of ["keydown", "click"])
  window.addEventListener(kind, () => window.heard?.(kind), true);"""
"""Before the page's own listeners, which keep keys for themselves."""
_WATCH = """([event, expression]) => {
  const told = () => { try { return String(eval(expression)); } catch { return ""; } };
  const before = told();
  window.waited = null;
  window.heard = (kind) => {
    if (kind !== event) return;
    window.heard = null;
    const start = performance.now();
    const look = () => {
      const now = told();
      if (now && now !== before) window.waited = performance.now() - start;
      else requestAnimationFrame(look);
    };
    look();
  };
}"""
_SLIDER = "document.querySelector('.st-key-nl-figure-roc svg.nl-marks').dataset.threshold"
_NUMBERS = """[...document.querySelectorAll("[data-at] [data-live]")]
  .map((place) => place.textContent).join()"""
_PATCH = "document.querySelector('.nl-patchline').innerText"
_PAGES = {  # what only this page has
    "Overview": "document.querySelector('.nl-steps') && 'overview'",
    "Threshold": _SLIDER,
    "Batch scoring": "document.querySelector('.nl-batch') && 'batch'",
}


def waited(page: Page, event: str, expression: str, act: Callable[[], None]) -> float:
    """Return the milliseconds from an event to another value of a JavaScript expression."""
    page.evaluate(_WATCH, [event, expression])
    act()
    milliseconds: float = page.wait_for_function("window.waited", timeout=60_000).json_value()
    page.wait_for_timeout(400)
    return milliseconds


def first_page(place: Path, model: Path) -> tuple[float, float]:
    """Return the seconds from the start of the server to its first page, and to all of that."""
    with browser() as opened:
        page = opened.new_page()
        started = time.perf_counter()
        with served(place / "first", model) as address:
            page.goto(address)
            expect(page.get_by_role("heading").first).to_be_visible(timeout=SLOW_MS)
            up = time.perf_counter() - started
            expect(page.get_by_role("heading", name="Limits")).to_be_visible(timeout=SLOW_MS)
            return up, time.perf_counter() - started


def batch_page(page: Page, address: str, source: Path) -> None:
    """Score a place on the server, and wait until the list stands."""
    page.goto(f"{address}/batch")
    page.get_by_text("On the server").click(timeout=SLOW_MS)
    page.get_by_label("Path").fill(str(source))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start scoring").click(timeout=SLOW_MS)
    expect(page.locator(".nl-badge-good")).to_have_text("finished", timeout=SLOW_MS)
    expect(page.locator(".nl-patchline").first).to_contain_text(re.compile(" of "), timeout=SLOW_MS)
    page.wait_for_timeout(5000)


def latencies(page: Page, steps: int) -> dict[str, list[float]]:
    """Return the waits of each kind."""
    press = page.keyboard.press
    detail = [waited(page, "keydown", _PATCH, lambda: press("j")) for _ in range(steps)]
    switch = []
    for name in list(_PAGES) * (2 + steps // 10):
        link = page.get_by_role("link", name=name)
        switch.append(waited(page, "click", _PAGES[name], link.click))
    page.get_by_role("link", name="Threshold").click()
    page.get_by_role("slider", name="Threshold").first.focus()
    slider, intervals = [], []
    for step in range(steps):
        key = "PageUp" if step % 10 < 5 else "PageDown"
        slider.append(waited(page, "keydown", _NUMBERS, partial(press, key)))
        intervals.append(waited(page, "keydown", _SLIDER, lambda: press("ArrowRight")))
        at_once = page.evaluate(_NUMBERS)
        expect(page.locator("body.nl-moving")).to_have_count(0)
        if page.evaluate(_NUMBERS) != at_once:
            raise ValueError(f"At once: {at_once}; answered: {page.evaluate(_NUMBERS)}.")
    # The first switch to a page loads its libraries, once for each process.
    latencies = {"slider": slider, "intervals": intervals, "patch detail": detail}
    return latencies | {"page switch": switch[len(_PAGES) :]}


def main() -> int:
    """Measure, print, and return 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--patches", type=int, default=12_000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL)
    asked = parser.parse_args()
    fine = True
    with tempfile.TemporaryDirectory() as named:
        place = Path(named)
        images = noise_patches(200) if asked.data is None else decoded(asked.data)
        source = place / "patches.npy"
        np.save(source, np.resize(images, (asked.patches, *images.shape[1:])))
        load = os.getloadavg()[0]
        starts = [first_page(place, asked.model) for _ in range(asked.starts)]
        fine &= max(up for up, _ in starts) <= FIRST_PAGE_S
        text = ", ".join(f"{up:.1f} (with all numbers {whole:.1f})" for up, whole in starts)
        sys.stdout.write(f"first page {text} s after the start; load {load:.1f}\n")
        roots = {"NODELENS_SERVER_ROOTS": named}
        with browser() as opened, served(place / "data", asked.model, environment=roots) as address:
            page = opened.new_context(viewport={"width": 1366, "height": 768}).new_page()
            page.add_init_script(_HEAR)
            batch_page(page, address, source)
            for name, found in latencies(page, asked.steps).items():
                middle, most = np.percentile(found, [50, 95])
                fine &= bool(most <= LIMITS_MS[name])
                line = f"{name:12} p50 {middle:5.0f} ms, p95 {most:5.0f} ms of {len(found)}"
                sys.stdout.write(f"{line}; limit {LIMITS_MS[name]:.0f} ms\n")
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
