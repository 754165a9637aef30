"""A server that stops: who is still served, who is told what, and when it has ended."""

from typing import Any

from twisted.internet.defer import Deferred

from sellia.server.base_domain.api import Api
from sellia.server.base_domain.base_domain import BaseDomain
from sellia.server.base_domain.offer import Offer
from sellia.server.base_domain.pages import base_site
from sellia.server.drain import FAREWELL, PACE, Drain
from sellia.server.ingress.ingress import Ingress
from sellia.server.listeners.factory import VisitorFactory
from tests.relay.scripts import OK
from tests.server.gateways import Client, GatewayCase, Server
from tests.server.support import GET, SWITCHING, UPGRADE, LateTransport, Visitor, answers, get
from tests.transports.support import close, frame, frames, head

DRAINING = close(1012, "server-draining: The tunnel server is shutting down and takes nothing new.")
RESTARTING = close(1012, "server-restarting")


class WholeServer(Server):
    """A gateway and an ingress, with one client that has the tunnel ``demo``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        site = base_site(self.settings, self.gateway.health, lambda: 80, Api(self.gateway), Offer(self.clock))
        rooms = BaseDomain(self.gateway, self.registry, site, self.clock.seconds)
        self.ingress = Ingress(self.settings, self.registry, rooms, self.clock)
        self.factory = VisitorFactory(self.ingress)
        self.demo: Client = self.client().connect().open()

    def visitor(self, *pieces: bytes) -> Visitor:
        stage: Any = self
        visitor = Visitor(stage, LateTransport())
        visitor.send(*pieces)
        return visitor

    def websocket(self) -> Visitor:
        """A visitor whose WebSocket is open."""
        visitor = self.visitor(UPGRADE)
        self.newest.send_head(SWITCHING)
        self.talk()
        visitor.read()
        return visitor

    @property
    def newest(self) -> Any:
        """The stream that was opened last, as the client has it."""
        return self.demo.party.streams[max(self.demo.party.streams)]

    def talk(self) -> None:
        super().talk()
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)
            super().talk()


class DrainCase(GatewayCase):
    settings: dict[str, Any] = {"drain_timeout": 30}
    server: WholeServer

    def setUp(self) -> None:
        self.server = WholeServer(**self.settings)
        self.gateway = self.server.gateway
        self.drain = Drain(self.gateway, self.server.ingress, self.server.settings.drain_timeout)

    def finish_up(self) -> "Deferred[bool]":
        finished = self.drain.finish_up()
        self.server.talk()
        return finished

    def closes(self, visitor: Visitor) -> list[Any]:
        """The frames that a visitor got, all of which should be close frames."""
        return frames(visitor.read())[0]


class ExchangeTests(DrainCase):
    def test_idle(self) -> None:
        """Nothing is open, so there is nothing to wait for."""
        self.server.visitor()
        self.assertTrue(self.successResultOf(self.finish_up()))
        self.assertEqual(self.server.demo.warnings, [("server-draining", 30.0)])

    def test_new_visitors_are_told_to_come_back(self) -> None:
        self.server.visitor(GET)
        finished = self.finish_up()
        for request in (GET, UPGRADE, get(host=b"localhost"), get(host=b"nobody.localhost")):
            visitor = self.server.visitor(request)
            data = visitor.read()
            self.assertEqual(answers(data), [(503, "server-draining")])
            self.assertIn(b"\r\nRetry-After: ", data)
            self.assertIn(b"\r\nConnection: close\r\n", data)
            self.assertIn(visitor.end, ("closed", "half"))
        self.assertNoResult(finished)

    def test_pages_for_whoever_watches(self) -> None:
        self.assertEqual(answers(self.server.visitor(get(b"/ready", host=b"localhost")).read()), [(200, None)])
        self.server.visitor(GET)
        self.finish_up()
        health = self.server.visitor(get(b"/health?x", host=b"localhost")).read()
        self.assertEqual(answers(health), [(200, None)])
        self.assertIn(b'"status": "draining"', health)
        ready = self.server.visitor(get(b"/ready", host=b"localhost")).read()
        self.assertEqual(answers(ready), [(503, None)])
        self.assertIn(b"\r\nRetry-After: ", ready)

    def test_exchanges_finish(self) -> None:
        visitor = self.server.visitor(GET)
        finished = self.finish_up()
        self.server.wait(10)
        self.server.newest.send_head(OK)
        self.server.newest.send_data(b"hello")
        self.server.talk()
        self.assertNoResult(finished)
        self.server.newest.end()
        self.server.wait(0.2, 0.05)
        self.assertTrue(self.successResultOf(finished))
        data = visitor.read()
        self.assertIn(b"\r\nConnection: close\r\n", data)
        self.assertTrue(data.endswith(b"5\r\nhello\r\n0\r\n\r\n"), data)
        self.assertEqual(visitor.end, "closed")

    def test_a_lost_link_may_come_back_for_them(self) -> None:
        visitor = self.server.visitor(GET)
        finished = self.finish_up()
        self.server.cut(self.server.demo)
        self.server.wait(5)
        self.server.demo.connect()
        self.server.newest.send_head(OK, end=True)
        self.server.wait(0.2, 0.05)
        self.assertTrue(self.successResultOf(finished))
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 200 "))

    def test_those_that_do_not_finish(self) -> None:
        """Who got nothing is told; who got a part sees that there is no more of it."""
        waits, gets = self.server.visitor(GET), self.server.visitor(GET)
        self.server.newest.send_head(OK)
        self.server.newest.send_data(b"hello")
        finished = self.finish_up()
        self.server.wait(30.1)
        self.assertFalse(self.successResultOf(finished))
        parted = self.drain.part()
        self.server.talk()
        self.assertEqual(answers(waits.read()), [(503, "server-restarting")])
        self.assertFalse(gets.read().endswith(b"0\r\n\r\n"))
        self.assertEqual(gets.end, "closed")
        gets.leave()
        waits.leave()
        self.server.wait(0.2, 0.05)
        self.assertTrue(self.successResultOf(parted))


class WebSocketTests(DrainCase):
    def test_closed_with_1012(self) -> None:
        """Both the visitor and the service are told; the drain is over when they have answered."""
        visitor = self.server.websocket()
        service = self.server.newest
        leg = self.server.demo.party.legs[service.id]
        finished = self.finish_up()
        self.assertEqual(self.closes(visitor), [DRAINING])
        self.assertEqual(leg.events[-2:], [("frame", *DRAINING), ("end", [])])
        self.assertNoResult(finished)
        visitor.send(frame(*DRAINING))
        self.assertEqual(visitor.end, "closed")
        visitor.leave()
        service.end()
        self.server.wait(0.2, 0.05)
        self.assertTrue(self.successResultOf(finished))

    def test_spread_over_the_time(self) -> None:
        """Whoever was on many WebSockets does not come back in a herd."""
        visitors = [self.server.websocket() for _ in range(300)]
        self.finish_up()
        closed = []
        for _ in range(24):
            closed.append(sum(bool(each.transport.value()) for each in visitors))
            self.server.wait(1.0, 0.25)
        self.assertEqual(closed, sorted(closed))
        self.assertLessEqual(closed[0], 2)
        self.assertLess(abs(closed[12] - 150), 5, closed)
        self.server.wait(1)
        self.assertEqual(sum(bool(each.transport.value()) for each in visitors), 300)
        for each in visitors:
            each.leave()

    def test_a_few_are_closed_soon(self) -> None:
        visitors = [self.server.websocket() for _ in range(5)]
        self.finish_up()
        self.server.wait(5 / PACE, 0.05)
        self.assertEqual([self.closes(each) for each in visitors], [[DRAINING]] * 5)

    def test_not_inside_of_a_frame(self) -> None:
        visitor = self.server.websocket()
        visitor.send(head(0x82, 100_000, True) + bytes(60_000))
        self.finish_up()
        self.server.wait(1)
        self.assertEqual(self.closes(visitor), [])
        visitor.send(bytes(40_000))
        self.server.wait(1)
        self.assertEqual(self.closes(visitor), [DRAINING])

    def test_handshakes_that_were_under_way(self) -> None:
        visitor = self.server.visitor(UPGRADE)
        finished = self.finish_up()
        self.server.newest.send_head(SWITCHING)
        self.server.wait(0.5, 0.05)
        switched, _, rest = visitor.read().partition(b"\r\n\r\n")
        self.assertTrue(switched.startswith(b"HTTP/1.1 101 "))
        self.assertEqual(frames(rest)[0], [DRAINING])
        self.assertNoResult(finished)

    def test_those_that_could_not_be_closed(self) -> None:
        """A service that has not agreed, or a visitor that does not answer, is not waited for without end."""
        visitor = self.server.websocket()
        visitor.send(head(0x82, 100_000, True) + bytes(60_000))
        finished = self.finish_up()
        self.server.wait(30.1)
        self.assertFalse(self.successResultOf(finished))
        parted = self.drain.part()
        self.server.talk()
        self.assertEqual(self.closes(visitor), [RESTARTING])
        self.assertNoResult(parted)
        self.server.wait(FAREWELL)
        self.assertFalse(self.successResultOf(parted))


class PartingTests(DrainCase):
    def test_clients_are_told_goodbye(self) -> None:
        parted = self.drain.part()
        self.server.talk()
        self.server.wait(0.2, 0.05)
        self.assertEqual(self.server.demo.goodbyes, ["server-restarting"])
        self.assertTrue(self.successResultOf(parted))
        self.assertEqual(self.gateway.sessions, {})

    def test_a_client_that_does_not_hear_it(self) -> None:
        self.server.demo.wire.dead = True
        parted = self.drain.part()
        self.server.wait(FAREWELL - 0.1)
        self.assertNoResult(parted)
        self.server.wait(0.2)
        self.assertFalse(self.successResultOf(parted))

    def test_log(self) -> None:
        lines = self.logged()
        self.server.visitor(GET)
        self.finish_up()
        self.server.wait(31)
        self.assertEqual(
            [line for line in lines if line.startswith("drain")],
            [
                "draining: streams=1 websockets=0 within=30s",
                "drained in part: streams=1 websockets=0 are cut off after 30s",
            ],
        )
