"""TLS to services, over real sockets on loopback, with certificates that the test makes."""

import datetime
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sellia.client.local import LocalService
from sellia.client.tls import AnyCertificate, connection_creator, explain, is_loopback
from tests.client.stage import GET, HELLO, Visitor
from tests.relay.scripts import Pair


def certificate(name: str) -> PrivateCertificate:
    """A certificate for this name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now)
        .not_valid_after(datetime.datetime(2120, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return PrivateCertificate.loadPEM(made.public_bytes(Encoding.PEM) + secret)


class Greeter(Protocol):
    """A service that says hello to every request."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(HELLO)


class HttpsTests(TestCase):
    """Slow to set up, so few: a service with a certificate that nobody has signed."""

    timeout = 10

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        options = certificate("somebody.example").options()
        self.port = self.reactor.listenSSL(0, Factory.forProtocol(Greeter), options, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    def ask(self, **settings: Any) -> "Deferred[Visitor]":
        service = LocalService(self.reactor, "127.0.0.1", self.port.getHost().port, "https", **settings)
        self.addCleanup(service.stop)
        pair = Pair()
        pair.client.stream_opened = service.open_leg  # type: ignore[assignment, method-assign]
        over: Deferred[Visitor] = Deferred()
        visitor = Visitor(lambda event: over.callback(visitor) if event[0] in ("end", "reset") else None)
        pair.server.open(GET, end=True, leg=visitor)
        self._talk_until(over, pair.talk)
        return over

    def _talk_until(self, over: "Deferred[Visitor]", talk: Callable[[], None]) -> None:
        talk()
        if not over.called:
            self.reactor.callLater(0.005, self._talk_until, over, talk)

    async def test_any_certificate_on_loopback(self) -> None:
        visitor = await self.ask()
        self.assertEqual((visitor.statuses, visitor.data, visitor.ended), ([200], b"hello", True))

    async def test_only_a_good_one_where_that_is_asked_for(self) -> None:
        visitor = await self.ask(verify=True)
        self.assertEqual(visitor.reset, "service-tls-failed")
        self.assertIn("has a certificate that is for another host name", visitor.why)


class CreatorTests(SynchronousTestCase):
    def test_what_is_loopback(self) -> None:
        for host in ("localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "::1"):
            self.assertTrue(is_loopback(host), host)
        for host in ("example.com", "notlocalhost", "10.0.0.1", "::2", "127.0.0.1.example.com"):
            self.assertFalse(is_loopback(host), host)

    def test_verified_unless_on_loopback(self) -> None:
        self.assertIsInstance(connection_creator("localhost"), AnyCertificate)
        self.assertNotIsInstance(connection_creator("web.example"), AnyCertificate)
        self.assertNotIsInstance(connection_creator("localhost", True), AnyCertificate)
        self.assertIsInstance(connection_creator("web.example", False), AnyCertificate)

    def test_the_host_is_named_to_the_service_unless_it_is_an_address(self) -> None:
        """RFC 6066, section 3; a service with several names picks its certificate by it."""
        named = AnyCertificate("localhost").clientConnectionForTLS(None)
        self.assertEqual(named.get_servername(), b"localhost")
        self.assertIsNone(AnyCertificate("::1").clientConnectionForTLS(None).get_servername())


class ExplainTests(SynchronousTestCase):
    def test_each_reason(self) -> None:
        wrong = SSL.Error([("SSL routines", "", "wrong version number"), ("", "", "")])
        for error, expected in (
            (VerificationError(errors=[]), "has a certificate that is for another host name"),
            (wrong, "could not agree on TLS: wrong version number"),
            (SSL.Error([("a", "b", "evil\x1b[2J")]), "could not agree on TLS: evil\\x1b[2J"),
            (SSL.Error(), "ended the connection during the TLS handshake"),
            (ConnectionDone(), "ended the connection during the TLS handshake"),
        ):
            self.assertEqual(explain(Failure(error)), expected)
        self.assertEqual(explain(None), "ended the connection during the TLS handshake")
