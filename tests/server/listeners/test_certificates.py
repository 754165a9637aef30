"""Certificates that are chosen by the name that a visitor asks for."""

import datetime
import os
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet.ssl import CertificateOptions
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.listeners import certificates
from sellia.server.listeners.certificates import FILE_LIMIT, Certificates
from sellia.server.listeners.reasons import CannotRenew
from tests.server.listeners.handshakes import certificate_shown


def write(cert: Path, key: Path | None, *names: str) -> None:
    """A certificate for these names, and its key; in the same file where ``key`` is None."""
    made = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(
        subject, subject, made.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=9000)
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
    text = builder.sign(made, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    cert.parent.mkdir(parents=True, exist_ok=True)
    cert.write_bytes(text + (secret if key is None else b""))
    if key is not None:
        key.write_bytes(secret)


class CertificatesCase(SynchronousTestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.home = Path(temporary.name)
        write(self.home / "own.pem", None, "tunnel.example")
        self.own = self.context("own.pem")

    def context(self, name: str) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate_file(str(self.home / name))
        context.use_privatekey_file(str(self.home / name))
        return context

    def using(self, *paths: str) -> Certificates:
        found = Certificates()
        found.prepare([str(self.home / each) for each in paths])()
        found.choose_in(self.own)
        return found

    def shown(self, name: str | None) -> str:
        """The common name of the certificate that a visitor of ``name`` is shown."""
        server, client = SSL.Connection(self.own), SSL.Connection(CertificateOptions().getContext())
        if name is not None:
            client.set_tlsext_host_name(name.encode())
        return str(certificate_shown(server, client).get_subject().CN)


class ChoiceTests(CertificatesCase):
    def test_by_name(self) -> None:
        write(self.home / "shop.pem", self.home / "shop.key", "shop.example.org", "www.example.org")
        write(self.home / "any.pem", None, "*.customers.example.org")
        self.using("shop.pem", "any.pem")
        for name, found in (
            ("shop.example.org", "shop.example.org"),
            ("WWW.Example.ORG", "shop.example.org"),
            ("shop.example.org.", "shop.example.org"),
            ("a.customers.example.org", "*.customers.example.org"),
            ("a.b.customers.example.org", "tunnel.example"),
            ("customers.example.org", "tunnel.example"),
            ("example.org", "tunnel.example"),
            ("tunnel.example", "tunnel.example"),
            (None, "tunnel.example"),
        ):
            self.assertEqual(self.shown(name), found, name)

    def test_none(self) -> None:
        self.assertFalse(self.using())
        self.assertEqual(self.shown("shop.example.org"), "tunnel.example")

    def test_a_directory(self) -> None:
        """Pairs of files, files with both, and directories as certbot has them; nothing else is looked at."""
        folder = self.home / "all"
        write(folder / "a.example.pem", folder / "a.example.key", "a.example")
        write(folder / "b.example.crt", folder / "b.example-key.pem", "b.example")
        write(folder / "c.pem", None, "c.example")
        write(folder / "live" / "fullchain.pem", folder / "live" / "privkey.pem", "d.example")
        write(folder / "live" / "cert.pem", None, "no.example")
        (folder / "README").write_text("x")
        (folder / "empty").mkdir()
        found = self.using("all")
        for name in ("a.example", "b.example", "c.example", "d.example"):
            self.assertEqual(self.shown(name), name)
        self.assertIsNone(found.find("no.example"))
        found.prepare([str(folder / "live")])()
        self.assertIsNone(found.find("a.example"))
        self.assertIsNotNone(found.find("d.example"))

    def test_the_first_of_a_name(self) -> None:
        write(self.home / "1.pem", None, "shop.example.org", "first.example")
        write(self.home / "2.pem", None, "shop.example.org", "second.example")
        found = self.using("1.pem", "2.pem")
        self.assertIs(found.find("shop.example.org"), found.find("first.example"))


class FaultTests(CertificatesCase):
    def refused(self, *paths: str) -> str:
        return str(self.assertRaises(CannotRenew, Certificates().prepare, [str(self.home / each) for each in paths]))

    def test_what_cannot_be_used(self) -> None:
        write(self.home / "a.pem", self.home / "a.key", "a.example")
        write(self.home / "b.pem", self.home / "b.key", "b.example")
        (self.home / "b.key").write_bytes((self.home / "a.key").read_bytes())
        self.assertIn("b.pem: the key is not the one of the certificate", self.refused("a.pem", "b.pem"))
        (self.home / "b.key").unlink()
        self.assertIn("b.pem: there is no key, neither in it nor beside it", self.refused("b.pem"))
        (self.home / "c.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nxx")
        self.assertIn("c.pem: ", self.refused("c.pem"))
        self.assertIn("No such file", self.refused("missing.pem"))

    def test_bounds(self) -> None:
        write(self.home / "a.pem", None, "a.example")
        (self.home / "a.pem").write_bytes((self.home / "a.pem").read_bytes().ljust(FILE_LIMIT))
        self.using("a.pem")
        with (self.home / "a.pem").open("ab") as file:
            file.write(b"\n")
        self.assertIn(f"more than {FILE_LIMIT} bytes", self.refused("a.pem"))
        for number in range(3):
            write(self.home / "many" / f"{number}.pem", None, f"{number}.example")
        self.patch(certificates, "MOST", 2)
        self.assertIn("more than 2 certificates", self.refused("many"))


class RenewalTests(CertificatesCase):
    def test_new_and_gone(self) -> None:
        """They are found at the next look; what cannot be used leaves what there was, and is told once."""
        folder = self.home / "all"
        write(folder / "a.pem", None, "a.example")
        found = self.using("all")
        write(folder / "b.pem", None, "b.example")
        with capturedLogs() as lines:
            found.check()
            found.check()
        self.assertEqual([each["log_format"].partition(":")[0] for each in lines], ["certificate renewed"])
        self.assertEqual(self.shown("b.example"), "b.example")
        (folder / "b.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nxx")
        with capturedLogs() as lines:
            found.check()
            found.check()
        self.assertEqual([each["log_format"].partition(":")[0] for each in lines], ["certificate not renewed"])
        self.assertEqual(self.shown("b.example"), "b.example")
        os.remove(folder / "b.pem")
        found.check()
        self.assertEqual(self.shown("b.example"), "tunnel.example")
        self.assertEqual(self.shown("a.example"), "a.example")

    def test_again(self) -> None:
        """A reload reads what has changed, and nothing else; it is refused as a whole."""
        write(self.home / "a.pem", None, "a.example")
        found = self.using("a.pem")
        before = found.find("a.example")
        self.assertEqual(found.prepare([str(self.home / "a.pem")])(), [])
        self.assertIs(found.find("a.example"), before)
        write(self.home / "b.pem", None, "b.example")
        commit = found.prepare([str(self.home / "b.pem")])
        self.assertIs(found.find("a.example"), before)
        self.assertEqual(commit(), [str(self.home / "b.pem")])
        self.assertIsNone(found.find("a.example"))
        self.assertRaises(CannotRenew, found.prepare, [str(self.home / "missing.pem")])
        self.assertIsNotNone(found.find("b.example"))
