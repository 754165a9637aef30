"""The original peers do with one another what the originals do: a visitor, the server, the client, a service."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from functools import cache

from twisted.trial.unittest import SynchronousTestCase
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.e2e.recorder import Recorder, ServiceLeg
from tests.e2e.websocket import accept_upgrade
from tests.original.peers import Peer, start_original_client, start_original_server


@cache
def service() -> Recorder:
    """The service that all tests share."""
    recorder = Recorder()
    recorder.on("/echo", echo)
    recorder.on("/greet", greet)
    recorder.on("/refuse", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    return recorder


def echo(exchange: ServiceLeg) -> None:
    """A WebSocket that sends its first frame back and closes."""
    accept_upgrade(exchange)
    _, payload = exchange.read_frame()
    exchange.send(bytes((0x81, len(payload))) + payload + b"\x88\x02\x0f\xa2")
    exchange.wait_until_left()


def greet(exchange: ServiceLeg) -> None:
    """A WebSocket that says something at once, and something more when it is spoken to."""
    accept_upgrade(exchange)
    exchange.send(b"\x81\x05early")
    exchange.read_frame()
    exchange.send(b"\x81\x04late")
    exchange.wait_until_left()


class PeerTests(SynchronousTestCase):
    """Both originals."""

    def start(self, *server_quirks: str, client_quirks: tuple[str, ...] = ()) -> Peer:
        self.service = service()
        server = start_original_server(*server_quirks)
        self.addCleanup(server.stop)
        self.client = start_original_client(server.port, f"{self.service.port}:demo", quirks=client_quirks)
        self.addCleanup(self.client.stop)
        self.server = server
        return server

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request(method, path, body, {"Host": "demo.localhost", **headers})
        response = connection.getresponse()
        return response.status, response.read(), response.headers

    def test_request(self) -> None:
        """A request with a body goes there and back, in the messages that were recorded."""
        self.start()
        self.service.on("/in", b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello")
        status, body, _ = self.ask("POST", "/in", b"x" * 20_000)
        self.assertEqual((status, body), (201, b"hello"))
        [exchange] = self.service.exchanges("/in")
        self.assertEqual(exchange.length, 20_000)
        self.client.wait_for(event="said", type="response_end")
        said = [event["type"] for event in self.client.events(event="said")]
        self.assertEqual(said, ["tunnel_open", "response_start", "response_end"])

    def test_body_of_a_get_is_lost(self) -> None:
        self.start()
        self.ask("GET", "/get", b"body")
        self.assertEqual(self.service.exchanges("/get")[0].length, 0)

    def test_interim_answer_is_mistaken(self) -> None:
        self.start()
        self.service.on("/interim", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        with self.assertRaises(http.client.RemoteDisconnected):
            self.ask("POST", "/interim", b"x")
        self.client.wait_for(event="said", type="response_start", status_code=100)

    def test_failing_service(self) -> None:
        self.start()

        def fail(exchange: ServiceLeg) -> None:
            exchange.over = True

        self.service.on("/abort", fail)
        status, body, _ = self.ask("GET", "/abort")
        self.assertEqual((status, body), (500, b"Proxy error: Unexpected end of http response"))

    def test_response_is_sent_whole_or_as_it_comes(self) -> None:
        """The quirk that buffers responses, and its absence."""

        def halting(exchange: ServiceLeg) -> None:
            exchange.read_body()
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
            exchange.released.wait(20)
            exchange.send(b"later")

        for switch, early in (("yes", 0), ("no", 1)):
            self.start(client_quirks=(f"buffers_responses={switch}",))
            path = f"/halting-{switch}"
            self.service.on(path, halting)
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
            self.addCleanup(connection.close)
            connection.request("GET", path, headers={"Host": "demo.localhost"})
            exchange = self.service.wait_for(path)
            if early:
                self.client.wait_for(event="said", type="response_start")
            self.assertEqual(len(self.client.events(event="said", type="response_start")), early)
            exchange.released.set()
            self.assertEqual(connection.getresponse().read(), b"firstlater")

    def test_websocket(self) -> None:
        """A message there and back; the close code gets as far as the server."""
        self.start()
        with connect(f"ws://demo.localhost:{self.server.port}/echo", sock=self.connection()) as visitor:
            visitor.send("hi")
            self.assertEqual(visitor.recv(timeout=20), "hi")
            with self.assertRaises(ConnectionClosed) as caught:
                visitor.recv(timeout=20)
        self.assertIsNotNone(caught.exception.rcvd)
        self.assertEqual(visitor.close_code, 1005)
        self.client.wait_for(event="said", type="ws_close", code=4002)
        self.server.wait_for(event="said", type="ws_close")

    def test_refusal_comes_after_the_101(self) -> None:
        """The visitor is told 101 and the first subprotocol, whatever the service says; or waits, without the quirk."""
        self.start()
        with connect(
            f"ws://demo.localhost:{self.server.port}/refuse",
            sock=self.connection(),
            subprotocols=[Subprotocol("a"), Subprotocol("b")],
        ) as visitor:
            self.assertEqual(visitor.subprotocol, "a")
            with self.assertRaises(ConnectionClosed):
                visitor.recv(timeout=20)
        self.start("early_101=no")
        with self.assertRaises(InvalidStatus) as caught:
            connect(f"ws://demo.localhost:{self.server.port}/refuse", sock=self.connection())
        self.assertEqual(caught.exception.response.status_code, 502)

    def test_greeting_is_lost(self) -> None:
        """What a service says at once comes before ws_upgrade_ok has been worked through."""
        self.start("works_through_after=0.3")
        with connect(f"ws://demo.localhost:{self.server.port}/greet", sock=self.connection()) as visitor:
            self.server.wait_for(event="lost-frame")
            visitor.send("speak")
            self.assertEqual(visitor.recv(timeout=20), "late")

    def test_names(self) -> None:
        """One that is taken is final to the client, one that is reserved is not."""
        self.start()
        second = start_original_client(self.server.port, f"{self.service.port}:demo", ready=False)
        self.addCleanup(second.stop)
        second.wait_for(event="gave-up", reason="Subdomain 'demo' is not available")
        self.assertEqual(second.process.wait_for_exit(), 0)
        third = start_original_client(self.server.port, f"{self.service.port}:admin", ready=False)
        self.addCleanup(third.stop)
        third.wait_for(event="heard", type="tunnel_close", reason="Subdomain 'admin' is reserved")
        self.assertIsNone(third.process.returncode)

    def test_keys(self) -> None:
        """The right key is answered with auth_ok, the wrong one is final, and none at all opens no tunnel."""
        server = start_original_server(key="right")
        self.addCleanup(server.stop)
        port = service().port
        with start_original_client(server.port, f"{port}:demo", key="right") as client:
            client.wait_for(event="heard", type="auth_ok")
        with start_original_client(server.port, f"{port}:demo", key="wrong", ready=False) as client:
            client.wait_for(event="gave-up", reason="Invalid API key")
        with start_original_client(server.port, f"{port}:demo", ready=False) as client:
            client.wait_for(event="heard", type="auth_error", error="Not authenticated")

    def test_reconnection(self) -> None:
        """A link that is cut comes back with the same name, as often as its tries last."""
        self.start(client_quirks=("retry_step=0.1", "tries=2"))
        self.client.cut()
        self.client.wait_for(2, event="heard", type="tunnel_ready")
        self.assertEqual(self.ask("GET", "/again")[0], 200)
        self.server.stop()
        self.client.wait_for(event="gave-up", reason="too many tries")
        self.assertEqual(self.client.process.wait_for_exit(), 0)

    def test_pings(self) -> None:
        """The server pings on its timer, and closes who has been silent for too long."""
        self.start("ping_interval=0.1", "silence=0.3")
        self.client.wait_for(3, event="said", type="pong")
        self.client.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        self.server.wait_for(event="lost")
        self.client.process.send_signal(signal.SIGCONT)
        self.assertGreater(time.monotonic() - began, 0.2)
        self.client.wait_for(event="lost", code=1000)

    def connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
