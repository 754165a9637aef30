"""Our client, a real process, on an original server: what its dialect can carry, and the truth about the rest."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from functools import cache

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.server import ServerConnection, serve

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.curl_case import answer
from tests.e2e.recorder import ServiceLeg, no_answer_yet
from tests.e2e.stage import Reach, curl, curl_argv
from tests.original.cases import HttpCases, Placed, StreamingCases, WebSocketCases, http_service
from tests.original.peers import Peer, start_original_server, start_our_client
from tests.original.services import websocket_service
from tests.processes import Process, free_port, start_twistd, wait_until


@cache
def server() -> Peer:
    """The original server that most tests share."""
    return start_original_server()


@cache
def http_place() -> Reach:
    """Where visitors find the HTTP service."""
    watched(start_our_client(server(), http_service().port, "http-service"))
    return Reach(server().port, "http-service.localhost")


@cache
def websocket_place() -> Reach:
    """Where visitors find the WebSocket service."""
    watched(start_our_client(server(), websocket_service().port, "websocket-service"))
    return Reach(server().port, "websocket-service.localhost")


class HttpTests(HttpCases, StreamingCases, Placed, EndToEndTests):
    """Requests and their answers."""

    def place(self) -> Reach:
        return http_place()

    def test_no_forwarded_header_of_a_visitor_is_believed(self) -> None:
        """The server adds none; ours say what is known here, which is not the visitor's address."""
        path = f"/o/forwarded/{id(self)}"
        self.succeed(self.ask(path, "-H", "X-Forwarded-For: 6.6.6.6", "-H", "X-Forwarded-Proto: https"))
        [exchange] = self.service.exchanges(path)
        self.assertEqual(exchange.header("X-Forwarded-For"), "unknown")
        self.assertEqual(exchange.header("X-Forwarded-Proto"), "http")
        self.assertEqual(exchange.header("X-Forwarded-Host"), self.place().authority)

    def test_early_answer(self) -> None:
        """A service that answers before it has read the request is heard once the server has sent the request."""
        path = f"/o/early/{id(self)}"

        def early(exchange: ServiceLeg) -> None:
            exchange.send(answer("Content-Length: 9", status="413 Too Large", body=b"too much\n"))
            exchange.read_body()

        self.service.on(path, early)
        output = self.ask(path, "--upload-file", "-", "--write-out", "%{http_code}", stdin=b"x" * 500_000)
        self.assertEqual(self.succeed(output), b"too much\n413")

    def test_answer_that_breaks_off(self) -> None:
        """A visitor is never told that a broken answer is complete: it misses what was announced."""
        path = "/o/broken"

        def broken(exchange: ServiceLeg) -> None:
            exchange.read_body()
            exchange.send(answer("Content-Length: 100", body=b"only this"))
            exchange.cut()

        self.service.on(path, broken)
        finished = self.ask(path, "--max-time", "2")
        self.assertNotEqual(finished.status, 0)
        self.assertEqual(finished.output, b"only this")

    def test_trailers_and_interim_answers_are_left_out(self) -> None:
        """The answer arrives whole without them."""
        chunks = b"103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks += b"5\r\nhello\r\n0\r\nX-Checksum: abc\r\n\r\n"
        self.service.on("/o/trailers", b"HTTP/1.1 " + chunks)
        output = self.succeed(self.ask("/o/trailers", "--include"))
        self.assertTrue(output.startswith(b"HTTP/1.1 200 OK\r\n"), output)
        self.assertTrue(output.endswith(b"\r\n\r\nhello"), output)


class WebSocketTests(WebSocketCases, Placed, EndToEndTests):
    """WebSockets."""

    learns_code = False

    def place(self) -> Reach:
        return websocket_place()

    def test_refusal(self) -> None:
        """The server is told the status; its visitor, who has had its 101, sees the WebSocket close."""
        path = self.path("refuse", "status=403")
        visitor = self.connect(path)
        self.assertEqual(self.ended(visitor)[0], 1005)
        said = server().events(event="heard", type="ws_upgrade_error")[-1]
        self.assertEqual((said["status_code"], said["message"]), (403, "Forbidden"))

    def test_refusal_by_a_server_that_waits(self) -> None:
        """Without the quirk, the status that our client tells reaches the visitor."""
        patient = start_original_server("early_101=no")
        self.addCleanup(patient.stop)
        client = start_our_client(patient, websocket_service().port, "patient")
        self.addCleanup(client.stop)
        self.place = lambda: Reach(patient.port, "patient.localhost")
        with self.assertRaises(InvalidStatus) as caught:
            self.connect(self.path("refuse", "status=403"))
        self.assertEqual(caught.exception.response.status_code, 403)
        visitor = self.connect(self.path("greet"))
        self.assertEqual([visitor.recv(timeout=20), visitor.recv(timeout=20)], ["first", "second"])

    def test_only_the_first_subprotocol_is_offered(self) -> None:
        """It is what the visitor has been told: a service that would choose another is not asked to."""
        path = self.path("echo", "offer")
        self.connect(path, subprotocols=["one", "two"])
        self.assertEqual(self.websockets.visit(path).request.headers["Sec-WebSocket-Protocol"], "one")

    def test_greeting_while_the_server_is_slow(self) -> None:
        """The server drops what comes before it has worked through our agreement; a greeting waits for that."""
        self.connect(self.path("greet", "slow"))
        self.assertEqual(server().events(event="lost-frame"), [])

    def test_message_beyond_the_limit(self) -> None:
        """Neither end takes one of more than 4 MiB: its WebSocket is closed with 1009, as far as the server hears."""
        path = self.path("big", "size=5000000")
        visitor = self.connect(path)
        self.assertEqual(self.ended(visitor)[0], 1005)
        server().wait_for(event="heard", type="ws_close", code=1009)
        self.assertEqual(self.websockets.wait_for(path, "closed")[0], 1009)

    def test_code_goes_as_far_as_the_server(self) -> None:
        visitor = self.connect(self.path("close", "code=4009&reason=bye"))
        visitor.send("now")
        self.ended(visitor)
        server().wait_for(event="heard", type="ws_close", code=4009)


class LinkTests(Placed, EndToEndTests):
    """The link, tunnels and names."""

    def start(self, *quirks: str, key: str | None = None, port: int | None = None) -> Peer:
        peer = start_original_server(*quirks, key=key, port=port)
        self.addCleanup(peer.stop)
        return peer

    def client(self, peer: Peer, name: str, *options: str, ready: bool = True, port: int | None = None) -> Process:
        client = start_our_client(peer, port or http_service().port, name, *options, ready=ready)
        self.addCleanup(client.stop)
        watched(client)
        return client

    def config(self, *lines: str) -> str:
        """A settings file."""
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write("\n".join([*lines, ""]))
        return path

    def ask(self, peer: Peer, path: str, *options: str, name: str = "demo") -> tuple[int, str, bytes]:
        """Status, Sellia-Error and body."""
        place = Reach(peer.port, f"{name}.localhost")
        output = self.succeed(curl(place, path, "--include", *options))
        head, _, body = output.partition(b"\r\n\r\n")
        word = re.search(rb"(?im)^Sellia-Error: (\S+)\r?$", head)
        return int(head.split(b" ")[1]), word.group(1).decode() if word else "", body

    def test_what_does_not_hold_is_said_once(self) -> None:
        peer = self.start()
        client = self.client(peer, "demo")
        for _ in range(3):
            self.assertEqual(self.ask(peer, "/o/said")[0], 200)
        self.assertEqual(client.output.count("dialect of the original"), 1)

    def test_link_that_is_cut_comes_back_with_its_name(self) -> None:
        """What was under way is over, truthfully, and the name is asked for again."""
        peer = self.start()
        client = self.client(peer, "demo")
        http_service().on("/o/cut", no_answer_yet)
        with Process(
            curl_argv(Reach(peer.port, "demo.localhost"), "/o/cut", "--output", "/dev/null", "-w", "%{http_code}"),
            name="curl",
        ) as visitor:
            left = http_service().wait_for("/o/cut")
            peer.cut()
            visitor.wait_for_line("^502$")
            left.released.set()
        peer.wait_for(2, event="said", type="tunnel_ready", subdomain="demo")
        self.assertEqual(self.ask(peer, "/o/back")[0], 200)
        self.assertIn("link lost: ", client.output)

    def test_link_lost_ends_the_service_s_websockets(self) -> None:
        """With 1012 and the word, at once: nothing can go on."""
        peer = self.start()
        self.client(peer, "demo", port=websocket_service().port)
        case = WebSocketTests("test_echo")
        case.place = lambda: Reach(peer.port, "demo.localhost")
        path = case.path("echo", "cut")
        visitor = case.connect(path)
        visitor.send("here")
        self.assertEqual(visitor.recv(timeout=20), "here")
        peer.cut()
        code, reason = websocket_service().wait_for(path, "closed")
        self.assertEqual((code, reason.split(":")[0]), (1012, "session-expired"))
        with self.assertRaises(ConnectionClosed):
            visitor.recv(timeout=20)

    def test_server_that_starts_again(self) -> None:
        """The client tries for ever, and finds it."""
        port = free_port()
        peer = self.start(port=port)
        client = self.client(peer, "demo")
        peer.stop()
        client.wait_for_line("no link yet")
        again = self.start(port=port)
        again.wait_for(event="said", type="tunnel_ready", subdomain="demo")
        self.assertEqual(self.ask(again, "/o/again")[0], 200)

    def test_wrong_key(self) -> None:
        """It is final, and the user is told what to do."""
        peer = self.start(key="right")
        client = self.client(peer, "demo", "--api-key", "wrong", ready=False)
        self.assertEqual(client.wait_for_exit(), 1)
        self.assertIn("wrong-key", client.output)
        self.assertIn("Invalid API key", client.output)

    def test_right_key(self) -> None:
        peer = self.start(key="right")
        self.client(peer, "demo", "--api-key", "right")
        self.assertEqual([each["type"] for each in peer.events(event="heard")], ["auth", "tunnel_open"])

    def test_missing_key(self) -> None:
        peer = self.start(key="right")
        client = self.client(peer, "demo", ready=False)
        self.assertEqual(client.wait_for_exit(), 1)
        self.assertIn("key-required", client.output)

    def test_names_that_are_refused(self) -> None:
        """In our words, and for good."""
        peer = self.start()
        self.client(peer, "taken")
        for name, word in (("taken", "name-taken"), ("reserved-there", "name-reserved")):
            client = self.client(peer, name, ready=False)
            self.assertEqual(client.wait_for_exit(), 1)
            self.assertIn(word, client.output)

    def test_password_of_a_tunnel(self) -> None:
        """The server asks visitors for it."""
        peer = self.start()
        self.client(peer, "demo", "--auth", "me:secret")
        self.assertEqual(self.ask(peer, "/o/locked")[0], 401)
        self.assertEqual(self.ask(peer, "/o/locked", "--user", "me:secret")[0], 200)

    def test_service_that_does_not_listen(self) -> None:
        """502, with our word for it, as the visitor likes to read it."""
        peer = self.start()
        self.client(peer, "demo", port=free_port())
        status, word, body = self.ask(peer, "/", "-H", "Accept: application/json")
        self.assertEqual((status, word), (502, "service-refused"))
        self.assertIn(b'"error": "service-refused"', body)

    def test_service_that_does_not_answer(self) -> None:
        """504, when the client's own time for it is over."""
        peer = self.start()
        self.client(peer, "demo", "--config", self.config("request_timeout: 0.5"))
        http_service().on("/o/silent", no_answer_yet)
        self.assertEqual(self.ask(peer, "/o/silent")[:2], (504, "response-timeout"))
        http_service().exchanges("/o/silent")[-1].released.set()

    def test_several_tunnels_on_one_link(self) -> None:
        peer = self.start()
        first, second = http_service().port, websocket_service().port
        config = self.config(
            "tunnels:",
            f"  one: {{target: '127.0.0.1:{first}', subdomain: one}}",
            f"  two: {{target: '127.0.0.1:{second}', subdomain: two}}",
        )
        client = start_twistd("sellia-client", "--server", f"http://127.0.0.1:{peer.port}", "--config", config)
        self.addCleanup(client.stop)
        peer.wait_for(2, event="said", type="tunnel_ready")
        self.assertEqual(self.ask(peer, "/o/one", name="one")[0], 200)
        self.assertEqual(self.ask(peer, "/", name="two")[0], 426)
        self.assertEqual(len(peer.events(event="connected")), 1)

    def test_pings_of_the_server_are_answered(self) -> None:
        peer = self.start("ping_interval=0.2", "silence=1")
        client = self.client(peer, "demo")
        peer.wait_for(8, event="heard", type="pong")
        self.assertNotIn("link lost", client.output)

    def test_slow_service_does_not_cost_memory(self) -> None:
        """A service that does not read stops the link; the client stays small, and answers while it must not read."""
        peer = self.start("ping_interval=1", "silence=60")
        client = self.client(peer, "demo")

        def sleepy(exchange: ServiceLeg) -> None:
            exchange.released.wait(60)
            exchange.read_body()
            exchange.send(answer("Content-Length: 3", body=b"ok\n"))

        http_service().on("/o/sleepy", sleepy)
        size = 64 << 20
        upload = os.path.abspath(self.mktemp())
        with open(upload, "wb") as file:
            file.truncate(size)
        before = client.resident_bytes()
        argv = curl_argv(Reach(peer.port, "demo.localhost"), "/o/sleepy", "-H", "Expect:", "--upload-file", upload)
        with Process(argv, name="curl") as visitor:
            exchange = http_service().wait_for("/o/sleepy")
            began = time.monotonic()
            wait_until(lambda: time.monotonic() - began > 3, "three seconds of pressure")
            self.assertLess(client.peak_resident_bytes() - before, 40 << 20)
            exchange.released.set()
            visitor.wait_for_line("^ok$")
        self.assertEqual(exchange.length, size)

    def test_client_that_stops_closes_its_tunnel(self) -> None:
        """Nobody new is sent to it, and who waits for an answer gets it."""
        peer = self.start()
        client = self.client(peer, "demo")
        http_service().on("/o/last", no_answer_yet)
        argv = curl_argv(Reach(peer.port, "demo.localhost"), "/o/last", "--output", "/dev/null", "-w", "%{http_code}")
        with Process(argv, name="curl") as visitor:
            exchange = http_service().wait_for("/o/last")
            client.send_signal(signal.SIGTERM)
            peer.wait_for(event="heard", type="tunnel_close")
            exchange.send(answer("Content-Length: 0"))
            exchange.released.set()
            visitor.wait_for_line("^200$")
        self.assertEqual(client.wait_for_exit(), 0)

    def test_server_that_floods_with_garbage(self) -> None:
        """It is closed with 1008, and not believed again at once."""
        codes: list[int] = []

        def flood(socket: ServerConnection) -> None:
            try:
                for number in range(1000):
                    socket.send(b"garbage" if number % 2 else "text")
                socket.recv()
            except ConnectionClosed as error:
                codes.append(error.rcvd.code if error.rcvd is not None else 1006)

        server = serve(flood, "127.0.0.1", 0, compression=None)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        arguments = ["--server", f"http://127.0.0.1:{port}", "--target", "1", "--subdomain", "demo"]
        with start_twistd("sellia-client", *arguments) as client:
            client.wait_for_line('code=1008 fault="more messages that say nothing')
            wait_until(lambda: 1008 in codes, "the server to be told")
