"""Two clients behind one name: over link cuts, a kill, a stop, and a service that fails its check."""

from __future__ import annotations

import http.client
import itertools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.chaos.proxy import FaultProxy
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import server, through_tunnel_only
from tests.processes import Process, start_client, wait_until

KEY = "a-key-of-both"


class Quiet(ThreadingHTTPServer):
    """A server whose clients may be killed."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """That a connection was reset is what tests do."""


class Service:
    """An HTTP server that says its name and how long a body was; ``/slow`` waits for `go`, ``/health`` fails if ill."""

    def __init__(self, name: str) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()
        self.ill = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.path == "/slow":
                    service.asked.set()
                    service.go.wait(20)
                answer = f"{name} {len(body)}".encode()
                self.send_response(500 if self.path == "/health" and service.ill else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()


class PoolTests(EndToEndTests):
    """Each test has its own name, at the server that all modules share."""

    names = itertools.count()

    def setUp(self) -> None:
        through_tunnel_only()
        self.server = server()
        self.name = f"pool-{next(self.names)}"
        self.one, self.two = self.service("one"), self.service("two")

    def service(self, name: str) -> Service:
        service = Service(name)
        self.addCleanup(service.close)
        return service

    def client(self, service: Service, *options: str, port: int | None = None) -> Process:
        more = ("--pool", "--api-key", KEY, *options)
        client = watched(start_client(port or self.server.port, service.port, self.name, *more))
        self.addCleanup(client.stop)
        client.wait_for_line("tunnel ready")
        return client

    def ask(self, method: str = "GET", path: str = "/", body: bytes | None = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, path, body, {"Host": f"{self.name}.localhost", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def test_links_are_cut(self) -> None:
        """Requests of eight visitors, with bodies, while both links are cut again and again: each is answered once."""
        proxies = [FaultProxy(self.server.port) for _ in range(2)]
        for proxy, service in zip(proxies, (self.one, self.two), strict=True):
            self.addCleanup(proxy.close)
            self.client(service, port=proxy.port)
        sizes = itertools.count(0, 97)
        stop = threading.Event()

        def visit(_: int) -> list[tuple[int, tuple[int, str]]]:
            answers = []
            while not stop.is_set():
                size = next(sizes) % 30_000
                answers.append((size, self.ask("POST", body=b"x" * size)))
            return answers

        with ThreadPoolExecutor(8) as visitors:
            visits = [visitors.submit(visit, number) for number in range(8)]
            for number in range(16):
                before = len(proxies[number % 2].arrivals)
                proxies[number % 2].cut()
                wait_until(lambda proxy=proxies[number % 2], before=before: len(proxy.arrivals) > before, "a new link")  # type: ignore[misc]
            stop.set()
            answers = [answer for each in visits for answer in each.result(60)]
        self.assertEqual([answer[0] for _, answer in answers], [200] * len(answers))
        self.assertEqual([int(answer[1].split()[1]) for _, answer in answers], [size for size, _ in answers])
        self.assertEqual({answer[1].split()[0] for _, answer in answers}, {"one", "two"})

    def test_a_client_is_killed(self) -> None:
        """Visitors who come then do not notice; and it takes its share again when it is started anew."""
        first = self.client(self.one)
        self.client(self.two)
        self.assertEqual({self.ask()[1] for _ in range(6)}, {"one 0", "two 0"})
        first.send_signal(signal.SIGKILL)
        began = time.monotonic()
        self.assertEqual([self.ask("POST", body=b"x") for _ in range(30)], [(200, "two 1")] * 30)
        self.assertLess(time.monotonic() - began, 5.0)
        self.client(self.one)
        self.assertEqual({self.ask()[1] for _ in range(6)}, {"one 0", "two 0"})

    def test_a_client_is_stopped(self) -> None:
        """It finishes what it has, and gets nothing new."""
        first = self.client(self.one)
        self.client(self.two)
        with ThreadPoolExecutor(2) as visitors:
            slow = [visitors.submit(self.ask, "GET", "/slow") for _ in range(2)]
            for service in (self.one, self.two):
                self.assertTrue(service.asked.wait(10))
            first.send_signal(signal.SIGTERM)
            first.wait_for_line("stopping: streams=1")
            self.server.wait_for_line("client stops: ")
            self.assertEqual([self.ask() for _ in range(5)], [(200, "two 0")] * 5)
            self.one.go.set()
            self.two.go.set()
            self.assertEqual({each.result(20) for each in slow}, {(200, "one 0"), (200, "two 0")})
        first.wait_for_exit()

    def test_a_service_that_fails_its_check(self) -> None:
        self.one.ill = True
        self.client(self.one, "--health", "/health")
        self.client(self.two, "--health", "/health")
        self.server.wait_for_line("pool member out of service: ")
        self.assertEqual([self.ask() for _ in range(6)], [(200, "two 0")] * 6)

    def test_a_visitor_that_stays(self) -> None:
        for service in (self.one, self.two):
            self.client(service, "--sticky", "address")
        self.assertEqual(len({self.ask() for _ in range(8)}), 1)

    def test_a_service_that_is_not_there(self) -> None:
        """No visitor is told that one of the two refuses connections."""
        absent = Service("absent")
        absent.close()
        self.client(absent)
        self.client(self.two)
        self.assertEqual([self.ask("POST", body=b"xyz") for _ in range(12)], [(200, "two 3")] * 12)
