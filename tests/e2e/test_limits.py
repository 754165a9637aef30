"""The limits over real processes: what they must not stop, and what each of them says when it is reached."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.case import EndToEndTests
from tests.e2e.recorder import Recorder, ServiceLeg, no_answer_yet
from tests.e2e.websocket import accept_upgrade
from tests.processes import Process, start_client, start_server, wait_until
from tests.transports.support import PING, frame, frames

HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def healthy(port: int) -> bool:
    """Whether the server lets somebody in, and says that it is well."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b" 200 " in connection.recv(65536)


class LimitCase(EndToEndTests):
    """A server with settings of its own, and a tunnel to a recording service."""

    settings: dict[str, Any] = {}
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.recorder = Recorder()
        self.addCleanup(self.recorder.close)
        config = Path(tempfile.mkdtemp()) / "server.yaml"
        config.write_text(json.dumps(self.settings))
        self.server = self.ended(start_server("--config", str(config), *self.options))
        self.client = self.ended(start_client(self.server.port, self.recorder.port, "demo"))

    def ended(self, process: Process) -> Process:
        self.addCleanup(process.stop)
        return process

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection: socket.socket, path: str = "/", fields: str = "", method: str = "GET") -> None:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: demo.localhost\r\n{fields}\r\n".encode())

    def head(self, connection: socket.socket) -> str:
        """The head of the next answer, and what came of its body with it."""
        return connection.recv(65536).decode("latin-1")

    def rest(self, connection: socket.socket) -> bytes:
        """All that still comes."""
        found = b""
        try:
            while piece := connection.recv(65536):
                found += piece
        except ConnectionResetError:
            pass
        return found

    def counted(self, limit: str) -> int:
        """How often a limit was reached, as ``/health`` says."""
        connection = self.connect()
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        health = json.loads(self.rest(connection).partition(b"\r\n\r\n")[2])
        count: int = health["limits"].get(limit, 0)
        return count

    def assert_told(self, limit: str, answer: str) -> None:
        """It is counted, and the log says who and what."""
        wait_until(lambda: self.counted(limit) > 0, f"{limit} to be counted")
        line = f"limit reached: limit={limit} peer=127.0.0.1 answer={answer} suppressed=0"
        wait_until(lambda: line in self.server.output, line)


class DefaultTests(LimitCase):
    """What people do is not stopped by the defaults."""

    def test_a_page_of_300_modules(self) -> None:
        """On six connections, as browsers do, and four people load it at once."""
        statuses: list[str] = []

        def load(number: int) -> None:
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as connection:
                for module in range(50):
                    self.ask(connection, f"/src/module-{number}-{module}.js")
                    statuses.append(self.head(connection).split(" ")[1])

        threads = [threading.Thread(target=load, args=(number,)) for number in range(6 * 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, ["200"] * 1200)


class RateTests(LimitCase):
    settings = {"request_burst": 5, "request_rate": 0.5}

    def test_too_many_requests(self) -> None:
        connection = self.connect()
        passed, refused = 0, ""
        while not refused and passed < 50:  # on a machine that has much to do, some time passes meanwhile
            self.ask(connection)
            head = self.head(connection)
            if " 429 " in head:
                refused = head
            passed += not refused
        self.assertGreaterEqual(passed, 4)  # one was the one by which the test waits for the tunnel
        self.assertRegex(refused, "\r\nRetry-After: [12]\r\n")
        self.assertIn("\r\nSellia-Error: rate-limited\r\n", refused)
        self.assert_told("request_rate", "429")


class NoRateTests(LimitCase):
    settings = {"request_burst": 1, "request_rate": 0.001}
    options = ("--no-rate-limit",)

    def test_as_many_as_anybody_likes(self) -> None:
        connection = self.connect()
        for _ in range(20):
            self.ask(connection)
            self.assertIn(" 200 ", self.head(connection))


class ConnectionTests(LimitCase):
    settings = {"connections_per_address": 12}

    def test_too_many(self) -> None:
        """Where none of them is idle, the next is refused; the link of a client has a place of its own."""
        self.recorder.on("/stuck", no_answer_yet)
        held: list[socket.socket] = []
        while len(held) < 12:  # one after the other, because an idle one makes room for another
            held.append(self.connect())
            self.ask(held[-1], "/stuck")
            wait_until(lambda: len(self.recorder.exchanges("/stuck")) == len(held), "it to be under way")
        late = self.connect()
        self.ask(late)
        told = self.head(late)
        self.assertIn(" 503 ", told)
        self.assertIn("\r\nRetry-After: ", told)
        for connection in held:
            connection.close()
        for exchange in self.recorder.exchanges("/stuck"):
            exchange.released.set()
        wait_until(lambda: healthy(self.server.port), "places to be free again")
        self.assert_told("connections_per_address", "503")


class SlowTests(LimitCase):
    settings = {"body_grace": 1, "body_rate": 1000, "header_timeout": 1, "unread_timeout": 2}

    def late(self, begin: Callable[[socket.socket], None], octet: bytes = b"x") -> str:
        """What a visitor is told who sends so much at once, and then one octet now and then."""
        connection = self.connect()
        begin(connection)
        connection.settimeout(0.3)
        for _ in range(60):
            try:
                return self.head(connection)
            except TimeoutError:
                connection.sendall(octet)
        raise AssertionError("it is waited for without end")

    def test_a_body(self) -> None:
        told = self.late(lambda connection: self.ask(connection, "/in", "Content-Length: 1000\r\n", "POST"))
        self.assertIn(" 408 ", told)
        self.assert_told("body_rate", "408")

    def test_a_head(self) -> None:
        told = self.late(lambda connection: connection.sendall(b"GET / HTTP/1.1\r\n"), b"X")
        self.assertIn(" 408 ", told)
        self.assert_told("header_time", "408")

    def test_a_response_that_is_not_read(self) -> None:
        def flood(exchange: ServiceLeg) -> None:
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            try:
                for _ in range(1000):
                    exchange.send(b"x" * 100_000)
            except OSError:
                pass

        self.recorder.on("/flood", flood)
        connection = self.connect()
        self.ask(connection, "/flood")
        self.assert_told("unread", "closed")
        self.assertLess(len(self.rest(connection)), 50_000_000)


class WebSocketTests(LimitCase):
    def test_a_flood_of_pings(self) -> None:
        """It ends with 1008, and in time: the service has not had to answer all of them."""
        self.recorder.on("/socket", self.serve)
        connection = self.connect()
        self.ask(connection, "/socket", HANDSHAKE)
        self.assertIn(" 101 ", self.head(connection))
        connection.sendall(frame(PING, b"x") * 2500)
        began = time.monotonic()
        found, _ = frames(self.rest(connection))
        self.assertLess(time.monotonic() - began, 10.0)
        first, payload = found[-1]
        self.assertEqual((first, payload[:2]), (0x88, (1008).to_bytes(2, "big")))
        self.assertTrue(payload[2:].startswith(b"too-many-frames: "))
        wait_until(lambda: self.counted("empty_frames") == 1, "it to be counted")
        line = r"path=/socket visitor=127\.0\.0\.1 by=sellia from=visitor code=1008 reason=\"too-many-frames: "
        self.server.wait_for_line(line)

    def serve(self, exchange: ServiceLeg) -> None:
        """Read all, say nothing, and answer the close frame."""
        accept_upgrade(exchange)
        while True:
            first, payload = exchange.read_frame()
            if first & 0x0F == 8:
                exchange.send(frame(0x88, payload, masked=False))
                return
