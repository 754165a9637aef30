"""Certificates that are renewed while a server runs."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.listeners.reasons import CannotRenew
from sellia.server.listeners.renewal import INTERVAL, Renewal, files_of, without_files
from sellia.transports.tls import require_common_protocol
from tests.server.listeners.handshakes import certificate_shown


def write_certificate(home: Path, number: int, *, with_key: bool = True) -> None:
    """A certificate with this serial number, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "demo.example")])
    now = datetime.datetime(2026, 1, 1)
    made = x509.CertificateBuilder(name, name, key.public_key(), number, now, now + datetime.timedelta(days=9000))
    (home / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    if with_key:
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (home / "key.pem").write_bytes(pem)


def shown(contexts: object) -> int:
    """The serial number of the certificate that a client gets now."""
    server = SSL.Connection(contexts.getContext())  # type: ignore[attr-defined]
    client = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    return certificate_shown(server, client).get_serial_number()


class RenewalCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        write_certificate(self.home, 1)
        self.endpoint = f"ssl:443:privateKey={self.home}/key.pem:certKey={self.home}/cert.pem"
        reactor = MemoryReactor()
        self.contexts = serverFromString(reactor, self.endpoint)._sslContextFactory
        require_common_protocol(self.contexts)
        self.clock = Clock()
        self.renewal = Renewal(reactor, self.clock)
        self.renewal.watch(self.endpoint, self.contexts)


class RenewalTests(RenewalCase):
    def test_renewed(self) -> None:
        """The next look finds it, and only changes are told."""
        self.assertEqual(shown(self.contexts), 1)
        write_certificate(self.home, 2)
        self.assertEqual(shown(self.contexts), 1)
        with capturedLogs() as events:
            self.clock.pump([INTERVAL] * 3)
        self.assertEqual(shown(self.contexts), 2)
        self.assertEqual(len(events), 1)
        self.assertIn("certificate renewed", events[0]["log_format"])

    def test_one_that_cannot_be_used(self) -> None:
        """A certificate without its key, half a file, or none: the old one stays until there is a right one."""
        for spoil in (
            lambda: write_certificate(self.home, 3, with_key=False),
            lambda: (self.home / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nMII"),
            lambda: os.unlink(self.home / "key.pem"),
        ):
            spoil()
            with capturedLogs() as events:
                self.clock.pump([INTERVAL] * 2)
            self.assertEqual((shown(self.contexts), len(events)), (1, 1))
            self.assertIn("not renewed", events[0]["log_format"])
        write_certificate(self.home, 4)
        self.clock.advance(INTERVAL)
        self.assertEqual(shown(self.contexts), 4)

    def test_the_end(self) -> None:
        self.renewal.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_files(self) -> None:
        names = r"ssl:443:privateKey=a\:b.pem:certKey=c.pem:extraCertChain=d"
        self.assertEqual(files_of(names), ["a:b.pem", "c.pem", "d"])
        self.assertEqual(files_of("tcp:80"), [])


class PrepareTests(RenewalCase):
    """All certificates are read first, and used together, or none is."""

    def test_other_files(self) -> None:
        elsewhere = self.home / "elsewhere"
        elsewhere.mkdir()
        write_certificate(elsewhere, 5)
        endpoint = f"ssl:443:privateKey={elsewhere}/key.pem:certKey={elsewhere}/cert.pem"
        use = self.renewal.prepare(["tcp:80", endpoint])
        self.assertEqual(shown(self.contexts), 1)
        self.assertEqual(use(), [f"{elsewhere}/key.pem", f"{elsewhere}/cert.pem"])
        self.assertEqual(shown(self.contexts), 5)
        write_certificate(elsewhere, 6)
        self.clock.pump([INTERVAL])
        self.assertEqual(shown(self.contexts), 6, "those are looked at from now on")

    def test_the_same_files(self) -> None:
        self.assertEqual(self.renewal.prepare([self.endpoint])(), [])
        write_certificate(self.home, 2)
        self.assertEqual(len(self.renewal.prepare([])()), 2)
        self.assertEqual(shown(self.contexts), 2)
        with capturedLogs() as events:
            self.clock.pump([INTERVAL])
        self.assertEqual(events, [], "it is used already")

    def test_files_that_may_not_be_read_any_more(self) -> None:
        """As when a server has given up root: only what is new is read."""
        asked: list[str] = []

        def refuse(_: object, endpoint: str) -> object:
            asked.append(endpoint)
            raise PermissionError(13, "Permission denied", "key.pem")

        self.renewal._endpoint_for = refuse
        self.assertEqual((self.renewal.prepare([self.endpoint])(), asked), ([], []))
        write_certificate(self.home, 2)
        self.assertEqual(self.refused(), "Permission denied: key.pem")
        self.clock.pump([INTERVAL])
        self.assertEqual(self.refused(), "Permission denied: key.pem", "also when it was told before")

    def refused(self) -> str:
        return str(self.assertRaises(CannotRenew, self.renewal.prepare, [self.endpoint]))

    def test_refused(self) -> None:
        write_certificate(self.home, 2, with_key=False)
        self.assertEqual(self.refused(), "the key is not the one of the certificate")
        (self.home / "cert.pem").write_text("nothing")
        self.assertIn("PEM", self.refused())
        (self.home / "cert.pem").unlink()
        self.assertEqual(self.refused(), f"No such file or directory: {self.home.absolute()}/cert.pem")
        self.assertEqual(shown(self.contexts), 1)

    def test_what_is_left_of_an_endpoint(self) -> None:
        self.assertEqual(without_files(self.endpoint + ":interface=::1"), "ssl:443:interface=::1")
        self.assertEqual(without_files(r"ssl:1:certKey=C\:\\a:privateKey=b\:c:extraCertChain=d:x=y"), "ssl:1:x=y")
