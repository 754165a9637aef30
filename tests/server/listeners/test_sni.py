"""Connections that are routed by the name in their TLS: to a tunnel, to the server's own TLS, or back with an alert."""

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from sellia.protocol.client_hello import alert
from sellia.protocol.messages import TcpConnection, TunnelKind
from sellia.relay.access import AccessList
from sellia.relay.registry import Tunnel, TunnelRegistry
from sellia.server.ingress.tcp import TcpIngress
from sellia.server.listeners.sni import SniFactory
from tests.protocol.test_client_hello import body, handshake, real, records, server_name
from tests.server.ingress.test_tcp import TcpVisitor
from tests.server.support import VISITOR, ServerCase, Service


class Own(Protocol):
    """The server's own TLS."""

    def __init__(self, made: list["Own"]) -> None:
        self.data = b""
        made.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.data += data


class SniCase(ServerCase):
    shared = True

    def setUp(self) -> None:
        super().setUp()
        stage = self.stage
        self.ports = TcpIngress(stage.ingress)
        self.made: list[Own] = []
        own: Any = Factory()
        own.buildProtocol = lambda addr: Own(self.made)
        self.factory = SniFactory(self.ports, own if self.shared else None)
        self.tunnel("secure")
        self.guests: list[TcpVisitor] = []

    def tunnel(self, label: str, access: AccessList | None = None) -> None:
        stage = self.stage
        stage.tunnels.by_name[label] = Tunnel(label, stage.upstream, 1, "owner", kind=TunnelKind.TLS, access=access)

    def tearDown(self) -> None:
        for guest in self.guests:
            guest.lose()
        self.assertEqual(self.ports.count, 0)
        super().tearDown()

    def visit(self, *pieces: bytes) -> TcpVisitor:
        guest = TcpVisitor(self.stage, self.factory, VISITOR)
        self.guests.append(guest)
        for piece in pieces:
            guest.send(piece)
        return guest

    def services(self) -> list[Service]:
        return self.stage.asked


class SharedTests(SniCase):
    def test_a_tunnels_name(self) -> None:
        """All of it reaches the tunnel, however it was cut."""
        hello = real("secure.localhost")
        guest = self.visit(hello[:1], hello[1:7], hello[7:] + b"more")
        [service] = self.services()
        self.assertIsInstance(service.opening, TcpConnection)
        self.assertEqual((service.opening.visitor, service.data), (VISITOR, hello + b"more"))
        service.say(b"answer")
        self.assertEqual((guest.read(), self.made), (b"answer", []))

    def test_names_below(self) -> None:
        registry: TunnelRegistry[Any] = TunnelRegistry()
        self.stage.ingress.tunnels = registry
        registry.claim("secure", self.stage.upstream, "o", 0.0, tunnel_id=1, kind=TunnelKind.TLS, also=("*.secure",))
        for name in ("secure.localhost", "a.secure.localhost", "a.b.secure.localhost"):
            self.visit(real(name))
        self.assertEqual((len(self.services()), self.made), (3, []))
        self.visit(real("xsecure.localhost"))
        self.assertEqual((len(self.services()), len(self.made)), (3, 1))

    def test_a_domain_of_its_own(self) -> None:
        self.tunnel("shop.example.org.")
        for name in ("shop.example.org", "SHOP.example.org"):
            self.visit(real(name))
        self.assertEqual((len(self.services()), self.made), (2, []))
        self.visit(real("example.org"))
        self.assertEqual((len(self.services()), len(self.made)), (2, 1))

    def test_another_name(self) -> None:
        for name in ("demo.localhost", "nobody.localhost", "localhost", "x.secure.localhost", None):
            hello = real(name)
            self.visit(hello[:20], hello[20:])
            self.assertEqual(self.made[-1].data, hello, name)
        self.assertEqual(self.services(), [])

    def test_no_name(self) -> None:
        """Is the server's own, as clients that connect by address are, and a line says so, a few at once."""
        lines = self.logged()
        for _ in range(50):
            self.visit(real(None))
        told = [line for line in lines if "TLS without a name" in line]
        self.assertEqual((len(self.made), self.services()), (50, []))
        self.assertTrue(0 < len(told) < 20, told)
        self.assertIn(f"peer={VISITOR}", told[0])

    def test_what_is_no_tls(self) -> None:
        """The server's own TLS finds words for it."""
        self.visit(b"GET / HTTP/1.1\r\n")
        self.assertEqual(self.made[-1].data, b"GET / HTTP/1.1\r\n")

    def test_requests_for_the_name(self) -> None:
        """A name is one or the other: whoever asks for it without TLS gets 404."""
        visitor = self.stage.visitor(b"GET / HTTP/1.1\r\nHost: secure.localhost\r\n\r\n")
        self.assert_answers(visitor, (404, "no-such-tunnel"))

    def test_kept_out(self) -> None:
        self.tunnel("private", AccessList(["10.0.0.0/8"]))
        guest = self.visit(real("private.localhost"))
        self.assertEqual((guest.read(), guest.end, self.services()), (alert("access_denied"), "closed", []))

    def test_a_hello_that_never_ends(self) -> None:
        """Holds no more than its bound, and has its time."""
        lines = self.logged()
        guest = self.visit(real("secure.localhost")[:50])
        self.stage.wait(11)
        self.assertEqual(guest.end, "reset")
        self.assert_counted(tls_handshake=1)
        self.assertTrue(any("limit=tls_handshake" in line for line in lines))

    def test_a_flood_of_hello(self) -> None:
        huge = records(handshake(body(server_name(b"secure.localhost"), b"\xff\xff" + (40000).to_bytes(2, "big"))))
        self.visit(huge + b"\x16\3\1\x40\0" + b"x" * 16384)
        self.assertEqual((len(self.made), self.services()), (1, []))

    def test_gone_before_it_has_said_anything(self) -> None:
        self.visit().lose()


class AloneTests(SniCase):
    """Where the server has no TLS of its own."""

    shared = False

    def assert_alert(self, name: str, *pieces: bytes) -> str:
        lines = self.logged()
        guest = self.visit(*pieces)
        self.assertEqual((guest.read(), guest.end), (alert(name), "closed"))
        return next(line for line in lines if "TLS refused" in line)

    def test_no_name(self) -> None:
        self.assertIn('reason="it asks for no name"', self.assert_alert("missing_extension", real(None)))

    def test_a_name_that_nobody_has(self) -> None:
        self.assert_alert("unrecognized_name", real("nobody.localhost"))

    def test_a_name_in_secret(self) -> None:
        hello = records(handshake(body(server_name(b"public.example"), b"\xfe\x0d\0\1x")))
        self.assertIn("public.example in the open, and perhaps", self.assert_alert("unrecognized_name", hello))

    def test_no_tls(self) -> None:
        self.assert_alert("decode_error", b"GET / HTTP/1.1\r\n")

    def test_a_hostile_name(self) -> None:
        line = self.assert_alert("unrecognized_name", records(handshake(body(server_name(b"a\x1b[2J\r\nb")))))
        self.assertNotIn("\x1b", line)

    def test_a_tunnels_name(self) -> None:
        self.visit(real("secure.localhost"))
        self.assertEqual(len(self.services()), 1)


class PlaceTests(SniCase):
    settings = {"connections": 2, "connections_per_address": 2}

    def test_the_longest_idle_gives_way(self) -> None:
        first, second = self.visit(), self.visit()
        self.stage.ingress.guard.places.full("198.51.100.9")
        self.assertEqual((first.end, second.end), ("reset", "open"))


class LastPlaceTests(SniCase):
    """The last connection that there is room for."""

    settings = {"connections": 1, "connections_per_address": 1}

    def test_it_has_given_its_place_back_when_it_becomes_the_servers_own(self) -> None:
        ingress = self.stage.ingress
        own: Any = Factory()
        seen: list[tuple[int, str | None]] = []

        def build(addr: object) -> Own:
            seen.append((ingress.guard.connections.count, ingress.guard.full(VISITOR, trusted=False)))
            return Own(self.made)

        own.buildProtocol = build
        self.factory.own = own
        guest = self.visit(real("demo.localhost"))
        self.assertEqual((seen, len(self.made), guest.end), ([(0, None)], 1, "open"))
