"""TCP connections to a service."""

from twisted.trial.unittest import SynchronousTestCase

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
