"""A browser in front of the page: one Chromium and one stand for all tests, and a page of its own for each.

Playwright wants a thread of its own, because it leaves an event loop running in the one that it is used in: the bodies
of tests run there.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache, wraps
from pathlib import Path
from typing import Any, Final, TypeVar

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from twisted.trial.unittest import SynchronousTestCase

from tests.e2e.stage import program
from tests.processes import ROOT

T = TypeVar("T")

#: Milliseconds that a condition may take on a busy machine.
DEADLINE: Final = int(os.environ.get("SELLIA_PAGE_DEADLINE_MS", "60000"))

#: Where screenshots are put, for looking at; nothing is compared with them.
SCREENSHOTS: Final = os.environ.get("SELLIA_SCREENSHOTS", "")

_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Worker:
    """The thread of the browser."""

    def __init__(self, chromium: str) -> None:
        self._chromium = chromium
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self.browser: Browser
        self._thread = threading.Thread(target=self._run, name="browser", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def call(self, function: Callable[[], T]) -> T:
        """Return what a function returns in the thread."""
        future: Future[T] = Future()
        self._calls.put((function, future))
        return future.result()

    def _run(self) -> None:
        with sync_playwright() as playwright:
            self.browser = playwright.chromium.launch(executable_path=self._chromium, args=list(_ARGUMENTS))
            while (call := self._calls.get()) is not None:
                function, future = call
                try:
                    future.set_result(function())
                except BaseException as error:
                    future.set_exception(error)
            self.browser.close()

    def _end(self) -> None:
        self._calls.put(None)
        self._thread.join(20)


@cache
def worker() -> Worker:
    """Return the browser's thread.  Raises SkipTest where there is no Chromium."""
    return Worker(program("chromium"))


class Stand:
    """The process of `tests.page.stand`."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.page.stand"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
        )
        atexit.register(self.stop)
        self.url: str = self._answer()["url"]

    def do(self, command: str, **given: Any) -> Any:
        """Give a command, and return what it says."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **given}).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the stand has ended: {self.errors}"
        return json.loads(line)

    @property
    def errors(self) -> str:
        """What it has written to standard error."""
        return os.pread(self._errors.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@cache
def stand() -> Stand:
    """Return the stand of all tests, each of which finds it empty."""
    return Stand()


class PageTests(SynchronousTestCase):
    """Tests in a browser.  One fails if the page had an error that nobody expected, or asked for what was not there."""

    #: Beginnings of messages on the console that a test expects.
    expected: tuple[str, ...] = ()
    width, height = 1300, 800

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, value in list(vars(cls).items()):
            if name.startswith("test_"):
                setattr(cls, name, _in_worker(value))

    def setUp(self) -> None:
        program("chromium")

    def prepare(self) -> None:
        """Prepare what the page shows."""
        self.stand = stand()
        self.stand.do("reset")

    def errors(self) -> str:
        """Return what the process behind the page has said, if it should not have."""
        return self.stand.errors

    def begin(self) -> None:
        """Prepare a test, in the browser's thread."""
        self.prepare()
        self.complaints: list[str] = []
        self.context = worker().browser.new_context(
            viewport={"width": self.width, "height": self.height}, reduced_motion="reduce", accept_downloads=True
        )
        self.context.set_default_timeout(DEADLINE)
        expect.set_options(timeout=DEADLINE)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.watched(self.context.new_page())

    def end(self) -> None:
        """Close what a test has opened, and look at what was complained of."""
        if SCREENSHOTS and not self.page.is_closed():
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{self.id()}.png")
        self.context.close()
        unexpected = [each for each in self.complaints if not each.startswith(self.expected or ("\0",))]
        self.assertEqual(unexpected, [])
        self.assertNotIn("Traceback", self.errors())

    def watched(self, page: Page) -> Page:
        """Return a page whose errors count."""
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(f"console: {message.text}") if message.type in ("error", "warning") else None
            ),
        )
        return page

    # --- what tests say -----------------------------------------------------------------------------------------

    def open(self, query: str = "") -> Page:
        """Open the page, by the URL that the client prints."""
        self.page.goto(self.stand.url + (f"&{query}" if query else ""))
        return self.page

    def part(self, name: str) -> Locator:
        """Return a part of the page by its test id."""
        return self.page.get_by_test_id(name)

    def entry(self, text: str) -> Locator:
        """Return the first entry of the list with a text."""
        return self.page.locator(".entry").filter(has_text=text).first

    def open_entry(self, text: str) -> Locator:
        """Open an entry, and return its exchange."""
        self.entry(text).click()
        exchange = self.part("exchange")
        expect(exchange).to_be_visible()
        return exchange

    def picture(self, name: str) -> None:
        """Take a picture, if pictures are wanted."""
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{self.id()}.{name}.png")

    def clipboard(self) -> str:
        """Return what is on the clipboard."""
        return str(self.page.evaluate("navigator.clipboard.readText()"))


def _in_worker(method: Callable[[PageTests], None]) -> Callable[[PageTests], None]:
    @wraps(method)
    def run(self: PageTests) -> None:
        def body() -> None:
            self.begin()
            try:
                method(self)
            finally:
                self.end()

        worker().call(body)

    return run
