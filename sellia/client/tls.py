"""TLS client side: connections to a service, and to the server.

A service on the machine itself nearly always has a certificate that its own developer signed, and nobody can stand
between it and us: towards loopback any certificate will do.  Towards every other host it must be valid for the name
that was given, as anywhere.  Whoever knows better says so.

The verification is Twisted's, but for two things: what is wrong with a certificate is told in plain words, and a
certificate that cannot be read, or that names nobody, is as bad as one that names somebody else.  Twisted writes a
traceback for such a one, and takes it if somebody trusted has signed it.

Trusted are the authorities that OpenSSL trusts, whose files ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace, and those
of a file that a setting names (`authorities`).

No protocol is negotiated (ALPN): without it HTTP/1.1 is spoken, and there are services that fail when it is offered.
"""

import warnings
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import (
    DNS_ID,
    CertificatePattern,
    DNSPattern,
    IPAddress_ID,
    ServiceID,
    verify_service_identity,
)
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, optionsForClientTLS
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import SelliaError
from sellia.private_names import require
from sellia.relay.http.hosts import is_loopback
from sellia.text import printable

try:
    from twisted.internet._sslverify import IOpenSSLTrustRoot
except ImportError:  # say which version lacks it, and what to do
    require("client")
    raise

#: Sentences for the results of verification (X509_V_ERR_...) that people meet; "its certificate" goes before.
_CHAIN_FAULTS: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by nobody but itself",
    19: "is signed by nobody whom this machine trusts",
    20: "is signed by nobody whom this machine trusts",
    21: "is signed by nobody whom this machine trusts",
    23: "was revoked",
    24: "is signed by somebody who may sign none",
    26: "is not meant for servers",
    66: "has a key that is too weak",
    67: "is signed by a key that is too weak",
    68: "is signed with an algorithm that is too weak",
}

#: Results of verification that mean an unknown authority, which a setting can remedy.
_UNTRUSTED: Final = (18, 19, 20, 21)

#: Sentences for the reasons of OpenSSL's errors, by how a reason ends.
_REASONS: Final = {
    "wrong version number": "does not speak TLS: is it http:// that it speaks?",
    "packet length too long": "does not speak TLS: is it http:// that it speaks?",
    "record layer failure": "does not speak TLS: is it http:// that it speaks?",
    "unknown protocol": "does not speak TLS: is it http:// that it speaks?",
    "unsupported protocol": "speaks only versions of TLS that are too old",
    "alert protocol version": "speaks no version of TLS that is spoken here",
    "version too low": "speaks only versions of TLS that are too old",
    "alert handshake failure": "found no cipher that both sides take, or wants a certificate of the client",
    "alert insufficient security": "asks for stronger ciphers",
    "alert unrecognized name": "has no certificate for this host name",
    "alert certificate required": "wants a certificate of the client, which Sellia does not have",
    "alert bad certificate": "wants a certificate of the client, which Sellia does not have",
    "alert no application protocol": "does not speak HTTP/1.1 over TLS",
    "alert internal error": "failed inside during the TLS handshake",
    "dh key too small": "has a key that is too weak",
    "ee key too small": "has a key that is too weak",
    "ca md too weak": "has a certificate that is signed too weakly",
    "unsafe legacy renegotiation disabled": "speaks a TLS that is too old to be safe",
}

#: Certificates that a file of authorities may have, and its size in bytes.
_AUTHORITIES_LIMIT: Final = 1_000
_FILE_LIMIT: Final = 4 << 20

#: Remedies for a certificate of an unknown authority: a service's, and a server's.
LOCAL_REMEDY: Final = "if it is a private one, give its authority's file as local_ca, or say local_verify: false"
SERVER_REMEDY: Final = "if it is a private one, give its authority's file with --ca, or in SSL_CERT_FILE"

#: Host names of a certificate that a message lists at most.
_NAMES_SHOWN: Final = 5


class BadCertificate(SelliaError):
    """Certificate that is not valid for the peer; `str` goes on after the peer's name."""


def connection_creator(host: str, verify: bool | None = None, ca: str | None = None, remedy: str = LOCAL_REMEDY) -> Any:
    """Return the maker of TLS connections to ``host``, whose certificate is verified unless the host is on loopback.

    ``verify`` overrides that.  ``ca`` names a file with authorities that are trusted besides those of the machine, and
    implies it.  ``remedy`` tells what to do about a certificate of an unknown authority.
    """
    if verify is None:
        verify = ca is not None or not is_loopback(host)
    if verify:
        return ValidCertificate(host, authorities(ca) if ca is not None else None, remedy)
    return AnyCertificate(host)


def authorities(path: str) -> "MoreAuthorities":
    """Read the certificates of a PEM file.  Raises OSError, or ValueError that says what is wrong with it."""
    with open(path, "rb") as file:
        data = file.read(_FILE_LIMIT + 1)
    if len(data) > _FILE_LIMIT:
        raise ValueError(f"is larger than {_FILE_LIMIT >> 20} MiB")
    try:
        with warnings.catch_warnings():
            # Of what is odd about certificates that this machine trusts anyway, the user need not hear.
            warnings.simplefilter("ignore")
            found = x509.load_pem_x509_certificates(data)
    except ValueError:
        found = []
    if not found:
        raise ValueError("has no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    if len(found) > _AUTHORITIES_LIMIT:
        raise ValueError(f"has more than {_AUTHORITIES_LIMIT} certificates")
    return MoreAuthorities(found)


@implementer(IOpenSSLTrustRoot)
class MoreAuthorities:
    """Trust root: the authorities of this machine, and some more."""

    def __init__(self, more: list[x509.Certificate]) -> None:
        self._more = [crypto.X509.from_cryptography(each) for each in more]

    def _addCACertsToContext(self, context: SSL.Context) -> None:
        context.set_default_verify_paths()
        store = context.get_cert_store()
        assert store is not None
        for each in self._more:
            store.add_cert(each)
        # A certificate that signed itself counts as an authority where it is named outright.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)


@implementer(IOpenSSLClientConnectionCreator)
class ValidCertificate:
    """Verifies that a certificate is for ``host``, and signed by ``trusted`` or an authority of this machine."""

    def __init__(self, host: str, trusted: "Certificate | MoreAuthorities | None" = None, remedy: str = "") -> None:
        self._host = host
        self._remedy = f" ({remedy})" if remedy else ""
        self._creator = optionsForClientTLS(host, trustRoot=trusted)
        self._name: ServiceID
        try:
            ip_address(host)
        except ValueError:
            self._name = DNS_ID(host)
        else:
            self._name = IPAddress_ID(host)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection: SSL.Connection = self._creator.clientConnectionForTLS(tlsProtocol)
        told = tlsProtocol

        def verify(_: SSL.Connection, certificate: Any, error: int, depth: int, ok: int) -> bool:
            nonlocal told
            fault = "" if ok else _CHAIN_FAULTS.get(error, "could not be verified")
            if error in _UNTRUSTED and not ok:
                fault += self._remedy
            if not depth and not fault:
                fault = _misnamed(certificate, self._name, self._host)
            if fault and told is not None:
                told.failVerification(Failure(BadCertificate(f"has a certificate that {fault}")))
                told = None  # it is told once, and not kept
            return not fault

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection


def _misnamed(certificate: Any, name: ServiceID, host: str) -> str:
    """Return why this is not the certificate of that name, or an empty string if it is."""
    try:
        verify_service_identity(_patterns(certificate), [name], [])
    except VerificationError:
        return f"is for {_names(certificate)}, and not for {printable(host)}"
    except CertificateError:
        return f"names no host as certificates must (subjectAltName){_common_name(certificate)}"
    except Exception:  # it is the other side's, and may be anything
        return "cannot be read"
    return ""


def _patterns(certificate: Any) -> Sequence[CertificatePattern]:
    """Return the valid names; one that is not, such as ``*.localhost``, does not spoil the others."""
    try:
        return extract_patterns(certificate)
    except CertificateError:
        good: list[CertificatePattern] = []
        for each in _alternatives(certificate).get_values_for_type(x509.DNSName):
            try:
                good.append(DNSPattern.from_bytes(each.encode("ascii")))
            except (CertificateError, UnicodeError):
                continue
        return good


def _alternatives(certificate: Any) -> x509.SubjectAlternativeName:
    try:
        found = certificate.to_cryptography().extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])
    value: x509.SubjectAlternativeName = found.value
    return value


def _names(certificate: Any) -> str:
    """Return the hosts that a certificate with names is for, as a list for people."""
    listed = _alternatives(certificate)
    hosts = [*listed.get_values_for_type(x509.DNSName), *map(str, listed.get_values_for_type(x509.IPAddress))]
    shown = ", ".join(printable(each, 100) for each in hosts[:_NAMES_SHOWN])
    more = f" and {len(hosts) - _NAMES_SHOWN} more" if len(hosts) > _NAMES_SHOWN else ""
    return shown + more or "something that is no host"


def _common_name(certificate: Any) -> str:
    try:
        found = certificate.to_cryptography().subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except Exception:  # it may be anything
        return ""
    return f", only {printable(str(found[0].value), 100)} in the old way (CN)" if found else ""


@implementer(IOpenSSLClientConnectionCreator)
class AnyCertificate:
    """Accepts every certificate, and sends the host's name (SNI, RFC 6066) as usual."""

    def __init__(self, host: str) -> None:
        self._context = CertificateOptions(verify=False).getContext()
        try:
            ip_address(host)
        except ValueError:
            self._name = host.encode("idna")
        else:
            self._name = b""  # RFC 6066, section 3: no addresses here

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._name:
            connection.set_tlsext_host_name(self._name)
        return connection


def explain(reason: Failure | None) -> str:
    """Return why a handshake failed, as a sentence that goes on after the service's name."""
    error = reason.value if reason is not None else None
    if isinstance(error, BadCertificate):
        return str(error)
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        for entry in error.args[0]:
            said = str(entry[2]).lower()
            for known, words in _REASONS.items():
                if said.endswith(known):
                    return words
        if any(entry[2] for entry in error.args[0]):
            return "does not agree on TLS"
    return "ended the connection during the TLS handshake"


def certificate_options(cert: str, key: str) -> CertificateOptions:
    """Return what TLS is spoken with, from two PEM files.  Raises ValueError or OSError."""
    with open(cert, "rb") as file:
        chain = file.read()
    with open(key, "rb") as file:
        private = file.read()
    try:
        first, *more = x509.load_pem_x509_certificates(chain)
        loaded = crypto.load_privatekey(crypto.FILETYPE_PEM, private, b"")
        options = CertificateOptions(
            privateKey=loaded,
            certificate=crypto.X509.from_cryptography(first),
            extraCertChain=[crypto.X509.from_cryptography(each) for each in more],
        )
        options.getContext().check_privatekey()
    except Exception:  # OpenSSL and cryptography raise what they like
        raise ValueError("is no certificate in PEM that belongs to the key, or the key has a password") from None
    return options
