"""The bounds of a request on a channel of twisted.web, and what becomes of it in the end."""

from __future__ import annotations

import socket
import threading

from tests.e2e.recorder import ServiceLeg, no_answer_yet
from tests.e2e.site_case import DEADLINE, HOST, WebStageCase

#: More than the windows and sockets on the way hold.
BIG = 24 << 20


class PipelineTests(WebStageCase):
    """Requests that come before the responses to others are taken."""

    async def test_the_next_waits_until_the_last_is_taken(self) -> None:
        """A visitor who only asks and never reads has a bound; one who reads in the end gets everything, in order."""
        connection = await self.thread(self.connect)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        count = 40
        body = bytes(200_000)
        for number in range(count):
            head = f"HTTP/1.1 200 OK\r\nX-Number: {number}\r\nContent-Length: {len(body)}\r\n\r\n"
            self.recorder.on(f"/{number}", head.encode() + body)
        asked = [f"GET /{number} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() for number in range(count)]
        await self.thread(connection.sendall, b"".join(asked))
        self.assertLess(await self.until_stalled(lambda: self._seen(count)), count)

        def read() -> bytes:
            received = bytearray()
            while received.count(b"X-Number") < count or not received.endswith(body):
                data = connection.recv(1 << 20)
                if not data:
                    raise AssertionError("the connection ended too soon")
                received += data
            return bytes(received)

        received = await self.thread(read)
        order = [int(part.split(b"\r\n")[0]) for part in received.split(b"X-Number: ")[1:]]
        self.assertEqual(order, list(range(count)))
        connection.close()

    def _seen(self, count: int) -> int:
        return sum(len(self.recorder.exchanges(f"/{number}")) for number in range(count))

    async def test_visitor_leaves_while_one_waits(self) -> None:
        """Nothing is asked for a visitor who has gone."""
        self.recorder.on("/first", no_answer_yet)
        connection = await self.thread(self.connect)
        requests = "".join(f"GET /{name} HTTP/1.1\r\nHost: {HOST}\r\n\r\n" for name in ("first", "second"))
        await self.thread(connection.sendall, requests.encode())
        exchange = await self.thread(self.recorder.wait_for, "/first")
        connection.close()
        self.assertTrue(await self.thread(exchange.wait_until_left))
        exchange.released.set()
        self.assertEqual(self.recorder.exchanges("/second"), [])


class EarlyEndTests(WebStageCase):
    """A response that is complete, or broken, before the request is."""

    async def test_answer_before_the_body_is_read(self) -> None:
        """The visitor gets it whole, and the connection goes on."""
        done = threading.Event()

        def early(exchange: ServiceLeg) -> None:
            exchange.send(b"HTTP/1.1 413 No\r\nContent-Length: 3\r\n\r\nno\n")
            done.wait(DEADLINE)

        self.recorder.on("/early", early)

        def visit() -> list[tuple[int, bytes]]:
            import http.client

            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
            answers = []
            for method, target, body in (("POST", "/early", bytes(BIG)), ("GET", "/next", None)):
                connection.request(method, target, body, {"Host": HOST})
                response = connection.getresponse()
                answers.append((response.status, response.read()))
            connection.close()
            return answers

        self.assertEqual(await self.thread(visit), [(413, b"no\n"), (200, b"ok\n")])
        done.set()

    async def test_longer_and_shorter_than_announced(self) -> None:
        """A service that cannot count does not make the visitor's next response begin in the wrong place."""
        self.recorder.on("/short", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")

        def ask() -> bytes:
            received = b""
            with self.connect() as connection:
                connection.sendall(f"GET /short HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                exchange = self.recorder.wait_for("/short")
                exchange.cut()
                while data := connection.recv(65536):
                    received += data
            return received

        received = await self.thread(ask)
        self.assertTrue(received.endswith(b"\r\n\r\nabc"), received)


class StopTests(WebStageCase):
    """A client that stops cuts what it still carries after a while."""

    client_settings = {"drain_timeout": 0.5}

    async def test_service_dies_while_the_visitor_does_not_read(self) -> None:
        """The connection is cut after a while, whether or not the visitor takes what was written."""

        def die(exchange: ServiceLeg) -> None:
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
            try:
                exchange.send(bytes(BIG // 2))
            finally:
                exchange.cut()

        self.recorder.on("/die", die)
        connection = await self.thread(self.connect)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        await self.thread(connection.sendall, f"GET /die HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        await self.until(lambda: self.server.ingress.connections, "the request")
        await self.client.stopService()
        await self.until(lambda: not self.server.ingress.connections, "the connection to be cut")
        connection.close()
