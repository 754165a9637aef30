"""Reasons for which a link's connection broke off, in our words: what Twisted, OpenSSL and the system say of it."""

import errno
from typing import Any, Final

from OpenSSL import SSL
from twisted.python.failure import Failure

from sellia.errors import SelliaError
from sellia.text import printable

#: Error numbers of the system, and what they mean.
_CAUSES: Final[dict[object, str]] = {
    errno.ECONNRESET: ": the other side, or a device between, reset it",
    errno.ETIMEDOUT: ": nothing was acknowledged for too long",
    errno.EHOSTUNREACH: ": no way leads to the other side any more",
    errno.ENETUNREACH: ": no way leads to the other side any more",
    errno.ENETDOWN: ": the network of this machine is down",
}


def closed_reason(link: Any) -> str:
    """Return why the other side of a link says that it closed it; empty if it sent no close frame."""
    code = getattr(link, "remoteCloseCode", None)
    if code is None:
        return ""
    said = getattr(link, "remoteCloseReason", None) or ""
    return f"the other side closed it with code {code}" + (f": {printable(said)}" if said else "")


def lost_reason(failure: Failure) -> str:
    """Return why a connection ended without a close frame."""
    error = failure.value
    if isinstance(error, SelliaError):
        return f"the other side {printable(str(error))}"
    if isinstance(error, SSL.Error):
        return "the connection broke off in the middle of TLS"
    cause = getattr(error, "osError", None) or getattr(error, "errno", None)
    return "the connection broke off" + _CAUSES.get(cause, "")
