"""TLS to a service, and to the server.

A service on the machine itself nearly always has a certificate that its own developer signed, and nobody can stand
between it and us: towards loopback any certificate will do.  Towards every other host it must be valid for the name
that was given, as anywhere.  Whoever knows better says so.

The verification is Twisted's, but for two things: what is wrong with a certificate is told in plain words, and a
certificate that cannot be read, or that names nobody, is as bad as one that names somebody else.  Twisted writes a
traceback for such a one, and takes it if somebody trusted has signed it.

No protocol is negotiated (ALPN): without it HTTP/1.1 is spoken, and there are services that fail when it is offered.
"""

from ipaddress import ip_address
from typing import Any, Final

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, optionsForClientTLS
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import SelliaError
from sellia.relay.text import printable

#: What OpenSSL's numbers mean (X509_V_ERR_...) that people meet; "its certificate" goes before.
_CHAIN_FAULTS: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by nobody but itself",
    19: "is signed by nobody whom this machine trusts",
    20: "is signed by nobody whom this machine trusts",
    21: "is signed by nobody whom this machine trusts",
}


class BadCertificate(SelliaError):
    """The other side's certificate is not good; `str` goes on after its name."""


def is_loopback(host: str) -> bool:
    """Whether a connection to this host stays on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def connection_creator(host: str, verify: bool | None = None) -> Any:
    """What makes TLS connections to ``host``; without a word on ``verify``, verified unless it is on loopback."""
    if verify is None:
        verify = not is_loopback(host)
    if verify:
        return ValidCertificate(host)
    return AnyCertificate(host)


@implementer(IOpenSSLClientConnectionCreator)
class ValidCertificate:
    """Takes a certificate for ``host`` that ``trusted`` has signed, or somebody whom this machine trusts."""

    def __init__(self, host: str, trusted: Certificate | None = None) -> None:
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
            fault = "" if ok else _CHAIN_FAULTS.get(error, f"was not verified (X509_V_ERR {error})")
            if not depth and not fault:
                fault = _misnamed(certificate, self._name)
            if fault and told is not None:
                told.failVerification(Failure(BadCertificate(f"has a certificate that {fault}")))
                told = None  # it is told once, and not kept
            return not fault

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection


def _misnamed(certificate: Any, name: ServiceID) -> str:
    """Why this is not the certificate of that name; empty if it is."""
    try:
        verify_service_identity(extract_patterns(certificate), [name], [])
    except VerificationError:
        return "is for another host name"
    except CertificateError:
        return "is for no host name at all"
    except Exception:  # it is the other side's, and may be anything
        return "cannot be read"
    return ""


@implementer(IOpenSSLClientConnectionCreator)
class AnyCertificate:
    """Takes whatever certificate the service has, and names the host to it (SNI) as usual."""

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
    """Why a handshake failed, to go on after the name of the service."""
    error = reason.value if reason is not None else None
    if isinstance(error, BadCertificate):
        return str(error)
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        words = ", ".join(str(entry[2]) for entry in error.args[0] if entry[2])
        if words:
            return f"could not agree on TLS: {printable(words, 200)}"
    return "ended the connection during the TLS handshake"
