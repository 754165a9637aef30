"""Datagrams of visitors: who is let in, how much goes back, and what a crowd of made-up addresses may take."""

from typing import Any

from twisted.internet.address import IPv4Address

from sellia.protocol.messages import TunnelKind, TunnelOptions, UdpFlow
from sellia.relay.access import AccessList
from sellia.relay.registry import Tunnel
from sellia.server.ingress.udp import UdpIngress
from tests.server.support import VISITOR, ServerCase, Service

LABEL = "udp:20017"
HOME = VISITOR, 50000


class Socket:
    """The port's socket: what was sent to whom."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.full = False

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        if self.full:
            raise BlockingIOError
        self.sent.append((data, address))

    def getHost(self) -> IPv4Address:
        return IPv4Address("UDP", "198.51.100.1", 20017)


class UdpCase(ServerCase):
    options = TunnelOptions()
    access: AccessList | None = None

    def setUp(self) -> None:
        super().setUp()
        self.flows = UdpIngress(self.stage.ingress)
        self.socket = Socket()
        self.port: Any = self.flows.port(LABEL)
        self.port.transport = self.socket
        self.stage.tunnels.by_name[LABEL] = Tunnel(
            LABEL, self.stage.upstream, 1, "owner", options=self.options, kind=TunnelKind.UDP, access=self.access
        )

    def tearDown(self) -> None:
        for connection in list(self.stage.ingress.connections):
            connection.drop()
        self.assertEqual((self.flows.count, self.port._visitors), (0, {}))
        super().tearDown()

    def send(self, data: bytes, address: tuple[str, int] = HOME) -> None:
        self.port.datagramReceived(data, address)
        self.stage.talk()

    def enter(self, data: bytes = b"hello", address: tuple[str, int] = HOME) -> Service:
        before = len(self.stage.asked)
        self.send(data, address)
        [service] = self.stage.asked[before:]
        return service

    def answer(self, service: Service, *datagrams: bytes) -> None:
        for each in datagrams:
            service.stream.send_frame(0, each)
        self.stage.talk()

    def sent(self) -> list[bytes]:
        sent, self.socket.sent = self.socket.sent, []
        return [data for data, _ in sent]


class PassingTests(UdpCase):
    def test_there_and_back(self) -> None:
        service = self.enter()
        self.assertEqual(service.opening, UdpFlow(1, VISITOR, 50000, "198.51.100.1", 20017))
        self.answer(service, b"yes")
        self.assertEqual(self.socket.sent, [(b"yes", HOME)])
        self.send(b"more")
        self.assertEqual([payload for _, payload in service.frames], [b"hello", b"more"])

    def test_each_address_has_its_own(self) -> None:
        first, second = self.enter(), self.enter(address=(VISITOR, 50001))
        self.answer(second, b"two")
        self.answer(first, b"one")
        self.assertEqual(self.socket.sent, [(b"two", (VISITOR, 50001)), (b"one", HOME)])

    def test_idle(self) -> None:
        service = self.enter()
        self.stage.wait(58)
        self.answer(service, b"x")
        self.stage.wait(59)
        self.assertEqual(self.flows.count, 1)
        self.stage.wait(3)
        self.assertEqual((self.flows.count, service.events[-1][1]), (0, "idle-too-long"))
        self.enter(b"again")

    def test_the_service_is_not_there(self) -> None:
        self.enter().fail("service-refused")
        self.assertEqual((self.flows.count, self.sent()), (0, []))
        self.enter(b"again")

    def test_a_socket_that_is_full(self) -> None:
        service = self.enter()
        self.socket.full = True
        self.answer(service, b"yes")
        self.assertEqual((self.sent(), self.flows.dropped), ([], 1))


class DrainTests(UdpCase):
    def test_flows_are_not_waited_for(self) -> None:
        service = self.enter()
        self.stage.ingress.drain()
        self.stage.talk()
        self.assertEqual((self.flows.count, service.events[-1][1]), (0, "server-draining"))


class AmplificationTests(UdpCase):
    def test_three_times(self) -> None:
        """At most, for as long as the visitor may not be there at all."""
        service = self.enter(b"x" * 100)
        self.answer(service, b"y" * 200, b"y" * 200, b"y" * 101, b"y" * 100, b"y")
        self.assertEqual(sum(map(len, self.sent())), 300)

    def test_once_it_has_shown_that_it_hears(self) -> None:
        service = self.enter(b"x" * 10)
        self.answer(service, b"y" * 30)
        self.send(b"z")
        self.answer(service, b"y" * 60_000)
        self.assertEqual(list(map(len, self.sent())), [30, 60_000])

    def test_who_only_sends(self) -> None:
        """Shows nothing, but may be sent the more for it."""
        service = self.enter(b"x" * 10)
        self.send(b"x" * 10)
        self.answer(service, b"y" * 61, b"y" * 60)
        self.assertEqual(list(map(len, self.sent())), [60])

    def test_nobody_asked(self) -> None:
        """Nothing goes to an address that has not been heard: there is no way to name one."""
        self.assertEqual(self.socket.sent, [])


class RefusalTests(UdpCase):
    access = AccessList(deny=["203.0.113.66"])

    def test_lists(self) -> None:
        """And silence for an answer."""
        self.send(b"x", ("203.0.113.66", 5))
        self.assertEqual((self.stage.asked, self.sent(), self.flows.dropped), ([], [], 1))

    def test_no_tunnel(self) -> None:
        del self.stage.tunnels.by_name[LABEL]
        self.send(b"x")
        self.assertEqual(self.stage.asked, [])


class CrowdTests(UdpCase):
    settings = {"udp_flows": 20, "udp_flows_per_address": 3, "rate_limit": False}

    def test_of_one_address(self) -> None:
        for port in range(10):
            self.send(b"x", (VISITOR, 50000 + port))
        self.assertEqual(self.flows.count, 3)
        self.assert_counted(udp_flows_per_address=7)

    def test_made_up_addresses(self) -> None:
        """Whoever has shown that it hears stays; of the others the oldest give way."""
        service = self.enter(b"hello")
        self.answer(service, b"yes")
        self.send(b"thanks")
        for number in range(1000):
            self.send(b"x", (f"10.0.{number >> 8}.{number & 255}", 5))
        self.assertEqual(self.flows.count, 20)
        self.answer(service, b"still here")
        self.assertEqual(self.sent()[-1], b"still here")


class RateTests(UdpCase):
    settings = {"request_burst": 5, "request_rate": 1.0}

    def test_new_flows(self) -> None:
        for number in range(50):
            self.send(b"x", (f"10.0.0.{number}", 5))
        self.assertEqual(len(self.stage.asked), 5)
        self.assert_counted(request_rate=45)
