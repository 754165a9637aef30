"""What lives on the base domain: which requests become links, and which get pages."""

from sellia.problems import SERVER_DRAINING, SERVICE_REFUSED
from sellia.protocol import native
from sellia.protocol.messages import Hello
from tests.server.clients import GATEWAY, GatewayCase, Wire
from tests.server.support import ACCEPT, KEY, answers, get
from tests.transports.support import BINARY, frame

HELLO = frame(BINARY, native.encode_link(Hello(1, "test")))


class LinkTests(GatewayCase):
    def upgrade(self, request: bytes) -> bytes:
        return self.server.visit(request).take()

    def test_a_link(self) -> None:
        data = self.upgrade(GATEWAY)
        self.assertTrue(data.startswith(b"HTTP/1.1 101 "))
        self.assertIn(b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n", data)
        self.assertIn(b"Sec-WebSocket-Protocol: sellia.v1\r\n", data)

    def test_subprotocol_among_others(self) -> None:
        request = GATEWAY.replace(b"sellia.v1", b"sellia.v2,sellia.v1")
        self.assertIn(b"Sec-WebSocket-Protocol: sellia.v1\r\n", self.upgrade(request))

    def test_no_subprotocol_is_the_original_dialect(self) -> None:
        data = self.upgrade(GATEWAY.replace(b"Sec-WebSocket-Protocol: sellia.v1\r\n", b""))
        self.assertTrue(data.startswith(b"HTTP/1.1 101 "))
        self.assertNotIn(b"Sec-WebSocket-Protocol", data)
        self.assertNotIn(b"Sec-WebSocket-Extensions", data)

    def test_only_other_subprotocols(self) -> None:
        """Whoever offers them would not understand either dialect, and is told what would be understood."""
        for other in (b"sellia.v2", b"chat, sellia", b"SELLIA.V1"):
            data = self.upgrade(GATEWAY.replace(b"sellia.v1", other))
            self.assertEqual(answers(data), [(426, "upgrade-required")])
            self.assertIn(b"sellia.v1", data)

    def test_query(self) -> None:
        self.assertTrue(self.upgrade(GATEWAY.replace(b"/ws", b"/ws?v=1")).startswith(b"HTTP/1.1 101 "))

    def test_pages_of_other_sites(self) -> None:
        """Nobody's page opens tunnels from its reader's browser, whatever its name points to at the moment."""
        for host, origin in (
            (b"localhost", b"http://evil.example"),
            (b"localhost", b"http://localhost:5173"),
            (b"localhost", b"http://demo.localhost"),
            (b"localhost", b"null"),
            (b"localhost", b""),
            (b"localhost", b"http://localhost\r\nOrigin: http://localhost"),
            (b"localhost", b"http://localhost@evil.example"),
            (b"evil.example", b"http://evil.example"),
            (b"evil.example:3000", b"http://evil.example:3000"),
        ):
            request = GATEWAY.replace(b"Host: localhost", b"Host: %b\r\nOrigin: %b" % (host, origin))
            data = self.upgrade(request)
            self.assertEqual(answers(data), [(403, "forbidden")], origin)

    def test_clients_that_say_the_servers_own_address(self) -> None:
        """As some libraries do."""
        for host in (b"localhost", b"localhost:3000", b"LOCALHOST", b"127.0.0.1:3000", b"[::1]:3000"):
            request = GATEWAY.replace(b"Host: localhost", b"Host: %b\r\nOrigin: http://%b" % (host, host))
            self.assertTrue(self.upgrade(request).startswith(b"HTTP/1.1 101 "), host)

    def test_other_paths(self) -> None:
        for path in (b"/", b"/wss", b"/ws/", b"/health"):
            self.assertEqual(answers(self.upgrade(GATEWAY.replace(b"/ws", path)))[0][0], 404)

    def test_handshakes_that_are_none(self) -> None:
        """What of it goes to Autobahn is checked first, and none of the client's other octets do."""
        for old, new in (
            (b"Version: 13", b"Version: 8"),
            (b"Version: 13", b"Version: 13, 8"),
            (b"Sec-WebSocket-Version: 13\r\n", b""),
            (KEY, b""),
            (KEY, KEY[:-1]),
            (KEY, b"!" * 24),
            (KEY, b"A" * 24),
            (KEY, b"\xe2\x80\x85" + KEY[3:]),
            (KEY, KEY + b"\r\nSec-WebSocket-Key: " + KEY),
        ):
            [(status, word)] = answers(self.upgrade(GATEWAY.replace(old, new)))
            self.assertEqual((status, word), (426, "upgrade-required"))

    def test_headers_that_autobahn_would_stumble_over(self) -> None:
        """They stay here."""
        fields = (
            b"Origin: http://localhost\r\nX: \xc3\xa9\r\nSec-WebSocket-Extensions: x-mux\r\nContent-Type: \xff\r\n\r\n"
        )
        self.assertTrue(self.upgrade(GATEWAY[:-2] + fields).startswith(b"HTTP/1.1 101 "))

    def test_what_comes_right_behind(self) -> None:
        """A client need not wait for the 101, in whatever pieces it sends."""
        for pieces in ([GATEWAY + HELLO[:3], HELLO[3:]], [GATEWAY[:50], GATEWAY[50:] + HELLO]):
            wire = self.server.visit(pieces[0])
            wire.send(pieces[1])
            data = wire.take()
            self.assertTrue(data.startswith(b"HTTP/1.1 101 "))
            self.assertIn(b"welcome", data)
            self.assertFalse(wire.closed)

    def test_behind_another_request(self) -> None:
        """As a proxy that pools its connections may send it; what came with it is the link's."""
        wire = self.server.visit(get(b"/health", host=b"localhost") + GATEWAY + HELLO)
        data = wire.take()
        self.assertTrue(data.startswith(b"HTTP/1.1 200 "))
        self.assertIn(b"welcome", data)

    def test_behind_a_request_that_is_still_answered(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        wire = self.server.visit(get() + GATEWAY + HELLO)
        self.assertEqual(wire.take(), b"")
        [stream] = client.party.streams.values()
        stream.reset(SERVICE_REFUSED)
        self.server.talk()
        data = wire.take()
        self.assertIn(b"HTTP/1.1 101 ", data)
        self.assertIn(b"welcome", data)

    def test_not_on_a_tunnels_name(self) -> None:
        self.assertEqual(
            answers(self.upgrade(GATEWAY.replace(b"localhost", b"demo.localhost"))), [(404, "no-such-tunnel")]
        )


class ProxyTests(GatewayCase):
    settings = {"trust_proxy": "198.51.100.1"}

    def test_a_client_behind_a_proxy(self) -> None:
        """Its own address is who it is."""
        for proxy, expected in (("198.51.100.1", "192.0.2.5"), ("203.0.113.7", "203.0.113.7")):
            wire = Wire(self.server, proxy)
            wire.send(GATEWAY[:-2] + b"X-Forwarded-For: 192.0.2.5\r\n\r\n")
            wire.send(frame(BINARY, native.encode_link(Hello(1, "test"))))
            self.assertEqual([each.remote for each in self.server.gateway.sessions.values()][-1], expected)


class ProblemTests(GatewayCase):
    def test_nobody_has_the_name(self) -> None:
        self.assertEqual(answers(self.server.visit().take()), [(404, "no-such-tunnel")])

    def test_a_page_now_and_the_connection_goes_on(self) -> None:
        wire = self.server.visit(get(b"/nothing", host=b"localhost") * 3)
        self.assertEqual(answers(wire.take()), [(404, "no-such-page")] * 3)
        self.assertFalse(wire.closed)

    def test_while_it_drains(self) -> None:
        self.server.gateway.draining = True
        self.addCleanup(setattr, self.server.gateway, "draining", False)
        rooms = self.server.service.ingress.rooms
        self.assertIs(rooms.refusing(), SERVER_DRAINING)
        self.assertEqual(answers(self.server.visit().take()), [(503, "server-draining")])
