"""ALPN as our factories negotiate it, and what is said of handshakes that fail: two ends in memory, with real TLS."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.link.attempts import Attempt
from sellia.server.listeners.factory import VisitorFactory
from sellia.transports.tls import NoCommonProtocol, SpeaksHttp1, handshake_fault, require_common_protocol
from tests.e2e.fronts import certificate


def listener() -> CertificateOptions:
    cert, key = certificate()
    pair = PrivateCertificate.loadPEM(key.read_bytes() + cert.read_bytes())
    options = pair.options()
    require_common_protocol(options)
    return options


def shake(client: SSL.Connection, server: SSL.Connection) -> tuple[Exception | None, Exception | None]:
    """Run the handshake to its end; what either side raised."""
    client.set_connect_state()
    server.set_accept_state()
    raised: list[Exception | None] = [None, None]
    for _ in range(6):
        for index, (end, other) in enumerate(((client, server), (server, client))):
            try:
                if raised[index] is None:
                    end.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                raised[index] = error
            try:
                other.bio_write(end.bio_read(1 << 16))
            except SSL.WantReadError:
                pass
    return raised[0], raised[1]


class AlpnTests(SynchronousTestCase):
    def negotiate(self, offered: list[bytes]) -> tuple[bytes, Any, Any]:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if offered:
            context.set_alpn_protos(offered)
        client, server = SSL.Connection(context, None), SSL.Connection(listener().getContext(), None)
        at_client, at_server = shake(client, server)
        return client.get_alpn_proto_negotiated(), at_client, at_server

    def test_offers_that_are_agreed_on(self) -> None:
        for offered, chosen in (
            ([], b""),
            ([b"http/1.1"], b"http/1.1"),
            ([b"h2", b"http/1.1"], b"http/1.1"),
            ([b"http/1.0"], b"http/1.0"),
        ):
            self.assertEqual(self.negotiate(offered), (chosen, None, None), offered)

    def test_others_get_their_alert(self) -> None:
        _, at_client, at_server = self.negotiate([b"h2", b"\x1b[31m"])
        self.assertIn("alert no application protocol", str(at_client))
        self.assertIsInstance(at_server, NoCommonProtocol)
        said = handshake_fault(Failure(at_server))
        self.assertEqual(said, "it offers h2, \\x1b[31m, and only http/1.1 is spoken here")
        self.assertEqual(handshake_fault(Failure(at_client)), "it does not speak HTTP/1.1")

    def test_all_factories_of_ours_negotiate(self) -> None:
        for kind in (VisitorFactory, Attempt):
            self.assertTrue(IProtocolNegotiationFactory.implementedBy(kind), kind)
            self.assertTrue(issubclass(kind, Factory))
        self.assertEqual(SpeaksHttp1().acceptableProtocols(), [b"http/1.1"])


class FaultTests(SynchronousTestCase):
    def of(self, what: bytes) -> str:
        server = SSL.Connection(listener().getContext(), None)
        server.set_accept_state()
        server.bio_write(what)
        with self.assertRaises(SSL.Error) as raised:
            server.do_handshake()
        return handshake_fault(Failure(raised.exception))

    def test_what_is_not_tls(self) -> None:
        self.assertEqual(self.of(b"GET / HTTP/1.1\r\n\r\n"), "it spoke plain HTTP to a port that does TLS")
        self.assertEqual(self.of(b"SSH-2.0-OpenSSH_9.9\r\n"), "what it sent is not TLS")

    def test_weak_ends(self) -> None:
        old = SSL.Context(SSL.TLS_CLIENT_METHOD)
        old.set_cipher_list(b"ALL:@SECLEVEL=0")
        old.set_max_proto_version(SSL.TLS1_1_VERSION)
        old.set_min_proto_version(SSL.TLS1_VERSION)
        _, at_server = shake(SSL.Connection(old, None), SSL.Connection(listener().getContext(), None))
        self.assertEqual(handshake_fault(Failure(at_server)), "it speaks only versions of TLS that are too old")

    def test_the_ends_of_connections(self) -> None:
        self.assertEqual(handshake_fault(Failure(ConnectionLost())), "it broke off")
        self.assertEqual(handshake_fault(Failure(ConnectionDone())), "it left before the handshake was done")
        self.assertEqual(handshake_fault(None), "it left before the handshake was done")

    def test_no_words_of_a_library(self) -> None:
        self.assertEqual(
            handshake_fault(Failure(SSL.Error([("x", "", "some new reason")]))), "it broke the rules of TLS"
        )
