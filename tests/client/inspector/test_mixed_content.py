"""Cautions about mixed content: told once for each tunnel that is public over https, by a client with an inspector."""

from typing import Any

from sellia.client.events import Problem
from sellia.protocol.messages import HttpRequest
from sellia.transports.reactor.causes import book_of
from tests.client.inspector.client_case import HOST, ClientCase

PAGE = b"<script>new WebSocket('ws://web.localhost/socket')</script>"


def answer(body: bytes = PAGE, kind: bytes = b"text/html") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


class CautionTests(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[Any] = []
        self.patch(self.client.session, "_listener", self.events.append)
        tunnel = self.client.session.tunnels.find("web")
        assert tunnel is not None
        self.tunnel = tunnel
        tunnel.url = "https://web.localhost"

    def visit(self, answer: bytes, target: bytes = b"/?token=s3cret") -> Any:
        return self.visited(HttpRequest(1, b"GET", target, [HOST]), answer)

    @property
    def cautions(self) -> list[Problem]:
        return [event for event in self.events if isinstance(event, Problem)]

    def test_once_for_each_tunnel(self) -> None:
        exchange = self.visit(answer())
        (caution,) = self.cautions
        self.assertTrue(caution.caution)
        self.assertEqual(caution.tunnel, "web")
        self.assertIn("ws://web.localhost", caution.message)
        self.assertNotIn("s3cret", caution.message)
        cause = caution.cause
        assert cause is not None
        self.assertEqual((cause.who, cause.what), ("service", "mixed-content"))
        self.assertIn("wss:", cause.remedy)
        self.assertEqual(dict(cause.evidence), {"address": "ws://web.localhost"})
        self.assertIs(exchange.cause, cause)
        self.assertIs(book_of(self.reactor).find(cause.id), cause)
        session = self.client.session.session
        assert session is not None
        self.assertTrue(cause.id.startswith(session.name + "-"), cause.id)
        self.assertEqual(bytes(exchange.response_body.data), PAGE)
        self.assertIsNone(self.visit(answer()).cause)
        self.assertEqual(len(self.cautions), 1)

    def test_not_over_http(self) -> None:
        self.tunnel.url = "http://web.localhost"
        self.assertIsNone(self.visit(answer()).cause)
        self.assertEqual(self.cautions, [])

    def test_nothing_is_wrong(self) -> None:
        self.assertIsNone(self.visit(answer(b"<script>new WebSocket('wss://web.localhost/socket')</script>")).cause)
        self.assertIsNone(self.visit(answer(kind=b"text/plain")).cause)
        self.assertEqual(self.cautions, [])

    def test_a_further_name(self) -> None:
        self.tunnel.more = ("https://shop.example",)
        self.visit(answer(b"new WebSocket('ws://shop.example/')", b"text/javascript"))
        self.assertIn("ws://shop.example", self.cautions[0].message)
