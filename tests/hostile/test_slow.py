"""Peers that are slow on purpose: each deadline is absolute, and nobody else waits."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from tests.hostile import stage
from tests.hostile.case import HostileCase
from tests.hostile.ledger import Arrived
from tests.hostile.slow import attack
from tests.hostile.visitors import dial, get, parse
from tests.processes import Process, wait_until

SETTINGS = """
header_timeout: 1
body_rate: 1024
body_grace: 1
unread_timeout: 2
keep_alive: 2
"""

MIB = 1 << 20


def impatient() -> tuple[Process, Process]:
    """A server whose deadlines are short, and its client."""
    return stage.ordinary(SETTINGS)


POST = b"POST / HTTP/1.1\r\nHost: demo.localhost\r\n"

TRICKLES = {
    "value": (get()[:-2] + b"A: ", b"x"),
    "fields": (get()[:-2], b"A: b\r\n"),
    "method": (b"G", b""),
    "target": (b"GET /", b"x"),
    "body": (POST + b"Content-Length: 100000\r\n\r\n", b"x"),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1;aaaaaaaaaaa\r\nx\r\n"),
    "blank lines": (b"", b"\r\n"),
}
"""What is sent at once, and what then ten times a second."""


def trickle(port: int, begin: bytes, piece: bytes, most: float = 8.0) -> tuple[bytes, float]:
    """Send a piece again and again until the server closes; what it has said, and after how many seconds."""
    data = b""
    with dial(port) as visitor:
        begun = time.monotonic()
        visitor.sendall(begin)
        visitor.settimeout(0.1)
        while time.monotonic() < begun + most:
            try:
                more = visitor.recv(65536)
                if not more:
                    break
                data += more
                continue
            except TimeoutError:
                pass
            except ConnectionResetError:
                break
            try:
                visitor.sendall(piece)
            except ConnectionError:
                break
        return data, time.monotonic() - begun


@cache
def trickled() -> dict[str, tuple[bytes, float]]:
    """What came of each of `TRICKLES`, all at the same time."""
    port = impatient()[0].port
    with ThreadPoolExecutor(len(TRICKLES)) as pool:
        running = {name: pool.submit(trickle, port, *sent) for name, sent in TRICKLES.items()}
        return {name: each.result() for name, each in running.items()}


class DeadlineTests(HostileCase):
    """Deadlines that no trickle moves."""

    def setUp(self) -> None:
        super().setUp()
        self.server, self.client = impatient()

    def said(self, name: str) -> bytes:
        """What the server has said to one of them, which it has not borne with for long."""
        data, seconds = trickled()[name]
        self.assertLess(seconds, 6.0)
        return data

    def refused(self, name: str) -> None:
        [answered], _ = parse(self.said(name))
        self.assertEqual((answered.status, answered.value("sellia-error")), (408, "request-timeout"))

    def test_a_head_that_trickles(self) -> None:
        self.refused("value")

    def test_fields_that_trickle(self) -> None:
        self.refused("fields")

    def test_a_method_that_trickles(self) -> None:
        self.refused("method")

    def test_a_target_that_trickles(self) -> None:
        self.refused("target")

    def test_a_body_that_trickles(self) -> None:
        self.refused("body")

    def test_chunks_that_trickle(self) -> None:
        self.refused("chunks")

    def test_nothing_at_all(self) -> None:
        """Blank lines are no request: the connection is idle."""
        self.assertEqual(self.said("blank lines"), b"")

    def test_an_answer_that_is_never_read(self) -> None:
        """What waits for the visitor is bounded in both processes, and it is not waited for for ever."""
        left: list[float] = []

        def much(arrived: Arrived) -> None:
            arrived.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            begun = time.monotonic()
            arrived.over = True
            try:
                while True:
                    arrived.socket.sendall(bytes(1 << 16))
            finally:
                left.append(time.monotonic() - begun)

        stage.ledger().on("/much", much)
        for process in (self.server, self.client):
            process.reset_peak()
        memory = [process.resident_bytes() for process in (self.server, self.client)]
        with socket.socket() as visitor:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            visitor.connect(("127.0.0.1", self.server.port))
            visitor.sendall(get(b"/much"))
            wait_until(lambda: left, "the service to be cut off")
        self.assertLess(left[0], 12.0)
        for process, before in zip((self.server, self.client), memory, strict=True):
            self.assertLess(process.peak_resident_bytes() - before, 12 * MIB, process.name)


class SlowHttpTestTests(HostileCase):
    """*slowhttptest*, in short; `make hostile` has a thousand connections, and compares what others wait."""

    def play(self, mode: str) -> None:
        server, _ = impatient()
        attacked = attack(mode, server.port, 100, 6)
        self.assertTrue(attacked.available)
        self.assertTrue(attacked.ended or mode == "read", "each slow connection has been ended")
        self.assertGreater(len(attacked.waits), 50)
        self.assertLess(attacked.p99, 0.5)

    def test_headers(self) -> None:
        self.play("headers")

    def test_body(self) -> None:
        self.play("body")

    def test_read(self) -> None:
        """The answers are so short that the kernel takes them, and slowhttptest goes on reading from there."""
        self.play("read")
