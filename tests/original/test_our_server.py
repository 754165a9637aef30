"""An original client on our server, a real process: what its dialect can carry, and the truth about the rest."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import socket
import tempfile
import time
from functools import cache

from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.curl_case import PIECE, answer
from tests.e2e.recorder import ServiceLeg
from tests.e2e.stage import Reach, curl, curl_argv
from tests.original import wire
from tests.original.cases import HttpCases, Placed, StreamingCases, WebSocketCases, http_service
from tests.original.peers import Peer, start_original_client
from tests.original.services import websocket_service
from tests.original.sockets import WebSocket, read_head, render_head
from tests.processes import Process, start_server, wait_until


@cache
def server() -> Process:
    """Our server, which most tests share."""
    return watched(start_server())


@cache
def place(name: str, port: int, *quirks: str) -> Reach:
    """Where visitors find the service at this port, through an original client with these quirks."""
    start_original_client(server().port, f"{port}:{name}", quirks=quirks)
    return Reach(server().port, f"{name}.localhost")


class HttpTests(HttpCases, Placed, EndToEndTests):
    """Requests and their answers."""

    bodies_of_get = False
    early_answers = False  # it reads a request whole before it asks its service

    def place(self) -> Reach:
        return place("http-service", http_service().port)

    def test_forwarded_headers(self) -> None:
        """The service learns the visitor's address, scheme and host, as with a client of ours."""
        path = f"/o/forwarded/{id(self)}"
        self.succeed(self.ask(path, "-H", "X-Forwarded-For: 6.6.6.6"))
        [exchange] = self.service.exchanges(path)
        self.assertEqual(exchange.header("X-Forwarded-For"), "127.0.0.1")
        self.assertEqual(exchange.header("X-Forwarded-Host"), self.place().authority)

    def test_the_service_s_own_hop_stays(self) -> None:
        """The client passes on what its service says of their connection; our visitor does not see it."""
        lines = ["Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=60", "Content-Length: 0"]
        self.service.on("/o/own-hop", answer(*lines))
        output = self.succeed(self.ask("/o/own-hop", "--include")).lower()
        self.assertFalse(re.search(rb"(?m)^(x-hop|keep-alive):", output), output)

    def test_paths_that_the_original_server_takes_for_itself(self) -> None:
        """``/ws`` and ``/api/admin`` of a service are its own."""
        for path in ("/ws", "/api/admin/users"):
            self.assertEqual(self.succeed(self.ask(path)), b"ok\n")

    def test_inflated_body(self) -> None:
        """The client decompresses, and its Content-Length is not that of what it sends: the visitor gets it whole."""

        body = gzip.compress(b"hello " * 1000)
        self.service.on("/o/gzip", answer("Content-Encoding: gzip", f"Content-Length: {len(body)}", body=body))
        self.assertEqual(self.succeed(self.ask("/o/gzip", "--compressed")), b"hello " * 1000)

    def test_interim_answer_is_mistaken_for_the_answer(self) -> None:
        """What the client takes for one ends no request, and the visitor is told 502 instead of waiting."""
        self.service.on("/o/interim", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        output = self.succeed(self.ask("/o/interim", "--include"))
        self.assertIn(b" 502 ", output.split(b"\r\n")[0])
        self.assertIn(b"Sellia-Error: bad-service-response", output)


class StreamingTests(StreamingCases, Placed, EndToEndTests):
    """With a client that does not buffer whole responses, ours does not either."""

    def setUp(self) -> None:
        self.service = http_service()

    def place(self) -> Reach:
        return place("streaming", http_service().port, "buffers_responses=no")


class WebSocketTests(WebSocketCases, Placed, EndToEndTests):
    """WebSockets."""

    def place(self) -> Reach:
        return place("websocket-service", websocket_service().port)

    def test_refusal(self) -> None:
        """Our 101 waits for the service: the visitor is told what the client tells, which is 502."""
        with self.assertRaises(InvalidStatus) as caught:
            self.connect(self.path("refuse", "status=403"))
        response = caught.exception.response
        self.assertEqual((response.status_code, response.headers["Sellia-Error"]), (502, "upgrade-refused"))

    def test_refusal_of_a_client_that_tells(self) -> None:
        """A client that passes the status on is believed."""
        told = place("telling", websocket_service().port, "hides_refusals=no")
        self.place = lambda: told
        with self.assertRaises(InvalidStatus) as caught:
            self.connect(self.path("refuse", "status=403"))
        self.assertEqual(caught.exception.response.status_code, 403)

    def test_visitor_s_large_message(self) -> None:
        """One of more than 4 MiB cannot be carried: 1009, and nobody else is touched."""
        other = self.connect(self.path("echo", "other"))
        visitor = self.connect(self.path("echo", "large"))
        visitor.send(bytes(5_000_000))
        self.assertEqual(self.ended(visitor)[0], 1009)
        other.send("still here")
        self.assertEqual(other.recv(timeout=20), "still here")

    def test_service_s_large_message(self) -> None:
        """The same the other way round: the client has sent it whole, and all but its beginning is skipped."""
        other = self.connect(self.path("echo", "another"))
        path = self.path("big", "size=5000000")
        self.assertEqual(self.ended(self.connect(path))[0], 1009)
        other.send("still here")
        self.assertEqual(other.recv(timeout=20), "still here")


class LinkTests(Placed, EndToEndTests):
    """The link, tunnels and names."""

    def client(
        self, name: str, *quirks: str, port: int | None = None, to: Process | None = None, **how: object
    ) -> Peer:
        client = start_original_client(
            (to or server()).port,
            f"{port or http_service().port}:{name}",
            quirks=quirks,
            **how,  # type: ignore[arg-type]
        )
        self.addCleanup(client.stop)
        return client

    def status(self, name: str, path: str, *options: str, to: Process | None = None) -> tuple[int, str]:
        """Status and Sellia-Error."""
        reach = Reach((to or server()).port, f"{name}.localhost")
        head = self.succeed(curl(reach, path, "--include", *options)).partition(b"\r\n\r\n")[0]
        word = re.search(rb"(?im)^Sellia-Error: (\S+)\r?$", head)
        return int(head.split(b" ")[1]), word.group(1).decode() if word else ""

    def test_what_does_not_hold_is_said_once(self) -> None:
        ours = watched(start_server())
        self.addCleanup(ours.stop)
        self.client("said", to=ours)
        for _ in range(3):
            self.assertEqual(self.status("said", "/o/said", to=ours)[0], 200)
        self.assertEqual(ours.output.count("speaks the original dialect"), 1)

    def test_keys(self) -> None:
        """The right key is answered with auth_ok, the wrong one and none with auth_error, as the client understands."""
        ours = watched(start_server("--require-auth", env={"SELLIA_MASTER_KEY": "the right key"}))
        self.addCleanup(ours.stop)
        right = self.client("keyed", key="the right key", to=ours)
        right.wait_for(event="heard", type="auth_ok")
        wrong = self.client("keyed-2", key="the wrong key", ready=False, to=ours)
        wrong.wait_for(event="gave-up", reason="Invalid API key")
        none = self.client("keyed-3", ready=False, to=ours)
        none.wait_for(event="heard", type="auth_error", error="Not authenticated")

    def test_names(self) -> None:
        """Refused in words that the client understands as final, or not."""
        self.client("mine")
        taken = self.client("mine", ready=False)
        taken.wait_for(event="gave-up", reason="Subdomain 'mine' is not available")
        reserved = self.client("admin", ready=False)
        reserved.wait_for(event="heard", type="tunnel_close", reason="Subdomain 'admin' is reserved")
        short = self.client("ab", ready=False)
        short.wait_for(event="heard", type="tunnel_close", reason="Subdomain must be at least 3 characters")
        self.assertIsNone(reserved.process.returncode)

    def test_several_tunnels_on_one_link(self) -> None:
        port = http_service().port
        client = start_original_client(server().port, f"{port}:several-a", f"{port}:several-b:me:secret")
        self.addCleanup(client.stop)
        self.assertEqual(self.status("several-a", "/o/a")[0], 200)
        self.assertEqual(self.status("several-b", "/o/b"), (401, "unauthorized"))
        self.assertEqual(self.status("several-b", "/o/b", "--user", "me:secret")[0], 200)

    def test_lost_link_ends_what_was_under_way(self) -> None:
        """502 to who waits for an answer, 1012 to WebSockets, at once; and the client comes back to its name."""
        http = self.client("cut-http", "retry_step=0.2")
        websockets = self.client("cut-websocket", port=websocket_service().port)
        released = []

        def wait(exchange: ServiceLeg) -> None:
            released.append(exchange)
            exchange.released.wait(30)

        http_service().on("/o/cut-here", wait)
        case = WebSocketTests("test_echo")
        case.place = lambda: Reach(server().port, "cut-websocket.localhost")
        visitor = case.connect(case.path("echo", "cut-here"))
        visitor.send("here")
        self.assertEqual(visitor.recv(timeout=20), "here")
        argv = curl_argv(
            Reach(server().port, "cut-http.localhost"), "/o/cut-here", "--output", "/dev/null", "-w", "%{http_code}"
        )
        with Process(argv, name="curl") as waiting:
            wait_until(lambda: released, "the service to be asked")
            http.cut()
            websockets.cut()
            waiting.wait_for_line("^502$")
        with self.assertRaises(ConnectionClosed) as caught:
            visitor.recv(timeout=20)
        assert caught.exception.rcvd is not None
        self.assertEqual(caught.exception.rcvd.code, 1012)
        self.assertTrue(caught.exception.rcvd.reason.startswith("session-expired"))
        for exchange in released:
            exchange.released.set()
        http.wait_for(2, event="heard", type="tunnel_ready")
        self.assertEqual(self.status("cut-http", "/o/back")[0], 200)

    def test_slow_visitor_does_not_cost_memory(self) -> None:
        """The dialect has no credit: what a visitor does not read is bounded all the same."""
        ours = watched(start_server())
        self.addCleanup(ours.stop)
        self.client("slow", "buffers_responses=no", to=ours)
        size = 64 << 20

        def push(exchange: ServiceLeg) -> None:
            exchange.send(answer(f"Content-Length: {size}"))
            for _ in range(size // len(PIECE)):
                exchange.send(PIECE)

        http_service().on("/o/push", push)
        before = ours.resident_bytes()
        raw = socket.create_connection(("127.0.0.1", ours.port), timeout=20)
        self.addCleanup(raw.close)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        raw.sendall(b"GET /o/push HTTP/1.1\r\nHost: slow.localhost\r\n\r\n")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 3, "three seconds of pressure")
        self.assertLess(ours.peak_resident_bytes() - before, 40 << 20)
        total = 0
        while total < size:
            piece = raw.recv(1 << 20)
            self.assertTrue(piece)
            total += len(piece)

    def test_flood_of_garbage(self) -> None:
        """It is ignored for a while, as the original does, and then closed with 1008; others notice nothing."""
        self.client("calm")

        async def flood() -> int | None:
            reader, writer = await asyncio.open_connection("127.0.0.1", server().port)
            lines = [
                ("Host", f"127.0.0.1:{server().port}"),
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ]
            writer.write(render_head("GET /ws HTTP/1.1", lines))
            head = await read_head(reader)
            assert head is not None and head.status == 101 and head.get("sec-websocket-protocol") is None
            link = WebSocket(reader, writer, client=True)
            for number in range(40):
                await link.send(2, os.urandom(20))
                await link.send(2, wire.encode({"type": f"unheard-of-{number}"}))
                await link.send(1, b"text")
            async for _ in link.messages():
                pass
            writer.close()
            return link.code

        self.assertEqual(asyncio.run(flood()), 1002)
        self.assertEqual(self.status("calm", "/o/calm")[0], 200)

    def test_upload_of_unknown_length(self) -> None:
        """It arrives with its length, because the client has it whole before it asks the service."""
        self.client("unknown-length")
        path = f"/o/unknown/{id(self)}"
        with tempfile.NamedTemporaryFile() as upload:
            upload.write(b"x" * 100_000)
            upload.flush()
            options = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--upload-file", upload.name]
            self.assertEqual(self.status("unknown-length", path, *options)[0], 200)
        [exchange] = http_service().exchanges(path)
        self.assertEqual((exchange.length, exchange.header("Content-Length")), (100_000, "100000"))
