"""Whoever does what is refused, again and again: each time counts, and few are lines in the log."""

from __future__ import annotations

import re
import time

from tests.hostile import stage
from tests.hostile.case import HostileCase
from tests.hostile.peers import HostileClient
from tests.hostile.test_websockets import ends, opened
from tests.hostile.visitors import dial, get, post, talk
from tests.processes import Process, wait_until
from tests.transports.support import TEXT, frame

SETTINGS = """
rate_limit: false
hello_timeout: 1
keep_alive: 1
websocket_empty_fragments: 4
link_control_burst: 20
link_control_rate: 1
"""

TIMES = 40
"""How often each is done."""

AT_ONCE, EVERY = 5, 10
"""Lines about one limit, and the seconds that bring another."""


def strict() -> tuple[Process, Process]:
    """A server with limits that are soon reached, and its client."""
    return stage.ordinary(SETTINGS)


class FloodCase(HostileCase):
    """A test over `strict` processes."""

    def setUp(self) -> None:
        self.server, self.client = strict()
        self.port = self.server.port
        super().setUp()
        self.written = len(self.server.output)
        self.counted = stage.counted(self.port)
        self.begun = time.monotonic()

    def lines(self, pattern: str) -> list[str]:
        """What the server has logged since the test began."""
        return [line for line in self.server.output[self.written :].splitlines() if re.search(pattern, line)]

    def assert_counted(self, limit: str, times: int, line: str) -> None:
        """All of them count, and the first lines tell, with the peer's address."""

        def count() -> int:
            return stage.counted(self.port).get(limit, 0) - self.counted.get(limit, 0)

        wait_until(lambda: count() >= times, f"{limit} to be counted")
        self.assertEqual(count(), times)
        found = self.lines(line)
        self.assertNotEqual(found, [])
        most = AT_ONCE + (time.monotonic() - self.begun) / EVERY
        self.assertLessEqual(len(found), most, found[-3:])
        self.assertEqual([each for each in found if "127.0.0.1" not in each], [])


class LinkTests(FloodCase):
    def test_links_that_break_the_rules(self) -> None:
        """Those of the dialect, of WebSocket, and of how often: they are one limit."""
        for _ in range(TIMES):
            with HostileClient(self.port) as client:
                client.send(b"\x00\xc1")
                self.assertEqual(client.end()[0], 1002)
            with HostileClient(self.port, hello=False) as client:
                client.raw(frame(0x8F))
                self.assertEqual(client.end()[0], 1002)
        with HostileClient(self.port) as client:
            client.raw(frame(0x89) * 25)
            self.assertEqual(client.end(), (1008, "too many pings on one link"))
        self.assert_counted("link_violations", 2 * TIMES + 1, "limit=link_violations .* answer=1002 .* fault=.")

    def test_links_that_say_nothing(self) -> None:
        clients = [HostileClient(self.port, hello=False) for _ in range(TIMES)]
        for client in clients:
            with client:
                self.assertEqual(client.end(), (1008, "no hello came in time"))
        self.assert_counted("hello_time", TIMES, "limit=hello_time .* answer=1008 ")


class VisitorTests(FloodCase):
    def test_websockets_that_are_none(self) -> None:
        for _ in range(TIMES):
            with opened(port=self.port) as visitor:
                visitor.sendall(frame(0x8F))
                self.assertEqual(ends(visitor)[0], 1002)
        self.assert_counted("websocket_violations", TIMES, "websocket violation: .* code=1002 ")

    def test_fragments_that_say_nothing(self) -> None:
        with opened(port=self.port) as visitor:
            visitor.sendall(frame(0x01) + frame(0x00) * 5)
            self.assertEqual(ends(visitor)[0], 1008)
        self.assert_counted("empty_frames", 1, "websocket violation: .* code=1008 ")

    def test_requests_that_are_not_waited_for(self) -> None:
        """They are all answered, one after the other."""
        for _ in range(TIMES):
            self.assertEqual(talk(self.port, (get() * 100,), answers=100).statuses, [200] * 100)

    def test_forms_for_pages(self) -> None:
        """They are answered from their heads: what they would cost to parse is not paid."""
        part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
        for kind, body in (
            (b"multipart/form-data; boundary=x", part * 20_000 + b"--x--\r\n"),
            (b"application/x-www-form-urlencoded", b"a=b&" * 250_000),
        ):
            fields = b"Content-Type: " + kind, b"Content-Length: %d" % len(body)
            request = post(body, *fields).replace(b"demo.localhost", b"localhost")
            for _ in range(3):
                self.assertEqual(talk(self.port, (request,)).statuses, [405])
        self.assert_brief(self.server)

    def test_connections_that_do_nothing(self) -> None:
        """They are closed, and count; nobody is told of them."""
        visitors = [dial(self.port) for _ in range(TIMES)]
        for visitor in visitors:
            with visitor:
                self.assertEqual(visitor.recv(1), b"")
        idle = stage.counted(self.port)["idle"] - self.counted.get("idle", 0)
        self.assertGreaterEqual(idle, TIMES)
        self.assertEqual(self.lines("idle"), [])


class FrameLineTests(HostileCase):
    """At debug level, which the processes that everybody shares have."""

    def test_frames(self) -> None:
        """200 lines at once and 50 a second; the others are told of when it closes."""
        server, client = stage.server(), stage.client()
        written = {process: len(process.output) for process in (server, client)}

        def said(process: Process) -> str:
            return process.output[written[process] :]

        with opened() as visitor:
            begun = time.monotonic()
            visitor.sendall(frame(TEXT, b"x") * 3000)
            visitor.sendall(frame(0x88, b"\x03\xe8"))
            self.assertEqual(ends(visitor)[0], 1000)
        most = 200 + 50 * (time.monotonic() - begun) + 1
        wait_until(lambda: all(" bytes_in=3002 " in said(each) for each in written), "the closing lines")
        for process in written:
            suppressed = [int(each) for each in re.findall("websocket frame: .* suppressed=([0-9]+)", said(process))]
            self.assertGreaterEqual(len(suppressed), 200)
            self.assertLessEqual(len(suppressed), most)
            [last] = re.findall("websocket frames without a line: .* suppressed=([0-9]+)", said(process))
            told = len(suppressed) + sum(suppressed) + int(last)
            [closed] = re.findall("websocket closed: .*", said(process))
            self.assertEqual(told, 6002, f"not all are accounted for by the {process.name}: {closed}")
