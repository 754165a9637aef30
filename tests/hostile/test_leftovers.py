"""
What a service leaves on a connection, or does to it, that another visitor might get: bodies that it does not read,
bodies behind answers that have none, logins, connections that it closes in silence.

The services are real sockets that misbehave as services in the field do.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from twisted.trial.unittest import SynchronousTestCase

from tests.hostile import stage
from tests.hostile.visitors import ACCEPT, DEADLINE, Answered, dial, parse, upgrade
from tests.processes import Process, start_client, stop_listening, wait_until

ROUNDS = 30


class Careless(BaseHTTPRequestHandler):
    """Reads no body, and answers HEAD as it answers GET: ``do_HEAD = do_GET``."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class Sockets:
    """A service whose connections are each played by ``play``, in a thread."""

    def __init__(self, play: Callable[[socket.socket], None]) -> None:
        self._play = play
        self.connections = 0
        self.open = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._play(connection)
        except OSError:
            pass
        connection.close()
        self.open -= 1

    def close(self) -> None:
        stop_listening(self._listener)


def read_request(connection: socket.socket) -> bytes:
    """The head of a request and its body, or nothing at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head


def answer(body: bytes, fields: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body)


class Visitor:
    """One visitor's connection, for one request after the other."""

    def __init__(self, port: int) -> None:
        self.socket = dial(port)
        self.socket.settimeout(DEADLINE)
        self._data = b""

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def read_answer(self, *, bodiless: bool = False) -> Answered:
        """The next whole answer."""
        while True:
            found, rest = parse(self._data, bodiless=bodiless)
            if found:
                self._data = rest
                return found[-1]
            more = self.socket.recv(65536)
            if not more:
                raise AssertionError(f"the connection ended with {self._data!r}")
            self._data += more


class LeftoverCase(SynchronousTestCase):
    """A tunnel of its own to a service of its own."""

    def open_tunnel(self, port: int) -> None:
        label = f"left{port}"
        self.host = f"{label}.localhost".encode()
        server = stage.server()
        self.client: Process = start_client(server.port, port, label, "--api-key", stage.KEY)
        self.addCleanup(self.client.stop)
        self.visit = partial(Visitor, server.port)

    def sockets(self, play: Callable[[socket.socket], None]) -> Sockets:
        service = Sockets(play)
        self.addCleanup(service.close)
        self.open_tunnel(service.port)
        return service

    def request(self, method: bytes = b"GET", path: bytes = b"/", *fields: bytes, body: bytes | None = None) -> bytes:
        lines = [b"%b %b HTTP/1.1" % (method, path), b"Host: " + self.host, *fields]
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([*lines, b"", b""]) + (body or b"")

    def ask(self, *request: bytes, body: bytes | None = None) -> tuple[int, bytes]:
        """A new visitor's request."""
        with self.visit() as visitor:
            return self.ask_on(visitor, *request, body=body)

    def ask_on(self, visitor: Visitor, *request: bytes, body: bytes | None = None) -> tuple[int, bytes]:
        visitor.socket.sendall(self.request(*request, body=body))
        found = visitor.read_answer()
        return found.status, found.body


class UnreadTests(LeftoverCase):
    """``python3 -m http.server`` and its kin."""

    def setUp(self) -> None:
        service = ThreadingHTTPServer(("127.0.0.1", 0), Careless)
        service.daemon_threads = True
        threading.Thread(target=service.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        self.open_tunnel(service.server_address[1])

    def test_a_body_that_was_not_read_answers_nobody_else(self) -> None:
        stolen = b"GET /stolen HTTP/1.1\r\nHost: x\r\n\r\n"
        for number in range(ROUNDS):
            self.assertEqual(self.ask(b"POST", b"/in", body=stolen), (200, b"/in"))
            mine = b"/mine%d" % number
            self.assertEqual(self.ask(b"GET", mine), (200, mine))

    def test_nor_does_it_swallow_the_next_request(self) -> None:
        """The beginning of a request, whose end would be what the next visitor sends."""
        begun = b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
        for number in range(ROUNDS):
            self.ask(b"POST", b"/in", body=begun)
            mine = b"/mine%d" % number
            self.assertEqual(self.ask(b"GET", mine, b"Cookie: secret"), (200, mine))

    def test_a_body_behind_the_answer_to_head(self) -> None:
        for number in range(ROUNDS):
            with self.visit() as visitor:
                visitor.socket.sendall(self.request(b"HEAD", b"/HTTP/1.1"))
                self.assertEqual(visitor.read_answer(bodiless=True).status, 200)
            mine = b"/mine%d" % number
            self.assertEqual(self.ask(b"GET", mine), (200, mine))


class PoisonTests(LeftoverCase):
    def test_an_answer_that_nobody_asked_for(self) -> None:
        """Sent behind the answer, or after a moment, on the idle connection."""
        evil = answer(b"evil", b"Set-Cookie: evil=1\r\n")
        delays = [0.0, 0.001, 0.005]

        def play(connection: socket.socket) -> None:
            while read_request(connection):
                connection.sendall(answer(b"good"))
                delay = delays.pop(0)
                delays.append(delay)
                time.sleep(delay)
                connection.sendall(evil)

        self.sockets(play)
        for _ in range(ROUNDS):
            self.assertEqual(self.ask(b"POST", b"/", body=b"x"), (200, b"good"))
            self.assertEqual(self.ask(), (200, b"good"))
            time.sleep(0.02)

    def test_a_length_that_is_too_short(self) -> None:
        """Characters were counted instead of bytes."""

        def play(connection: socket.socket) -> None:
            while head := read_request(connection):
                connection.sendall(answer(head.split(b" ")[1]) + b"\xc3\xa9 tail")

        service = self.sockets(play)
        before = service.connections
        for number in range(ROUNDS):
            path = b"/%d" % number
            self.assertEqual(self.ask(b"GET", path), (200, path))
        self.assertEqual(service.connections - before, ROUNDS)

    def test_framing_that_is_doubtful(self) -> None:
        """A length beside chunks: the connection is not used again."""
        body = b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"

        def play(connection: socket.socket) -> None:
            while read_request(connection):
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + body)

        service = self.sockets(play)
        before = service.connections
        for _ in range(5):
            self.assertEqual(self.ask(), (200, b"ok"))
        self.assertEqual(service.connections - before, 5)


class SilentCloseTests(LeftoverCase):
    def test_no_request_is_lost(self) -> None:
        """The service closes each connection 50 ms after its answer, and says nothing of it."""

        def play(connection: socket.socket) -> None:
            connection.settimeout(0.05)
            while read_request(connection):
                connection.sendall(answer(b"ok"))

        self.sockets(play)
        with self.visit() as visitor:
            for number in range(ROUNDS):
                self.assertEqual(self.ask_on(visitor, b"POST", b"/", body=b"hello"), (200, b"ok"), number)
                time.sleep(0.0485 + 0.0001 * number)

    def test_what_was_certainly_not_received_is_sent_again(self) -> None:
        """The service closes behind its answer, in the same moment, and has not said so."""

        def play(connection: socket.socket) -> None:
            read_request(connection)
            connection.sendall(answer(b"ok"))

        self.sockets(play)
        for _ in range(ROUNDS):
            with self.visit() as visitor:
                for _ in range(3):
                    self.assertEqual(self.ask_on(visitor, b"POST", b"/", body=b"hello"), (200, b"ok"))


class HalfCloseTests(LeftoverCase):
    """A service that has said all that it will say, and still reads."""

    def test_a_websocket_service_gets_what_answers_its_close_frame(self) -> None:
        """It sends its close frame and the end of its side, as HAProxy does, and waits for the visitor's."""
        heard: list[bytes] = []

        def play(connection: socket.socket) -> None:
            head = read_request(connection)
            if b"upgrade: websocket" not in head.lower():
                connection.sendall(answer(b"ok"))
                return
            switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            connection.sendall(switching + b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n\x88\x02\x03\xe8")
            connection.shutdown(socket.SHUT_WR)
            data = b""
            while more := connection.recv(65536):
                data += more
            heard.append(data)

        self.sockets(play)
        with self.visit() as visitor:
            visitor.socket.sendall(upgrade(host=self.host))
            data = b""
            while not data.endswith(b"\x88\x02\x03\xe8"):
                data += visitor.socket.recv(65536)
            visitor.socket.sendall(b"\x81\x82\0\0\0\0hi" + b"\x88\x82\0\0\0\0\x03\xe8")
            wait_until(lambda: heard, "the service to hear the visitor's close frame")
        frames = heard[0]
        self.assertEqual((frames[:2], len(frames)), (b"\x81\x82", 16), frames)
        self.assertEqual(frames[8:10], b"\x88\x82")

    def test_an_answer_that_ends_with_the_services_side(self) -> None:
        def play(connection: socket.socket) -> None:
            read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

        self.sockets(play)
        for method, body in ((b"GET", None), (b"POST", b"hello")):
            self.assertEqual(self.ask(method, b"/", body=body), (200, b"all of it"))


class LoginTests(LeftoverCase):
    """NTLM, as far as a relay sees it: whoever speaks on the connection after the login is the user."""

    def setUp(self) -> None:
        def play(connection: socket.socket) -> None:
            user = b"nobody"
            while head := read_request(connection):
                if b"authorization: ntlm step1" in head.lower():
                    fields = b"WWW-Authenticate: NTLM challenge\r\n"
                    connection.sendall(answer(b"", fields, b"401 Unauthorized"))
                elif b"authorization: ntlm step2" in head.lower():
                    user = b"alice"
                    connection.sendall(answer(user))
                else:
                    connection.sendall(answer(user))

        self.service = self.sockets(play)

    def log_in(self, visitor: Visitor, scheme: bytes = b"NTLM") -> None:
        self.assertEqual(self.ask_on(visitor, b"GET", b"/", b"Authorization: %b step1" % scheme)[0], 401)
        found = self.ask_on(visitor, b"GET", b"/", b"authorization: %b step2" % scheme)
        self.assertEqual(found, (200, b"alice"))

    def test_nobody_else_is_the_user(self) -> None:
        for _ in range(5):
            with self.visit() as alice:
                self.ask()
                self.log_in(alice)
                for _ in range(3):
                    self.assertEqual(self.ask(), (200, b"nobody"))
                    self.assertEqual(self.ask(b"POST", b"/", body=b"x"), (200, b"nobody"))
                    self.assertEqual(self.ask_on(alice, b"POST", b"/", body=b"x"), (200, b"alice"))
                    self.assertEqual(self.ask_on(alice), (200, b"alice"))
            self.assertEqual(self.ask(), (200, b"nobody"))

    def test_spelled_otherwise(self) -> None:
        with self.visit() as alice:
            self.log_in(alice, b"nTlM")
            self.assertEqual(self.ask(), (200, b"nobody"))

    def test_the_connection_ends_with_the_visitors(self) -> None:
        with self.visit() as alice:
            self.log_in(alice)
            self.assertEqual(self.service.open, 1)
        wait_until(lambda: self.service.open == 0, "the service's connection to be closed")
