"""Visitors who come while the link of a tunnel's client is away: they wait, or are refused, as the tunnel says."""

from typing import Any

from sellia.protocol.messages import Goodbye, HttpRequest, OpenTunnel, ResponseHead, TunnelOptions
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.stream import Stream
from tests.relay.scripts import RecordingLeg
from tests.server.clients import Client, GatewayCase
from tests.server.support import UPGRADE, answers, get

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class AwayCase(GatewayCase):
    settings: dict[str, Any] = {"request_timeout": 20, "upgrade_timeout": 20}
    options = TunnelOptions()

    def setUp(self) -> None:
        super().setUp()
        self.client = self.server.client()
        self.asked: list[Stream] = []
        self.client.party.stream_opened = self._opened  # type: ignore[assignment]
        self.client.tell(OpenTunnel(1, "http", "demo", options=self.options))

    def _opened(self, stream: Stream, opening: HttpRequest, end: bool) -> Leg:
        self.asked.append(stream)
        return RecordingLeg()

    def answer(self) -> None:
        """The service answers what it was asked last."""
        self.asked[-1].send_head(ResponseHead(200, b"OK", [(b"Content-Length", b"2")], body=b"ok"), True)
        self.server.talk()

    def cut(self) -> Client:
        self.client.party.session.detach()
        self.client.wire.lose()
        return self.client


class WaitTests(AwayCase):
    def test_for_the_rest_of_the_window(self) -> None:
        """Much longer than a service may take, whose time begins when the link is there."""
        client = self.cut()
        self.server.wait(1)
        visitor, websocket = self.server.visit(), self.server.visit(UPGRADE)
        self.server.wait(117)
        self.assertEqual((visitor.take(), websocket.take(), self.asked), (b"", b"", []))
        client.connect()
        self.assertEqual(len(self.asked), 2)
        self.server.wait(19)
        self.assertEqual((visitor.take(), websocket.take()), (b"", b""))
        self.server.wait(2)
        self.assertEqual(answers(visitor.take()), [(504, "response-timeout")])
        self.assertEqual(answers(websocket.take()), [(504, "upgrade-timeout")])

    def test_answered_when_the_link_is_back(self) -> None:
        client = self.cut()
        self.server.wait(60)
        visitor = self.server.visit()
        self.server.wait(50)
        client.connect()
        self.answer()
        self.assertEqual(visitor.take(), OK)

    def test_until_the_window_is_over(self) -> None:
        """Then they are told at once, and so is who comes later."""
        self.cut()
        self.server.wait(90)
        visitor = self.server.visit()
        self.server.wait(29)
        self.assertEqual(visitor.take(), b"")
        self.server.wait(1)
        self.assertEqual(answers(visitor.take()), [(502, "session-expired")])
        self.assertEqual(answers(self.server.visit().take()), [(502, "session-expired")])
        self.server.wait(119)
        self.assertEqual(answers(self.server.visit().take()), [(502, "session-expired")])
        self.server.wait(1)
        self.assertEqual(answers(self.server.visit().take()), [(404, "no-such-tunnel")])

    def test_who_leaves_waits_no_longer(self) -> None:
        client = self.cut()
        self.server.visit().lose()
        client.connect()
        self.assertEqual(self.asked, [])

    def test_goodbye(self) -> None:
        self.client.say(Goodbye("client-gone", ""))
        self.assertEqual(answers(self.server.visit().take()), [(502, "client-gone")])
        other = self.server.client(host="198.51.100.2")
        self.assert_ready(other.open_tunnel("demo"), "demo")
        self.assertEqual(self.server.visit().take(), b"", "whoever has the name now is asked")


class BoundTests(AwayCase):
    settings: dict[str, Any] = {"away_requests": 5}

    def test_so_many_wait_and_no_more(self) -> None:
        """What was under way when the link was lost does not count, and who leaves makes room."""
        before = [self.server.visit() for _ in range(3)]
        client = self.cut()
        waiting = [self.server.visit() for _ in range(5)]
        refused = self.server.visit().take()
        self.assertEqual(answers(refused), [(503, "client-away")])
        self.assertIn(b"\r\nRetry-After: 5\r\n", refused)
        self.assertEqual(self.server.gateway.health()["limits"], {"away_requests": 1})
        waiting.pop().lose()
        waiting.append(self.server.visit())
        self.assertEqual(answers(self.server.visit().take()), [(503, "client-away")])
        client.connect()
        self.assertEqual(len(self.asked), 8)
        self.assertEqual([each.take() for each in (*before, *waiting)], [b""] * 8)
        self.assertEqual(self.server.visit().take(), b"", "the link is there again")


class ManyBytesTests(AwayCase):
    settings: dict[str, Any] = {"session_queue": 10_000}

    def test_so_many_bytes_wait_and_no_more(self) -> None:
        self.cut()
        field = b"X-Field: " + b"x" * 4000
        waiting = [self.server.visit(get(b"/", field)) for _ in range(3)]
        self.assertEqual(answers(self.server.visit().take()), [(503, "overloaded")])
        self.server.wait(1)
        told = [answers(each.take()) for each in waiting]
        self.assertIn([(503, "overloaded")], told)
        self.assertIn([], told)


class RefuseTests(AwayCase):
    options = TunnelOptions(while_away="refuse")

    def test_at_once(self) -> None:
        under_way = self.server.visit()
        client = self.cut()
        for request in (get(), UPGRADE):
            refused = self.server.visit(request).take()
            self.assertEqual(answers(refused), [(503, "client-away")])
            self.assertIn(b"\r\nRetry-After: 5\r\n", refused)
        self.assertEqual(under_way.take(), b"")
        client.connect()
        self.answer()
        self.assertEqual(under_way.take(), OK)
        visitor = self.server.visit()
        self.answer()
        self.assertEqual(visitor.take(), OK)


class UnknownWordTests(AwayCase):
    options = TunnelOptions(while_away="later")

    def test_as_if_nothing_had_been_said(self) -> None:
        self.cut()
        self.assertEqual(self.server.visit().take(), b"")
