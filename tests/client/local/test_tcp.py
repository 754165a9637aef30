"""TCP connections to a service."""

from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import ConnectionClosed, ConnectionOpened
from sellia.problems import VISITOR_GONE
from sellia.protocol.messages import TcpConnection
from tests.client.stage import Service, Stage, Visitor

TCP = TcpConnection(1, "203.0.113.7")


class TcpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage()

    def connect(self) -> tuple[Visitor, Service]:
        visitor = self.stage.ask(TCP, end=False)
        return visitor, self.stage.accept()

    def test_bytes_both_ways(self) -> None:
        visitor, service = self.connect()
        visitor.stream.send_data(b"ping")
        self.stage.talk()
        self.assertEqual(service.read(), b"ping")
        service.say(b"pong")
        self.stage.talk()
        self.assertEqual(visitor.data, b"pong")

    def test_what_comes_before_the_service_is_reached_waits(self) -> None:
        visitor = self.stage.ask(TCP, end=False)
        visitor.stream.send_data(b"early")
        self.stage.talk()
        self.assertGreater(self.stage.pair.client.session.table.held, 0)
        self.assertEqual(self.stage.accept().read(), b"early")
        self.assertEqual(self.stage.pair.client.session.table.held, 0)

    def test_a_service_that_is_there_before_the_leg(self) -> None:
        """As on loopback, where a dial has its answer before the session knows the leg."""
        self.stage.service.dial = self.dial_at_once  # type: ignore[method-assign]
        visitor = self.stage.ask(TCP, end=False)
        for _ in range(2):
            visitor.stream.send_data(b"ping")
            self.stage.talk()
        self.assertEqual(self.service.read(), b"pingping")
        self.service.say(b"pong")
        visitor.stream.end()
        self.stage.talk()
        self.service.close()
        self.stage.talk()
        self.assertEqual((visitor.data, visitor.ended), (b"pong", True))
        self.stage.check()

    def dial_at_once(self, make: Any) -> Any:
        factory = Factory.forProtocol(make)
        self.service = Service(factory)
        return succeed(self.service.protocol)

    def test_who_the_visitor_is(self) -> None:
        """By the PROXY protocol, in front of everything."""
        opening = TcpConnection(1, "203.0.113.7", 50000, "198.51.100.1", 20017)
        for version, header in (
            (1, b"PROXY TCP4 203.0.113.7 198.51.100.1 50000 20017\r\n"),
            (2, bytes.fromhex("0d0a0d0a000d0a515549540a2111000ccb007107c6336401c3504e31")),
        ):
            self.stage.service.proxy_protocol = version
            visitor = self.stage.ask(opening, end=False)
            visitor.stream.send_data(b"early")
            self.stage.talk()
            self.assertEqual(self.stage.accept().read(), header + b"early")

    def test_events(self) -> None:
        visitor, service = self.connect()
        visitor.stream.send_data(b"ping")
        self.stage.talk()
        service.say(b"pong!")
        visitor.stream.end()
        self.stage.talk()
        service.close()
        self.stage.talk()
        number = visitor.stream.id
        self.assertEqual(
            self.stage.events,
            [
                ConnectionOpened(number, "203.0.113.7", "-"),
                ConnectionClosed(number, "203.0.113.7", "visitor", None, "", 4, 5, 0.0, "-"),
            ],
        )

    def test_visitor_ends_then_service(self) -> None:
        visitor, service = self.connect()
        visitor.stream.end()
        self.stage.talk()
        self.assertTrue(service.transport.disconnecting)
        service.close()
        self.stage.talk()
        self.assertTrue(visitor.ended)
        self.stage.check()

    def test_visitor_ends_before_the_service_is_reached(self) -> None:
        visitor = self.stage.ask(TCP, end=False)
        visitor.stream.send_data(b"all", end=True)
        self.stage.talk()
        service = self.stage.accept()
        self.assertEqual(service.read(), b"all")
        self.assertTrue(service.transport.disconnecting)

    def test_service_ends_then_visitor(self) -> None:
        """A half-close: the other direction goes on."""
        visitor, service = self.connect()
        service.say(b"last")
        service.protocol.readConnectionLost()
        self.stage.talk()
        self.assertEqual((visitor.data, visitor.ended), (b"last", True))
        visitor.stream.send_data(b"more")
        self.stage.talk()
        self.assertEqual(service.read(), b"more")
        visitor.stream.end()
        self.stage.talk()
        self.assertTrue(service.transport.disconnecting)
        service.close()
        self.stage.talk()
        self.stage.check()

    def test_service_drops(self) -> None:
        visitor, service = self.connect()
        service.reset()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")
        self.stage.check()

    def test_visitor_drops(self) -> None:
        visitor, service = self.connect()
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()
        self.assertTrue(service.transport.aborted)
        service.reset()
        self.stage.check()

    def test_visitor_drops_before_the_service_is_reached(self) -> None:
        visitor = self.stage.ask(TCP, end=False)
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()
        self.stage.check()

    def test_not_reached(self) -> None:
        visitor = self.stage.ask(TCP, end=False)
        self.stage.refuse()
        self.assertEqual(visitor.reset, "service-refused")
        self.stage.check()

    def test_pace(self) -> None:
        visitor, service = self.connect()
        service.transport.full()
        for _ in range(40):
            visitor.stream.send_data(b"x" * 60000)
        self.stage.talk()
        self.assertTrue(visitor.paused)
        service.transport.drained()
        self.stage.talk()
        self.assertFalse(visitor.paused)
        self.stage.pair.client.can_send(False)
        service.say(b"x" * 65536, b"x" * 65536)
        self.assertEqual(service.transport.producerState, "paused")
        self.stage.pair.client.can_send(True)
        self.stage.talk()
        self.assertEqual(service.transport.producerState, "producing")
