"""TLS to a service.

A service on the machine itself nearly always has a certificate that its own developer signed, and nobody can stand
between it and us: towards loopback any certificate will do.  Towards every other host it must be valid for the name
that was given, as anywhere.  Whoever knows better says so.

No protocol is negotiated (ALPN): without it HTTP/1.1 is spoken, and there are services that fail when it is offered.
"""

from ipaddress import ip_address
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.relay.text import printable


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
        return optionsForClientTLS(host)
    return AnyCertificate(host)


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
    if isinstance(error, VerificationError):
        return "has a certificate that is for another host name"
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        words = ", ".join(str(entry[2]) for entry in error.args[0] if entry[2])
        if words:
            return f"could not agree on TLS: {printable(words, 200)}"
    return "ended the connection during the TLS handshake"
