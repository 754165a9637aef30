"""ALPN (RFC 7301) as an endpoint of HTTP/1.1 negotiates it, and the reasons for which a TLS handshake fails, in words.

A factory whose connections speak HTTP/1.1, on which WebSockets begin (RFC 6455, section 4.1), derives from
:class:`SpeaksHttp1`: Twisted ends each handshake that offers protocols to a factory without it.  A client that offers
none is served as before.  :func:`require_common_protocol` gives the clients that offer only others the alert that
RFC 7301, section 3.2 asks for.
"""

from collections.abc import Sequence
from typing import Any, Final

from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.text import printable

#: Names of protocols that are accepted, the preferred first.
PROTOCOLS: Final = (b"http/1.1", b"http/1.0")

#: What OpenSSL's reasons mean where people meet them.  An alert is what the other side says of us.
_REASONS: Final = {
    "http request": "it spoke plain HTTP to a port that does TLS",
    "https proxy request": "it asked a port that does TLS to be its proxy",
    "wrong version number": "what it sent is not TLS",
    "unknown protocol": "what it sent is not TLS",
    "packet length too long": "what it sent is not TLS",
    "record layer failure": "what it sent is not TLS",
    "unexpected message": "it sent a message of TLS out of order",
    "length mismatch": "it sent a damaged message of TLS",
    "bad extension": "it sent a damaged message of TLS",
    "no shared cipher": "it offers no cipher that is allowed here",
    "no suitable key share": "it offers no group for the key exchange that is allowed here",
    "no suitable signature algorithm": "it takes no signature that the certificate here can make",
    "no shared signature algorithms": "it takes no signature that the certificate here can make",
    "unsupported protocol": "it speaks only versions of TLS that are too old",
    "version too low": "it speaks only versions of TLS that are too old",
    "inappropriate fallback": "it asked for an older version of TLS than it can speak",
    "alert unknown ca": "it does not know who signed the certificate that it was shown",
    "alert bad certificate": "it does not take the certificate that it was shown",
    "alert certificate unknown": "it does not take the certificate that it was shown",
    "alert certificate expired": "it says that the certificate that it was shown has expired",
    "alert certificate revoked": "it says that the certificate that it was shown was revoked",
    "alert unsupported certificate": "it does not take a certificate of this kind",
    "alert protocol version": "it speaks no version of TLS that is allowed here",
    "alert insufficient security": "it asks for a stronger cipher",
    "alert handshake failure": "it found nothing to agree on",
    "alert unrecognized name": "it does not know the host name that it was asked for",
    "alert no application protocol": "it does not speak HTTP/1.1",
    "alert user canceled": "its user gave up",
    "alert internal error": "it failed inside",
    "alert decode error": "it could not read what it was sent",
    "alert decrypt error": "it could not verify what it was sent",
}


class NoCommonProtocol(SSL.Error):
    """Error: the client offers protocols, and none of ours.  Its argument is a queue of errors, as Twisted reads it."""

    def __init__(self, sentence: str) -> None:
        super().__init__([("", "", sentence)])


@implementer(IProtocolNegotiationFactory)
class SpeaksHttp1:
    """A factory, of either end, whose connections speak HTTP/1.1."""

    def acceptableProtocols(self) -> list[bytes]:
        return list(PROTOCOLS[:1])


def require_common_protocol(context_factory: Any) -> None:
    """Have the contexts of a listener answer an offer without HTTP/1 with the alert ``no_application_protocol``.

    Without it the handshake fails all the same, and the client is told of an internal error.
    """

    def select(connection: SSL.Connection, offered: Sequence[bytes]) -> bytes:
        for each in PROTOCOLS:
            if each in offered:
                return each
        names = ", ".join(printable(each.decode("latin-1"), 16) for each in offered[:4])
        raise NoCommonProtocol(f"it offers {names or 'nothing'}, and only http/1.1 is spoken here")

    context_factory.getContext().set_alpn_select_callback(select)


def handshake_fault(failure: Failure | None) -> str:
    """Why a handshake failed, to go on after the other side's address."""
    error = failure.value if failure is not None else None
    if isinstance(error, NoCommonProtocol):
        return str(error.args[0][-1][2])
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        for entry in error.args[0]:
            reason = str(entry[2]).lower()
            for known, words in _REASONS.items():
                if reason.endswith(known):
                    return words
        return "it broke the rules of TLS"
    if isinstance(error, ConnectionLost):
        return "it broke off"
    return "it left before the handshake was done"
