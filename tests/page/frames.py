"""Frame times of the list while it scrolls: ``python -m tests.page.frames [ENTRIES]`` measures them in Chromium.

The page is the real one; the entries are given to it as the API's answers would be, without a client that has so many.
Chromium draws in software here, without a graphics card, so a desktop does better.
"""

from __future__ import annotations

import sys
from typing import Any

from tests.page.stage import DEADLINE, stand, worker

#: Puts that many entries into the list.
FILL = """async count => {
  const exchanges = await import("/state/exchanges.js");
  const made = [];
  for (let number = 1; number <= count; number += 1) made.push({
    id: String(number), version: 1, kind: "http", tunnel: "demo", origin: "visitor", replay_of: null, edited: false,
    kept: false, visitor: "203.0.113.7", method: "GET", host: "demo.tunnel.example", target: `/an/entry/${number}?a=b`,
    status: 200, type: "text/html", started: Date.now() / 1000, seconds: 0.042, open: false, request_bytes: 0,
    response_bytes: 4242, messages: null, end: null, cause: null });
  const begun = performance.now();
  exchanges.take(made);
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
}"""

#: Scrolls for some frames by so many pixels each, and returns the milliseconds from frame to frame.
SCROLL = """async ([frames, pixels]) => {
  const list = document.querySelector("[data-testid=list]");
  const told = [];
  let before = await new Promise(requestAnimationFrame);
  for (let each = 0; each < frames; each += 1) {
    list.scrollTop += pixels;
    const now = await new Promise(requestAnimationFrame);
    told.push(now - before);
    before = now;
  }
  return told;
}"""

#: Adds entries on top while it scrolls, as live traffic does.
LIVE = """count => import("/state/exchanges.js").then(exchanges => {
  let number = count;
  window.living = setInterval(() => {
    const like = exchanges.entry("1");
    exchanges.take(Array.from({ length: 50 }, () => ({ ...like, id: String(number += 1) })));
  }, 100);
})"""


def figures(times: list[float]) -> str:
    """Return what is said of frame times."""
    ordered = sorted(times)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99)]
    late = sum(each > 20 for each in times)
    told = ", ".join(f"{name} {value:.1f} ms" for name, value in zip(("p50", "p95", "p99"), at, strict=True))
    return f"{told}, most {ordered[-1]:.1f} ms, {late} of {len(times)} late"


def measure(count: int) -> None:
    """Print the figures."""
    stand().do("reset")
    context = worker().browser.new_context(viewport={"width": 1300, "height": 800})
    context.set_default_timeout(DEADLINE)
    page = context.new_page()
    page.goto(stand().url)
    page.get_by_test_id("welcome").wait_for()
    print(f"{count:,} entries taken and drawn in {page.evaluate(FILL, count):.0f} ms")
    page.locator(".entry").first.wait_for()
    frames: Any
    for what, frames, pixels in (("slowly", 240, 12), ("quickly", 240, 900), ("in jumps", 240, 12_000)):
        print(f"scrolled {what}: {figures(page.evaluate(SCROLL, [frames, pixels]))}")
    page.evaluate("document.querySelector('[data-testid=list]').scrollTop = 0")
    page.evaluate(LIVE, count)
    print(f"scrolled while 500 a second come: {figures(page.evaluate(SCROLL, [240, 30]))}")
    print(f"elements in the document: {page.evaluate('document.querySelectorAll(`*`).length'):,}")
    context.close()


if __name__ == "__main__":
    worker().call(lambda: measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
