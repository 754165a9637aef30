"""Fields that end at each hop, and fields that say where a request comes from: stripped first, ours set after."""

from __future__ import annotations

from functools import cache

from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases
from tests.hostile.ledger import Arrived
from tests.hostile.visitors import get, talk
from tests.processes import Process, start_client, start_server

FORGED = (
    b"X-Forwarded-For: 6.6.6.6",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: evil.example",
    b"X-Forwarded-Port: 666",
    b"X-Forwarded-Server: evil",
    b"X-Real-IP: 6.6.6.6",
    b"Forwarded: for=6.6.6.6;host=evil.example",
)

NAMED = [
    Row(name, (connection,))
    for name, connection in {
        "connection names x-real-ip": b"Connection: close, X-Real-Ip",
        "connection names x-forwarded-for": b"Connection: X-Forwarded-For",
        "connection names all of them": b"Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Forwarded",
        "connection names host": b"Connection: close, Host",
        "connection names content-length": b"Connection: Content-Length",
        "connection names transfer-encoding": b"Connection: Transfer-Encoding",
        "connection in two fields": b"Connection: X-Forwarded-For\r\nConnection: X-Real-IP",
        "connection with odd commas": b"Connection: ,, x-forwarded-for\t,",
    }.items()
]


def assert_ours(test: HostileCase, row: Row) -> None:
    """What the visitor named is gone, and what we say of it is there."""
    said = talk(stage.server().port, (get(b"/hops", row.sent[0], *FORGED),))
    test.assertEqual(said.statuses, [200], said.data)
    arrived = stage.ledger().wait_for("/hops")
    test.assertEqual(arrived.values(b"x-forwarded-for"), [b"127.0.0.1"])
    test.assertEqual(arrived.values(b"x-forwarded-proto"), [b"http"])
    test.assertEqual(arrived.values(b"x-forwarded-host"), [b"demo.localhost"])
    test.assertEqual(arrived.values(b"host"), [b"demo.localhost"])
    for forged in (b"6.6.6.6", b"evil", b"666", b"https"):
        test.assertNotIn(forged, arrived.head)
    test.assert_brief()


@cases(NAMED, assert_ours)
class UntrustedTests(HostileCase):
    """A peer that is not trusted says nothing about where it comes from, whatever it names in Connection."""


class HopTests(HostileCase):
    """What is hop-by-hop ends here."""

    def arrived(self, *fields: bytes) -> Arrived:
        said = talk(stage.server().port, (get(b"/hop", *fields),))
        self.assertEqual(said.statuses, [200], said.data)
        return stage.ledger().wait_for("/hop")

    def test_fields_that_never_pass(self) -> None:
        arrived = self.arrived(
            b"Keep-Alive: timeout=1",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authorization: Basic c2VjcmV0",
            b"Proxy-Authenticate: Basic",
            b"HTTP2-Settings: AAMAAABkAAQAAP__",
            b"Upgrade: h2c",
            b"TE: gzip, trailers;q=0.5",
            b"X-Mine: 1",
            b"X-Yours: 2",
            b"Connection: Upgrade, HTTP2-Settings, X-Mine",
        )
        names = {name for name, _ in arrived.headers}
        self.assertFalse(
            names
            & {
                b"keep-alive",
                b"proxy-connection",
                b"proxy-authorization",
                b"proxy-authenticate",
                b"http2-settings",
                b"upgrade",
                b"x-mine",
            }
        )
        self.assertEqual(arrived.values(b"x-yours"), [b"2"])

    def test_a_service_cannot_speak_for_us(self) -> None:
        """Sellia-Error is what tells our answers from a service's, so a service's is dropped."""
        stage.ledger().on(
            "/liar",
            lambda arrived: arrived.send(
                b"HTTP/1.1 200 OK\r\nSellia-Error: client-gone\r\nConnection: X-Mine\r\nX-Mine: 1\r\n"
                b"Content-Length: 0\r\n\r\n"
            ),
        )
        said = talk(stage.server().port, (get(b"/liar"),))
        self.assertEqual(said.statuses, [200])
        self.assertIsNone(said.answers[0].value("sellia-error"))
        self.assertIsNone(said.answers[0].value("x-mine"))


@cache
def behind_proxies() -> Process:
    """A server that trusts loopback, and a client of its own with the same service."""
    server = stage.watched(start_server("--open", "--trust-proxy", "127.0.0.1", *stage.SERVER_OPTIONS))
    stage.watched(start_client(server.port, stage.ledger().port, "demo"))
    return server


class TrustedTests(HostileCase):
    """Trust comes by setting, and only for what a proxy says last."""

    def arrived(self, *fields: bytes) -> Arrived:
        said = talk(behind_proxies().port, (get(b"/trusted", *fields),))
        self.assertEqual(said.statuses, [200], said.data)
        return stage.ledger().wait_for("/trusted")

    def test_a_trusted_peer_is_believed_and_added_to(self) -> None:
        arrived = self.arrived(b"X-Forwarded-For: 6.6.6.6, 203.0.113.9", b"X-Forwarded-Proto: https")
        self.assertEqual(arrived.values(b"x-forwarded-for"), [b"203.0.113.9, 127.0.0.1"])
        self.assertEqual(arrived.values(b"x-forwarded-proto"), [b"https"])

    def test_identity_fields_that_a_proxy_passes_on(self) -> None:
        """Only what is known to be true, whatever a visitor has sent through it."""
        forged = [field for field in FORGED if b"Port" not in field][1:]
        more = [b"X-Forwarded-%b: evil" % name for name in (b"User", b"Prefix", b"Ssl", b"Scheme", b"By", b"Client-Ip")]
        arrived = self.arrived(*forged, *more, b"X_Real_IP: 6.6.6.6", b"X-Forwarded-Host: demo.localhost")
        for value in (b"6.6.6.6", b"evil"):
            self.assertNotIn(value, arrived.head)
        self.assertEqual(arrived.values(b"x-real-ip"), [b"127.0.0.1"])
        self.assertEqual(arrived.values(b"forwarded"), [b'for=127.0.0.1;host="demo.localhost";proto=https'])

    def test_connection_does_not_remove_what_a_proxy_says(self) -> None:
        arrived = self.arrived(b"X-Forwarded-For: 203.0.113.9", b"Connection: X-Forwarded-For")
        self.assertEqual(arrived.values(b"x-forwarded-for"), [b"203.0.113.9, 127.0.0.1"])

    def test_names_with_underscores_are_dropped_all_the_same(self) -> None:
        arrived = self.arrived(b"X-Forwarded-For: 203.0.113.9", b"X_Forwarded_For: 6.6.6.6")
        self.assertNotIn(b"6.6.6.6", arrived.head)
