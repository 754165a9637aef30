"""A tunnel and the gateway in a Site of one's own, as visitors, a service and a client see them."""

from __future__ import annotations

import hashlib
import http.client
import socket
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, serve

from tests.e2e.recorder import ServiceLeg, no_answer_yet
from tests.e2e.site_case import DEADLINE, HOST, WebStageCase
from tests.original import wire
from tests.processes import free_port
from tests.transports.support import BINARY, frame, frames

MIB = 1 << 20


def answer(*lines: str, body: bytes = b"") -> bytes:
    """A response with these lines and nothing else."""
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode() + body


class RequestTests(WebStageCase):
    """What a visitor asks, and what the service sees of it."""

    async def test_get(self) -> None:
        response, body = await self.thread(self.ask, "GET", "/a%20b//c?x=%2F&y", None, {"X-Mine": "1"})
        self.assertEqual((response.status, response.reason, body), (200, "OK", b"ok\n"))
        [exchange] = self.recorder.exchanges("/a%20b//c?x=%2F&y")
        self.assertEqual(exchange.header("Host"), HOST)
        self.assertEqual(exchange.header("X-Mine"), "1")
        self.assertEqual(exchange.header("X-Forwarded-For"), "127.0.0.1")
        self.assertEqual(exchange.header("X-Forwarded-Host"), HOST)
        self.assertEqual(exchange.header("X-Forwarded-Proto"), "http")

    async def test_below_a_path(self) -> None:
        """What led to the Resource is not the service's; the rest is, octet for octet."""
        for asked, seen in (("/app/a%2Fb/?q=/app", "/a%2Fb/?q=/app"), ("/app?q", "/?q"), ("/app//x", "//x")):
            await self.thread(self.ask, "GET", asked, host="other.example")
            self.assertEqual(len(self.recorder.exchanges(seen)), 1, asked)

    async def test_forged_headers(self) -> None:
        """The rules for headers are those of the ingress."""
        forged = {"X-Forwarded-For": "6.6.6.6", "Connection": "X-Hop", "X-Hop": "1", "Transfer_Encoding": "x"}
        await self.thread(self.ask, "GET", "/forged", None, forged)
        [exchange] = self.recorder.exchanges("/forged")
        self.assertEqual(exchange.header("X-Forwarded-For"), "127.0.0.1")
        self.assertIsNone(exchange.header("X-Hop"))
        self.assertIsNone(exchange.header("Transfer_Encoding"))

    async def test_methods(self) -> None:
        for method in ("PUT", "DELETE", "OPTIONS", "PROPFIND", "BREW"):
            response, _ = await self.thread(self.ask, method, f"/{method}")
            self.assertEqual(response.status, 200)
            self.assertEqual(self.recorder.exchanges(f"/{method}")[0].method, method)

    async def test_post(self) -> None:
        await self.thread(self.ask, "POST", "/post", b"a=1&b=2", {"Content-Type": "application/x-www-form-urlencoded"})
        [exchange] = self.recorder.exchanges("/post")
        self.assertEqual((bytes(exchange.body), exchange.header("Content-Length")), (b"a=1&b=2", "7"))

    async def test_chunked_upload(self) -> None:
        """A body without a length stays one."""
        await self.thread(self.ask, "POST", "/chunks", iter([b"abc", b"", b"defg"]))
        [exchange] = self.recorder.exchanges("/chunks")
        self.assertEqual((bytes(exchange.body), exchange.header("Transfer-Encoding")), (b"abcdefg", "chunked"))
        self.assertIsNone(exchange.header("Content-Length"))

    async def test_large_upload(self) -> None:
        """Larger than any window, to a service that takes its time: all of it arrives."""
        body = bytes(range(256)) * (6 * MIB // 256)
        begin = threading.Event()

        def late(exchange: ServiceLeg) -> None:
            begin.wait(DEADLINE)
            exchange.read_body()
            exchange.send(answer("Content-Length: 2", body=b"ok"))

        self.recorder.on("/large", late)
        asked = self.thread(self.ask, "POST", "/large", body)
        exchange = await self.thread(self.recorder.wait_for, "/large")
        begin.set()
        response, _ = await asked
        self.assertEqual(response.status, 200)
        self.assertEqual((exchange.length, exchange.digest), (len(body), hashlib.sha256(body).hexdigest()))

    async def test_expect_continue(self) -> None:
        """twisted.web tells the visitor to go on, so the service is not asked whether it may."""
        await self.thread(self.ask, "PUT", "/expect", b"x", {"Expect": "100-continue"})
        [exchange] = self.recorder.exchanges("/expect")
        self.assertEqual((exchange.header("Expect"), bytes(exchange.body)), (None, b"x"))


class ResponseTests(WebStageCase):
    """What the service answers, and what a visitor sees of it."""

    async def test_head_of_the_response(self) -> None:
        """It is the service's, not the Site's: no Server, Date or Content-Type of twisted.web's own."""
        lines = ("Set-Cookie: a=1", "X-One: 1", "Set-Cookie: b=2", "Sellia-Error: forged", "Content-Length: 2")
        self.recorder.on("/head", b"HTTP/1.1 299 Quite So\r\n" + answer(*lines, body=b"hi").partition(b"\r\n")[2])
        response, body = await self.thread(self.ask, "GET", "/head")
        self.assertEqual((response.status, response.reason, body), (299, "Quite So", b"hi"))
        self.assertEqual(response.headers.get_all("Set-Cookie"), ["a=1", "b=2"])
        self.assertEqual(
            sorted(name.lower() for name in set(response.headers)), ["content-length", "set-cookie", "x-one"]
        )

    async def test_without_a_body(self) -> None:
        for method, status, length in (("HEAD", "200 OK", 10), ("GET", "304 Not Modified", 10), ("GET", "204 None", 0)):
            target = f"/{method}-{status[:3]}"
            field = f"Content-Length: {length}\r\n" if length else ""
            self.recorder.on(target, f"HTTP/1.1 {status}\r\n{field}\r\n".encode())
            response, body = await self.thread(self.ask, method, target)
            self.assertEqual((response.status, body), (int(status[:3]), b""))

    async def test_interim_responses_are_dropped(self) -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        self.recorder.on("/early", early + answer("Content-Length: 1", body=b"x"))
        response, body = await self.thread(self.ask, "GET", "/early")
        self.assertEqual((response.status, body), (200, b"x"))

    async def test_piece_by_piece(self) -> None:
        """Server-sent events arrive when they are sent."""
        self.recorder.on("/events", no_answer_yet)
        connection = await self.thread(self.connect)
        await self.thread(connection.sendall, f"GET /events HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        exchange = await self.thread(self.recorder.wait_for, "/events")
        exchange.send(answer("Content-Type: text/event-stream"))
        for piece in (b"data: 1\n\n", b"data: 2\n\n"):
            exchange.send(piece)
            await self.thread(_receive_until, connection, piece + b"\r\n")
        exchange.cut()
        exchange.released.set()
        await self.thread(_receive_until, connection, b"0\r\n\r\n")
        connection.close()

    async def test_connection_goes_on(self) -> None:
        """Many exchanges on one connection, chunked ones too."""
        self.recorder.on("/chunked", answer("Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"))

        def visit() -> list[bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
            bodies = []
            for target in ("/chunked", "/x", "/chunked"):
                connection.request("GET", target, headers={"Host": HOST})
                bodies.append(connection.getresponse().read())
            connection.close()
            return bodies

        self.assertEqual(await self.thread(visit), [b"abc", b"ok\n", b"abc"])

    async def test_old_visitor(self) -> None:
        """HTTP/1.0 gets no chunks: the end of the connection is the end of the body."""
        self.recorder.on("/old", answer("Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"))
        received = await self.thread(_ask_bare, self.connect, f"GET /old HTTP/1.0\r\nHost: {HOST}\r\n\r\n")
        self.assertTrue(received.endswith(b"\r\n\r\nabc"), received)

    async def test_slow_visitor_slows_the_service(self) -> None:
        sent = [0]
        size = 256 * MIB

        def push(exchange: ServiceLeg) -> None:
            exchange.send(answer(f"Content-Length: {size}"))
            while sent[0] < size:
                exchange.send(bytes(MIB))
                sent[0] += MIB

        self.recorder.on("/slow", push)
        connection = await self.thread(self.connect)
        await self.thread(connection.sendall, f"GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        self.assertLess(await self.until_stalled(lambda: sent[0]), 64 * MIB)
        connection.close()
        await self.until(lambda: not self.server.ingress.connections, "the request to be given up")


class FailureTests(WebStageCase):
    """Who is told what when it does not work."""

    async def test_nobody_holds_the_name(self) -> None:
        response, body = await self.thread(
            self.ask, "GET", "/", None, {"Accept": "application/json"}, host="nobody.example.test"
        )
        self.assertEqual((response.status, response.headers["Sellia-Error"]), (404, "no-such-tunnel"))
        self.assertIn(b'"error": "no-such-tunnel"', body)

    async def test_service_dies_in_the_middle(self) -> None:
        """The response ends as broken, whichever framing it has."""

        def die(exchange: ServiceLeg) -> None:
            framing = "Content-Length: 100" if exchange.target == "/die-length" else "Transfer-Encoding: chunked"
            exchange.send(answer(framing, body=b"3\r\nabc\r\n"))
            exchange.cut()

        for target in ("/die-length", "/die-chunked"):
            self.recorder.on(target, die)
            failure = self.assertFailure(self.thread(self.ask, "GET", target), http.client.IncompleteRead)
            await failure

    async def test_old_visitor_of_a_dying_service(self) -> None:
        """Without a framing, only a reset tells a broken end from a good one."""

        def die(exchange: ServiceLeg) -> None:
            exchange.send(answer("Transfer-Encoding: chunked", body=b"3\r\nabc\r\n"))
            exchange.cut()

        self.recorder.on("/die", die)
        request = f"GET /die HTTP/1.0\r\nHost: {HOST}\r\n\r\n"
        await self.assertFailure(self.thread(_ask_bare, self.connect, request), ConnectionResetError)

    async def test_visitor_leaves(self) -> None:
        """The request is cancelled at the service."""
        self.recorder.on("/long", no_answer_yet)
        connection = await self.thread(self.connect)
        await self.thread(connection.sendall, f"GET /long HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        exchange = await self.thread(self.recorder.wait_for, "/long")
        connection.close()
        self.assertTrue(await self.thread(exchange.wait_until_left))
        exchange.released.set()
        self.assertEqual(self.server.ingress.connections, set())

    async def test_no_host(self) -> None:
        """twisted.web would let it pass."""
        received = await self.thread(_ask_bare, self.connect, "GET /app/x HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertIn(b" 400 ", received.partition(b"\r\n")[0])
        self.assertIn(b"Sellia-Error: bad-host", received)
        self.assertEqual(self.recorder.exchanges("/x"), [])


class StopTests(WebStageCase):
    server_settings = {"drain_timeout": 1.0}

    async def test_who_waits_too_long_is_told(self) -> None:
        self.recorder.on("/long", no_answer_yet)
        asked = self.thread(self.ask, "GET", "/long")
        exchange = await self.thread(self.recorder.wait_for, "/long")
        await self.server.stopService()
        response, _ = await asked
        self.assertEqual((response.status, response.headers["Sellia-Error"]), (503, "server-restarting"))
        exchange.released.set()

    async def test_what_is_under_way_finishes(self) -> None:
        """It is the last on its connection; nothing new is begun meanwhile."""
        self.recorder.on("/slow", no_answer_yet)
        asked = self.thread(self.ask, "GET", "/slow")
        exchange = await self.thread(self.recorder.wait_for, "/slow")
        stopped = self.server.stopService()
        response, _ = await self.thread(self.ask, "GET", "/new")
        self.assertEqual((response.status, response.headers["Sellia-Error"]), (503, "server-draining"))
        self.assertIn("Retry-After", response.headers)
        exchange.send(answer("Content-Length: 2", body=b"ok"))
        exchange.released.set()
        response, body = await asked
        self.assertEqual((response.status, body, response.headers["Connection"]), (200, b"ok", "close"))
        await stopped


class NoServiceTests(WebStageCase):
    async def start_client(self, service_port: int) -> None:
        await super().start_client(free_port())

    async def test_service_refuses(self) -> None:
        """Also where a body waits for it."""
        for method, body in (("GET", None), ("POST", bytes(MIB))):
            response, _ = await self.thread(self.ask, method, "/", body)
            self.assertEqual((response.status, response.headers["Sellia-Error"]), (502, "service-refused"))


class TimeoutTests(WebStageCase):
    server_settings = {"request_timeout": 0.2}

    async def test_no_answer_in_time(self) -> None:
        self.recorder.on("/never", no_answer_yet)
        asked = self.thread(self.ask, "POST", "/never", b"x")
        exchange = await self.thread(self.recorder.wait_for, "/never")
        response, _ = await asked
        self.assertEqual((response.status, response.headers["Sellia-Error"]), (504, "response-timeout"))
        exchange.released.set()

    async def test_service_that_does_not_read(self) -> None:
        done = threading.Event()
        self.recorder.on("/deaf", lambda exchange: done.wait(DEADLINE))
        response, _ = await self.thread(self.ask, "POST", "/deaf", bytes(24 * MIB))
        self.assertEqual((response.status, response.headers["Sellia-Error"]), (504, "response-timeout"))
        done.set()


class AuthTests(WebStageCase):
    """A tunnel's password holds in every Site."""

    tunnel_settings = {"auth": "user:pass"}

    async def test_auth(self) -> None:
        response, _ = await self.thread(self.ask, "GET", "/secret")
        self.assertEqual((response.status, response.headers["WWW-Authenticate"][:5]), (401, "Basic"))
        self.assertEqual(self.recorder.exchanges("/secret"), [])
        right = {"Authorization": "Basic dXNlcjpwYXNz"}
        response, _ = await self.thread(self.ask, "GET", "/secret", None, right)
        self.assertEqual(response.status, 200)
        self.assertIsNone(self.recorder.exchanges("/secret")[0].header("Authorization"))


class WebSocketTests(WebStageCase):
    """A WebSocket through the Site, spoken by a library that is not ours on both sides."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.closes: list[tuple[int | None, str]] = []
        self.websockets: Server = serve(
            self.serve,
            "127.0.0.1",
            0,
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            process_request=self.refuse,
            max_size=None,
        )
        self.thread_of_service = threading.Thread(target=self.websockets.serve_forever, daemon=True)
        self.thread_of_service.start()
        await super().setUp()

    async def start_client(self, service_port: int) -> None:
        await super().start_client(self.websockets.socket.getsockname()[1])

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.thread(self.websockets.shutdown)
        await super().tearDown()

    def refuse(self, connection: ServerConnection, request: Any) -> Any:
        return connection.respond(403, "not you\n") if request.path == "/no" else None

    def serve(self, connection: ServerConnection) -> None:
        """Send first, then echo, then close as asked, or note how the visitor closed."""
        connection.send("hello")
        try:
            for message in connection:
                if message == "close":
                    connection.close(4321, "as you wish")
                elif message == "die":
                    connection.socket.shutdown(socket.SHUT_RDWR)
                else:
                    connection.send(message)
        except ConnectionClosed:
            pass
        self.closes.append((connection.close_code, connection.close_reason or ""))

    def open(self, path: str = "/", **options: Any) -> Any:
        """A visitor's WebSocket; to be called in a thread."""
        connection = connect(
            f"ws://{HOST}:{self.port}{path}",
            sock=socket.create_connection(("127.0.0.1", self.port), DEADLINE),
            max_size=None,
            proxy=None,
            **options,
        )
        self.assertEqual(connection.recv(DEADLINE), "hello")
        return connection

    async def test_echo(self) -> None:
        """Text, binary, fragments, a ping; compressed end to end; the service's subprotocol."""

        def visit() -> None:
            with self.open("/chat?x=1", subprotocols=["chat"]) as websocket:
                self.assertEqual(websocket.subprotocol, "chat")
                self.assertIn("permessage-deflate", websocket.response.headers["Sec-WebSocket-Extensions"])
                for message in ("text", b"\x00\xff", "", "x" * 70000, bytes(3 * MIB)):
                    websocket.send(message)
                    self.assertEqual(websocket.recv(DEADLINE), message)
                websocket.send(["in ", "three ", "pieces"])
                self.assertEqual(list(websocket.recv_streaming()), ["in three pieces"])
                self.assertTrue(websocket.ping().wait(DEADLINE))

        await self.thread(visit)
        await self.until(lambda: self.closes, "the service to see the end")
        self.assertEqual(self.closes, [(1000, "")])

    async def test_visitor_s_close_code(self) -> None:
        def visit() -> None:
            self.open().close(3999, "that's it")

        await self.thread(visit)
        await self.until(lambda: self.closes, "the service to see the end")
        self.assertEqual(self.closes, [(3999, "that's it")])

    async def test_service_s_close_code(self) -> None:
        def visit() -> tuple[int, str]:
            websocket = self.open()
            websocket.send("close")
            try:
                websocket.recv(DEADLINE)
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                return closed.rcvd.code, closed.rcvd.reason
            raise AssertionError("it is still open")

        self.assertEqual(await self.thread(visit), (4321, "as you wish"))

    async def test_service_dies(self) -> None:
        """1011, with a reason that says so."""

        def visit() -> tuple[int, str]:
            websocket = self.open()
            websocket.send("die")
            try:
                websocket.recv(DEADLINE)
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                return closed.rcvd.code, closed.rcvd.reason
            raise AssertionError("it is still open")

        code, reason = await self.thread(visit)
        self.assertEqual((code, reason.split(":")[0]), (1011, "service-died"))

    async def test_visitor_vanishes(self) -> None:
        """The service sees what it would see without a tunnel: an end without a close frame."""

        def visit() -> None:
            websocket = self.open()
            websocket.socket.shutdown(socket.SHUT_RDWR)

        await self.thread(visit)
        await self.until(lambda: self.closes, "the service to see the end")
        self.assertEqual(self.closes[0][0], 1006)

    async def test_refusal(self) -> None:
        """The service's answer goes to the visitor whole, and the connection ends behind it."""

        def visit() -> Any:
            try:
                self.open("/no")
            except InvalidStatus as refused:
                return refused.response
            raise AssertionError("it is open")

        response = await self.thread(visit)
        self.assertEqual((response.status_code, bytes(response.body)), (403, b"not you\n"))
        self.assertEqual(response.headers["Connection"], "close")

    async def test_frames_right_behind_the_handshake(self) -> None:
        """What the visitor sends before it has been answered is not lost, and is not taken for HTTP."""
        handshake = (
            f"GET / HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()

        def visit() -> bytes:
            connection = self.connect()
            connection.sendall(handshake + b"\x81\x83\0\0\0\0a")
            connection.sendall(b"bc")
            return _receive_until(connection, b"\x81\x03abc")

        received = await self.thread(visit)
        self.assertTrue(received.startswith(b"HTTP/1.1 101 "), received)
        self.assertIn(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", received)
        self.assertIn(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", received)
        self.assertTrue(received.endswith(b"\r\n\r\n\x81\x05hello\x81\x03abc"), received)


class GatewayTests(WebStageCase):
    """The gateway in a Site; that clients get through is what all other tests stand on."""

    async def test_not_an_upgrade(self) -> None:
        response, _ = await self.thread(self.ask, "GET", "/ws", host="other.example")
        self.assertEqual((response.status, response.headers["Sellia-Error"]), (426, "upgrade-required"))

    async def test_early_octets_do_no_harm(self) -> None:
        """A client that does not wait for the answer breaks the protocol, and nothing else."""
        handshake = (
            "GET /ws HTTP/1.1\r\nHost: x.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        received = await self.thread(_ask_bare, self.connect, handshake + "not a frame")
        self.assertTrue(received.startswith(b"HTTP/1.1 101 "), received)
        response, _ = await self.thread(self.ask, "GET", "/still-there")
        self.assertEqual(response.status, 200)

    async def test_an_original_client(self) -> None:
        """Who offers no subprotocol is spoken to in the original dialect here, too."""
        handshake = (
            b"GET /ws HTTP/1.1\r\nHost: x.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        wanted = wire.message("tunnel_open", tunnel_type="http", local_port=1, subdomain="original")

        def visit() -> bytes:
            with self.connect() as connection:
                connection.sendall(handshake)
                _receive_until(connection, b"\r\n\r\n")
                connection.sendall(frame(BINARY, wire.encode(wanted)))
                return _receive_until(connection, b"\xa9subdomain\xa8original")

        [(first, octets)], _ = frames(await self.thread(visit))
        ready = wire.decode(octets)
        assert ready is not None
        self.assertEqual((first, ready["type"]), (BINARY, "tunnel_ready"))


def _receive_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        data = connection.recv(65536)
        if not data:
            raise AssertionError(f"the connection ended after {received!r}")
        received += data
    return received


def _ask_bare(connect_: Any, request: str) -> bytes:
    """Send octets as they are, and receive to the end of the connection."""
    received = b""
    with connect_() as connection:
        connection.sendall(request.encode())
        while data := connection.recv(65536):
            received += data
    return received
