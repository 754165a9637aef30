"""Listeners that ask for the PROXY protocol."""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from sellia.server.listeners.proxy_protocol import ProxyProtocolConnection, ProxyProtocolFactory
from tests.protocol.test_proxy_protocol import version2
from tests.server.support import GET, UPGRADE, LateTransport, PublicSide, ServerCase, Visitor, get
from tests.transports.support import TEXT, frame

PROXY = "10.0.0.1"
LINE = b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n"


class ProxiedVisitor(Visitor):
    """Somebody behind a proxy, which says so first."""

    connection: Any

    def __init__(self, stage: PublicSide, host: str = PROXY) -> None:
        self.stage = stage
        self.transport = LateTransport(host)
        self.lost = False
        self.connection = ProxyProtocolFactory(stage.ingress, stage.factory).buildProtocol(self.transport.getPeer())
        self.connection.makeConnection(self.transport)
        stage.visitors.append(self)


class ProxiedCase(ServerCase):
    def connect(self, *pieces: bytes, host: str = PROXY) -> ProxiedVisitor:
        visitor = ProxiedVisitor(self.stage, host)
        visitor.send(*pieces)
        return visitor


class HeaderTests(ProxiedCase):
    def test_the_visitor_is_who_it_says(self) -> None:
        """To the service, and in the log."""
        for header, address in ((LINE, "192.0.2.1"), (version2("2001:db8::1"), "2001:db8::1")):
            self.connect(header + GET)
            service = self.stage.asked[-1]
            self.assertEqual(service.opening.visitor, address)
            self.assertEqual(service.value(b"X-Forwarded-For"), address.encode())

    def test_a_proxy_that_speaks_for_itself(self) -> None:
        for header in (b"PROXY UNKNOWN\r\n", version2(command=0x20)):
            self.connect(header, GET)
            self.assertEqual(self.stage.asked[-1].opening.visitor, PROXY)

    def test_in_pieces(self) -> None:
        data = LINE + GET
        visitor = self.connect(*[data[at : at + 1] for at in range(len(data))])
        self.stage.asked[0].answer(b"hello")
        self.assertTrue(visitor.read().endswith(b"hello"))

    def test_several_requests_and_a_websocket(self) -> None:
        """It is a connection like any other from there on."""
        visitor = self.connect(LINE)
        for _ in range(3):
            visitor.send(GET)
            self.stage.asked[-1].answer()
        visitor.send(UPGRADE)
        self.stage.asked[-1].switch()
        visitor.send(frame(TEXT, b"hello"))
        self.assertEqual(self.stage.asked[-1].frames, [(TEXT, b"hello")])
        visitor.leave()
        self.assertEqual(self.stage.asked[-1].reset, "visitor-gone")

    def test_without(self) -> None:
        """Nothing that it sends is taken for a request, and it is told nothing."""
        lines = self.logged()
        for data in (GET, b"\x16\x03\x01", b"PROXY TCP4 \x1b[2J x 1 2\r\n" + GET, b"\r\n" + LINE + GET):
            visitor = self.connect(data)
            self.assertEqual((visitor.end, visitor.read()), ("aborted", b""))
            visitor.connection.dataReceived(LINE + GET)
        self.assertEqual(self.stage.asked, [])
        self.assert_counted(proxy_header=4)
        self.assertEqual(lines[0], f"limit reached: limit=proxy_header peer={PROXY} answer=closed suppressed=0")

    def test_one_that_is_never_finished(self) -> None:
        """However it trickles, it has ten seconds."""
        visitor = self.connect()
        for octet in LINE[:9]:
            visitor.send(bytes((octet,)))
            self.stage.wait(1)
        self.assertEqual(visitor.end, "open")
        self.stage.wait(1)
        self.assertEqual((visitor.end, visitor.read()), ("aborted", b""))
        self.stage.wait(5)
        self.assert_counted(proxy_header=1)

    def test_who_leaves_before_it_is_there(self) -> None:
        visitor = self.connect(LINE[:10])
        visitor.leave()
        self.assertEqual(self.stage.ingress.connections, set())

    def test_on_a_transport_that_knows_its_protocol(self) -> None:
        """It is given the visitor's connection, so that what comes takes no detour."""
        visitor = ProxiedVisitor(self.stage)
        visitor.transport.protocol = visitor.connection  # type: ignore[attr-defined]
        visitor.send(LINE + GET)
        self.assertIs(visitor.transport.protocol, visitor.connection._inner)  # type: ignore[attr-defined]

    def test_the_server_stops(self) -> None:
        visitor = self.connect(LINE[:10])
        self.stage.ingress.drain()
        self.assertFalse(self.stage.ingress.busy)
        self.stage.ingress.stop()
        self.assertEqual(visitor.end, "aborted")

    def test_gone_after_all(self) -> None:
        """The end is told once, to whoever the connection is by then."""
        visitor = self.connect(LINE + GET)
        connection = visitor.connection
        visitor.leave()
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertIsInstance(connection, ProxyProtocolConnection)


class TrustTests(ProxiedCase):
    """Where proxies are named, only they are believed; and then it is the visitor whose headers may not be."""

    settings = {"trust_proxy": [PROXY, "192.0.2.0/24"]}

    def test_somebody_else(self) -> None:
        visitor = ProxiedVisitor(self.stage, "198.51.100.7")
        self.assertEqual(visitor.end, "aborted")
        visitor.connection.dataReceived(LINE + GET)
        self.assertEqual(self.stage.asked, [])
        self.assert_counted(proxy_header=1)

    def test_a_visitor_who_says_that_he_is_another(self) -> None:
        """His own headers are believed no more than if he had come directly."""
        forged = get(b"/", b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-Proto: https", b"Forwarded: for=203.0.113.9")
        self.connect(version2("198.51.100.1") + forged)
        [service] = self.stage.asked
        self.assertEqual(service.opening.visitor, "198.51.100.1")
        self.assertEqual(service.value(b"X-Forwarded-For"), b"198.51.100.1")
        self.assertEqual(service.value(b"X-Forwarded-Proto"), b"http")

    def test_a_proxy_behind_a_proxy(self) -> None:
        """One for TCP, and behind it one for HTTP that is trusted as well."""
        self.connect(LINE + get(b"/", b"X-Forwarded-For: 203.0.113.9"))
        self.assertEqual(self.stage.asked[0].opening.visitor, "203.0.113.9")


class LimitTests(ProxiedCase):
    """Limits by address count the visitor, and all connections count in all."""

    settings = {"connections_per_address": 2, "connections": 8, "auth_failures_burst": 1}

    def test_of_one_visitor(self) -> None:
        for _ in range(2):
            self.connect(LINE + GET)
        visitor = self.connect(LINE + GET)
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 503 "))
        self.assertEqual((visitor.end, len(self.stage.asked)), ("half", 2))
        self.connect(version2("192.0.2.2") + GET)
        self.assertEqual(len(self.stage.asked), 3)
        self.assert_counted(connections_per_address=1)
        self.assertEqual(self.stage.ingress.guard.connections.of("192.0.2.1"), 2)

    def test_in_all(self) -> None:
        """Those count that have said nothing yet; the oldest of them gives its place up for who comes."""
        waiting = [self.connect() for _ in range(8)]
        self.connect(LINE + GET)
        self.assert_counted(connections=1)
        self.assertEqual([each.end for each in waiting], ["aborted"] + ["open"] * 7)
        self.assertEqual(len(self.stage.asked), 1)
