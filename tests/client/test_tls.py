"""TLS to services, over real sockets on loopback, with certificates that the test makes."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, PrivateCertificate
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sellia.client.local.kinds import open_leg
from sellia.client.local.service import LocalService
from sellia.client.tls import (
    AnyCertificate,
    BadCertificate,
    ValidCertificate,
    connection_creator,
    explain,
)
from sellia.protocol.messages import TunnelKind
from tests.client.stage import GET, HELLO, Visitor, target
from tests.relay.scripts import Pair


def certificate(name: str, until: int = 2120) -> PrivateCertificate:
    """A certificate for this name, or for none if it is empty, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name or "nobody")])
    now = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now)
    if name:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = builder.not_valid_after(datetime.datetime(until, 1, 1)).sign(key, SHA256())
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

        running: Any = reactor
        self.reactor = running
        options = certificate("somebody.example").options()
        self.port = running.listenSSL(0, Factory.forProtocol(Greeter), options, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    def ask(self, **settings: Any) -> "Deferred[Visitor]":
        address = replace(target("127.0.0.1", self.port.getHost().port, "https"), **settings)
        service = LocalService(self.reactor, address)
        self.addCleanup(service.stop)
        pair = Pair()
        pair.client.stream_opened = partial(open_leg, TunnelKind.HTTP, service)  # type: ignore[assignment]
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
        self.assertIn("has a certificate that is signed by nobody but itself", visitor.why)


class Verified:
    """What a creator's connection tells of a certificate, without a socket."""

    def __init__(self) -> None:
        self.fault: Failure | None = None
        self.factory = self
        self.wrappedFactory = Factory()

    def failVerification(self, failure: Failure) -> None:
        self.fault = failure

    def shake_hands(self, creator: ValidCertificate, shown: PrivateCertificate) -> bool:
        """Whether a handshake with who shows that certificate comes to an end."""
        client = creator.clientConnectionForTLS(self)
        server = SSL.Connection(shown.options().getContext(), None)
        client.set_connect_state()
        server.set_accept_state()
        done = [False, False]
        for _ in range(10):
            for at, end, other in ((0, client, server), (1, server, client)):
                try:
                    end.do_handshake()
                    done[at] = True
                except SSL.WantReadError:
                    pass
                except SSL.Error:
                    return False
                try:
                    other.bio_write(end.bio_read(1 << 16))
                except SSL.WantReadError:
                    pass
        return all(done)


class ValidCertificateTests(SynchronousTestCase):
    def judge(self, shown: PrivateCertificate, host: str, trusted: PrivateCertificate | None) -> tuple[bool, str]:
        verified = Verified()
        root = None if trusted is None else Certificate.loadPEM(trusted.dumpPEM())
        good = verified.shake_hands(ValidCertificate(host, root, "what to do"), shown)
        return good, explain(verified.fault) if verified.fault is not None else ""

    def test_a_good_one(self) -> None:
        good = certificate("web.example")
        self.assertEqual(self.judge(good, "web.example", good), (True, ""))

    def test_bad_ones(self) -> None:
        """The last one is taken by Twisted's own verification, with a traceback in the log."""
        good, old, nobody = certificate("web.example"), certificate("web.example", 2021), certificate("")
        for shown, host, trusted, fault in (
            (good, "web.example", None, "is signed by nobody but itself (what to do)"),
            (good, "other.example", good, "is for web.example, and not for other.example"),
            (good, "192.0.2.1", good, "is for web.example, and not for 192.0.2.1"),
            (old, "web.example", old, "has expired"),
            (
                nobody,
                "web.example",
                nobody,
                "names no host as certificates must (subjectAltName), only nobody in the old way (CN)",
            ),
        ):
            self.assertEqual(self.judge(shown, host, trusted), (False, f"has a certificate that {fault}"))


class CreatorTests(SynchronousTestCase):
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
            (BadCertificate("has a certificate that has expired"), "has a certificate that has expired"),
            (wrong, "does not speak TLS: is it http:// that it speaks?"),
            (SSL.Error([("a", "b", "evil\x1b[2J")]), "does not agree on TLS"),
            (SSL.Error(), "ended the connection during the TLS handshake"),
            (ConnectionDone(), "ended the connection during the TLS handshake"),
        ):
            self.assertEqual(explain(Failure(error)), expected)
        self.assertEqual(explain(None), "ended the connection during the TLS handshake")
