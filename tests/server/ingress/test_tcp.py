"""Visitors of a port: who is let in, what passes, how it ends, and what a crowd may take."""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from sellia.problems import OVERLOADED, SERVICE_REFUSED
from sellia.protocol.messages import TcpConnection, TunnelKind, TunnelOptions
from sellia.relay.access import AccessList
from sellia.relay.registry import Tunnel
from sellia.server.ingress.tcp import TcpIngress, shortest
from tests.observers import RecordingObserver
from tests.server.support import VISITOR, LateTransport, PublicSide, ServerCase, Service

LABEL = "tcp:20017"


class TcpVisitor:
    """One connection to the port, as who made it sees it."""

    def __init__(self, stage: PublicSide, factory: Any, host: str) -> None:
        self.stage = stage
        self.transport = LateTransport(host)
        self.transport.hostAddr = IPv4Address("TCP", "198.51.100.1", 20017)
        self.lost = False
        self.connection: Any = factory.buildProtocol(self.transport.getPeer())
        self.transport.protocol = self.connection  # type: ignore[attr-defined]
        self.connection.makeConnection(self.transport)
        stage.talk()

    @property
    def protocol(self) -> Any:
        """What the transport speaks to now."""
        return self.transport.protocol  # type: ignore[attr-defined]

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)
        self.stage.talk()

    def read(self) -> bytes:
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def finish(self) -> None:
        """Send FIN."""
        self.protocol.readConnectionLost()
        self.stage.talk()

    def lose(self, error: Exception | None = None) -> None:
        """The connection is gone."""
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(error or ConnectionDone()))
            self.stage.talk()

    @property
    def end(self) -> str:
        transport = self.transport
        if transport.aborted:
            return "reset"
        return "closed" if transport.disconnecting else "half" if transport.half_closed else "open"


class TcpCase(ServerCase):
    options = TunnelOptions()
    access: AccessList | None = None

    def setUp(self) -> None:
        super().setUp()
        stage = self.stage
        self.ports = TcpIngress(stage.ingress)
        self.factory = self.ports.factory(LABEL)
        stage.tunnels.by_name[LABEL] = Tunnel(
            LABEL, stage.upstream, 1, "owner", options=self.options, kind=TunnelKind.TCP, access=self.access
        )
        self.guests: list[TcpVisitor] = []

    def tearDown(self) -> None:
        for guest in self.guests:
            guest.lose(ConnectionLost())
        self.assertEqual(self.ports.count, 0)
        super().tearDown()

    def connect(self, host: str = VISITOR) -> TcpVisitor:
        guest = TcpVisitor(self.stage, self.factory, host)
        self.guests.append(guest)
        return guest

    def enter(self, host: str = VISITOR) -> tuple[TcpVisitor, Service]:
        """Connect, and be let in."""
        before = len(self.stage.asked)
        guest = self.connect(host)
        [service] = self.stage.asked[before:]
        return guest, service

    def notices(self) -> list[str]:
        return [each.word for each in self.stage.pair.client.messages if hasattr(each, "suppressed")]


class PassingTests(TcpCase):
    def test_the_opening(self) -> None:
        _, service = self.enter()
        self.assertEqual(service.opening, TcpConnection(1, VISITOR, 50000, "198.51.100.1", 20017))

    def test_bytes_both_ways(self) -> None:
        guest, service = self.enter()
        guest.send(b"ping")
        self.assertEqual(service.data, b"ping")
        service.say(b"pong")
        self.assertEqual(guest.read(), b"pong")

    def test_both_end(self) -> None:
        guest, service = self.enter()
        guest.finish()
        self.assertEqual((service.ended, guest.end), (True, "open"))
        service.say(b"last", end=True)
        self.assertEqual((guest.read(), guest.end), (b"last", "closed"))
        guest.lose()

    def test_the_service_ends_first(self) -> None:
        guest, service = self.enter()
        service.say(b"bye", end=True)
        self.assertEqual((guest.read(), guest.end), (b"bye", "half"))
        guest.send(b"more")
        self.assertEqual(service.data, b"more")
        guest.finish()
        self.assertEqual((service.ended, guest.end), (True, "closed"))
        guest.lose()

    def test_the_visitor_resets(self) -> None:
        guest, service = self.enter()
        guest.lose(ConnectionLost())
        self.assertEqual(service.events[-1][:2], ("reset", "visitor-gone"))

    def test_the_visitor_resets_after_its_end(self) -> None:
        guest, service = self.enter()
        guest.finish()
        guest.lose(ConnectionLost())
        self.assertEqual(service.events[-1][:2], ("reset", "visitor-gone"))

    def test_the_service_resets(self) -> None:
        guest, service = self.enter()
        service.say(b"before")
        service.fail(SERVICE_REFUSED.code)
        self.assertEqual((guest.read(), guest.end), (b"before", "reset"))

    def test_pace(self) -> None:
        guest, service = self.enter()
        self.stage.pair.server.can_send(False)
        guest.send(b"x" * 65536)
        guest.send(b"x" * 65536)
        self.assertEqual(guest.transport.producerState, "paused")
        self.stage.pair.server.can_send(True)
        self.stage.talk()
        self.assertEqual(guest.transport.producerState, "producing")

    def test_observed(self) -> None:
        observer = RecordingObserver()
        self.stage.ingress.observe = lambda tunnel: observer
        guest, service = self.enter()
        guest.send(b"in")
        service.say(b"out", end=True)
        guest.finish()
        guest.lose()
        self.assertEqual([event[0] for event in observer.events], ["request", "body", "body", "ended"])
        self.assertEqual(observer.events[-1][2:], ("service", None, ""))

    def test_log(self) -> None:
        lines = self.logged()
        guest, service = self.enter()
        guest.send(b"in")
        service.say(b"out")
        guest.lose(ConnectionLost())
        [line] = [line for line in lines if "connection closed" in line]
        self.assertRegex(
            line, r"tunnel=tcp:20017 visitor=203.0.113.7 by=visitor word=visitor-gone bytes_in=2 bytes_out=3 seconds"
        )


class RefusalTests(TcpCase):
    def assert_refused(self, word: str, guest: TcpVisitor) -> None:
        self.assertEqual((guest.end, self.notices()[-1:]), ("reset", [word]))

    def test_no_tunnel(self) -> None:
        del self.stage.tunnels.by_name[LABEL]
        self.assertEqual(self.connect().end, "reset")

    def test_the_server_drains(self) -> None:
        self.stage.rooms.refusal = OVERLOADED
        self.assert_refused("overloaded", self.connect())

    def test_session_full(self) -> None:
        self.stage.pair.server.session.max_streams = 1
        self.enter()
        self.assert_refused("overloaded", self.connect())
        self.assert_counted(session_streams=1)


class AccessTests(TcpCase):
    access = AccessList(["203.0.113.0/24"], ["203.0.113.66"])

    def test_lists(self) -> None:
        """Before a byte reaches the client."""
        self.enter("203.0.113.7")
        self.enter("::ffff:203.0.113.8")
        for host in ("203.0.113.66", "198.51.100.7", "2001:db8::1", "::ffff:203.0.113.66"):
            self.assertEqual(self.connect(host).end, "reset", host)
        self.assertEqual(len(self.stage.asked), 2)
        self.assertEqual(self.notices(), ["forbidden"] * 4)


class RateTests(TcpCase):
    settings = {"request_burst": 3, "request_rate": 1.0}

    def test_port_scan(self) -> None:
        """Who connects over and over reaches the service so often and no more."""
        for _ in range(20):
            self.connect().lose()
        self.assertEqual(len(self.stage.asked), 3)
        self.assert_counted(request_rate=17)
        self.stage.wait(2)
        self.enter()


class CrowdTests(TcpCase):
    settings = {"tcp_connections": 3, "connections": 100, "connections_per_address": 100}

    def test_the_silent_give_way(self) -> None:
        """One on which something has passed stays; of the others the longest silent goes."""
        talker, _ = self.enter()
        talker.send(b"x")
        first, second = self.connect(), self.connect()
        self.stage.wait(1)
        third, _ = self.enter()
        self.assertEqual([each.end for each in (talker, first, second, third)], ["open", "reset", "open", "open"])

    def test_nobody_is_silent(self) -> None:
        for _ in range(3):
            guest, service = self.enter()
            service.say(b"220 ready\r\n")
        self.stage.wait(1)
        self.assertEqual(self.connect().end, "reset")
        self.assert_counted(tcp_connections=1)

    def test_an_attacker(self) -> None:
        """Thousands of connections that say nothing leave the talkers alone, and the newest are there."""
        talker, service = self.enter()
        talker.send(b"x")
        self.stage.wait(1)
        for _ in range(1000):
            self.connect()
        self.assertEqual(self.ports.count, 3)
        service.say(b"still here")
        self.assertEqual(talker.read(), b"still here")


class PlaceTests(TcpCase):
    settings = {"connections": 2, "connections_per_address": 2}

    def test_places_of_all(self) -> None:
        """A request needs the place of a silent connection."""
        guest, _ = self.enter("198.51.100.1")
        self.enter("198.51.100.2")
        visitor, service = self.stage.ask()
        self.assertEqual(guest.end, "reset")
        service.answer(b"ok")
        visitor.leave()

    def test_one_address(self) -> None:
        self.enter()[0].send(b"x")
        self.enter()[0].send(b"x")
        self.stage.wait(1)
        self.assertEqual(self.connect().end, "reset")
        self.assertEqual(sum(self.stage.ingress.guard.refusals.as_dict().values()), 1)


class IdleTests(TcpCase):
    settings = {"tcp_idle": 30.0}
    options = TunnelOptions(idle_timeout=10.0)

    def test_the_shorter_one(self) -> None:
        guest, service = self.enter()
        self.stage.wait(8)
        service.say(b"x")
        self.stage.wait(9)
        self.assertEqual(guest.end, "open")
        self.stage.wait(3)
        self.assertEqual((guest.end, service.events[-1][1]), ("reset", "idle-too-long"))

    def test_not_while_the_link_is_away(self) -> None:
        guest, _ = self.enter()
        self.stage.pair.cut()
        self.stage.wait(60)
        self.assertEqual(guest.end, "open")

    def test_shortest(self) -> None:
        self.assertEqual([shortest(0.0, 0.0), shortest(0.0, 5.0), shortest(7.0, 5.0)], [0.0, 5.0, 5.0])


class NeverIdleTests(TcpCase):
    def test_for_ever(self) -> None:
        guest, _ = self.enter()
        self.stage.wait(1000)
        self.assertEqual(guest.end, "open")
