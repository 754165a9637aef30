"""Half-close over real sockets: a visitor that has said all it has to say still gets all that it is to be told."""

from __future__ import annotations

import json
import socket
import subprocess

from tests.e2e.case import EndToEndTests
from tests.e2e.fronts import place, start_haproxy
from tests.e2e.recorder import Recorder, ServiceLeg
from tests.e2e.stage import node_argv, program, run
from tests.e2e.test_limits import HANDSHAKE, LimitCase
from tests.e2e.websocket import accept_upgrade
from tests.processes import wait_until
from tests.transports.support import CLOSE, TEXT, close, frame, frames

SLOW = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


class HalfCloseTests(LimitCase):
    """The visitor sends FIN; the service takes its time."""

    def test_requests(self) -> None:
        def answer(exchange: ServiceLeg) -> None:
            exchange.read_body()
            exchange.released.wait(20)
            exchange.send(SLOW + b"hello")

        fields = "Host: demo.localhost\r\nContent-Length: 3\r\n\r\n"
        for request in ("GET /get HTTP/1.1\r\nHost: demo.localhost\r\n\r\n", f"POST /post HTTP/1.1\r\n{fields}abc"):
            target = request.split()[1]
            self.recorder.on(target, answer)
            visitor = self.connect()
            visitor.sendall(request.encode())
            exchange = self.recorder.wait_for(target)
            visitor.shutdown(socket.SHUT_WR)
            self.assertEqual(visitor.recv(9, socket.MSG_WAITALL), b"HTTP/1.1 ")
            exchange.released.set()
            head, _, body = self.rest(visitor).partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"200 OK\r\n"), head)
            self.assertEqual(body, b"hello")

    def test_nc(self) -> None:
        """As people try a server by hand."""
        nc = program("nc")
        done = subprocess.run(
            [nc, "-N", "127.0.0.1", str(self.server.port)],
            input=b"GET /by-hand HTTP/1.1\r\nHost: demo.localhost\r\n\r\n",
            check=False,
            capture_output=True,
            timeout=20,
        )
        self.assertTrue(done.stdout.startswith(b"HTTP/1.1 200 OK\r\n"), done)
        self.assertTrue(done.stdout.endswith(b"ok\n"), done)

    def test_a_websocket_that_is_closed(self) -> None:
        """The visitor's close frame and FIN; then the service's last messages, and its close frame."""

        def serve(exchange: ServiceLeg) -> None:
            accept_upgrade(exchange)
            first, payload = exchange.read_frame()
            assert (first, payload) == close(1000, "bye"), (first, payload)
            exchange.released.wait(20)
            exchange.send(frame(TEXT, b"last words", masked=False) + frame(CLOSE, payload, masked=False))
            exchange.wait_until_left()
            exchange.over = True

        self.recorder.on("/chat", serve)
        visitor = self.connect()
        self.ask(visitor, "/chat", HANDSHAKE)
        self.assertIn("101", self.head(visitor))
        visitor.sendall(frame(*close(1000, "bye")))
        visitor.shutdown(socket.SHUT_WR)
        visitor.settimeout(0.3)
        self.assertRaises(TimeoutError, visitor.recv, 1)
        visitor.settimeout(20)
        self.recorder.exchanges("/chat")[0].released.set()
        self.assertEqual(frames(self.rest(visitor)), ([(TEXT, b"last words"), close(1000, "bye")], b""))
        self.server.wait_for_line("websocket closed.* code=1000")

    def test_a_websocket_that_is_dropped(self) -> None:
        """FIN without a close frame is an end that the service sees as one."""
        left: list[bool] = []

        def serve(exchange: ServiceLeg) -> None:
            accept_upgrade(exchange)
            left.append(exchange.wait_until_left())
            exchange.over = True

        self.recorder.on("/dropped", serve)
        visitor = self.connect()
        self.ask(visitor, "/dropped", HANDSHAKE)
        self.assertIn("101", self.head(visitor))
        visitor.shutdown(socket.SHUT_WR)
        self.assertEqual(self.rest(visitor), b"")
        wait_until(lambda: left, "the service's side to end")


class ProxyTests(EndToEndTests):
    """A page that closes its WebSocket over HTTP/2: the proxy passes on its close frame and, with it, FIN."""

    def test_haproxy(self) -> None:
        recorder = Recorder()
        self.addCleanup(recorder.close)

        def serve(exchange: ServiceLeg) -> None:
            accept_upgrade(exchange)
            first, payload = exchange.read_frame()
            assert (first, payload) == close(1000), (first, payload)
            exchange.released.wait(0.5)
            exchange.send(frame(TEXT, b"last words", masked=False) + frame(CLOSE, payload, masked=False))
            exchange.wait_until_left()
            exchange.over = True

        recorder.on("/chat", serve)
        reach = place(start_haproxy, recorder.port, "closing")
        done = run(node_argv("h2_close.js", reach.url("/", "https"), "/chat"))
        self.assertEqual(done.errors, "")
        said = json.loads(done.output)
        expected = frame(TEXT, b"last words", masked=False) + frame(CLOSE, b"\x03\xe8", masked=False)
        self.assertEqual(said, {"status": 200, "came": expected.hex(), "code": 0})
