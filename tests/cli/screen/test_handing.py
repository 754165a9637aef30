"""Handing a URL to the clipboard and to a browser."""

import base64
import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.screen.handing import COPY_LIMIT, _children, browsing, copying, run_apart
from tests.cli.screen.stage import URL
from tests.processes import wait_until


class HandingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.patch(os, "environ", {**os.environ, "PATH": str(self.directory.absolute())})

    def program(self, name: str, script: str = "#!/bin/sh\nexit 0\n") -> str:
        path = self.directory / name
        path.write_text(script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path.absolute())


class CopyTests(HandingCase):
    def test_through_the_terminal(self) -> None:
        encoded = base64.b64encode(URL.encode()).decode()
        self.assertEqual(copying(URL, {"TERM": "xterm-256color"}), f"\x1b]52;c;{encoded}\x07")

    def test_in_tmux(self) -> None:
        self.assertIsInstance(copying(URL, {"TMUX": "/tmp/tmux-0/default,1,0"}), str, "there is no tmux command")
        self.program("tmux")
        self.assertEqual(copying(URL, {"TMUX": "/tmp/tmux-0/default,1,0"}), ["tmux", "load-buffer", "-w", "-"])

    def test_in_screen(self) -> None:
        copied = copying(URL, {"TERM": "screen.xterm", "STY": "1.pts-0"})
        assert isinstance(copied, str)
        self.assertTrue(copied.startswith("\x1bP\x1b]52;c;") and copied.endswith("\x07\x1b\\"), copied)

    def test_no_more_than_terminals_take(self) -> None:
        copied = copying("x" * 100_000, {})
        assert isinstance(copied, str)
        self.assertEqual(len(base64.b64decode(copied[len("\x1b]52;c;") : -1])), COPY_LIMIT)


class BrowserTests(HandingCase):
    def test_none_without_a_display(self) -> None:
        self.program("xdg-open")
        self.assertIsNone(browsing(URL, {}, "linux"))
        self.assertEqual(browsing(URL, {"DISPLAY": ":0"}, "linux"), ["xdg-open", URL])
        self.assertEqual(browsing(URL, {"WAYLAND_DISPLAY": "wayland-0"}, "linux"), ["xdg-open", URL])

    def test_elsewhere(self) -> None:
        self.assertEqual(browsing(URL, {}, "darwin"), ["open", URL])
        self.program("wslview")
        self.assertEqual(browsing(URL, {}, "linux"), ["wslview", URL])

    def test_the_one_that_was_chosen(self) -> None:
        self.assertIsNone(browsing(URL, {"BROWSER": "firefox"}, "linux"))
        self.program("firefox")
        self.assertEqual(browsing(URL, {"BROWSER": "firefox --new-tab:lynx"}, "linux"), ["firefox", "--new-tab", URL])
        self.assertEqual(browsing(URL, {"BROWSER": "firefox -u '%s'"}, "linux"), ["firefox", "-u", URL])
        self.assertIsNone(browsing(URL, {"BROWSER": "'"}, "linux"))

    def test_only_urls_of_the_web(self) -> None:
        """They come from the server."""
        for url in ("file:///etc/passwd", "--version", "javascript:alert(1)", ""):
            self.assertIsNone(browsing(url, {}, "darwin"), url)


class ApartTests(HandingCase):
    def test_is_given_its_input(self) -> None:
        there = self.directory / "there"
        script = 'read -r line; echo "$line" > there.new; /bin/mv there.new there'
        reader = self.program("reader", f"#!/bin/sh\ncd {self.directory.absolute()} && {script}\n")
        self.assertTrue(run_apart([reader], b"hello\n"))
        wait_until(there.exists, "the program to have read")
        self.assertEqual(there.read_text(), "hello\n")
        for child in _children:
            child.wait(20)

    def test_cannot_be_started(self) -> None:
        self.assertFalse(run_apart([str(self.directory / "nothing")]))
