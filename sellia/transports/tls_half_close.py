"""Half-close over TLS: a peer that has sent ``close_notify`` behind its request is answered (RFC 8446, 6.1).

Twisted answers ``close_notify`` with its own and closes the connection, whatever the protocol above has still to say.
:class:`HalfClosingTls` tells a protocol with half-close, as a TCP transport does, and goes on writing.

Invariants
    FIN without ``close_notify`` ends the connection: what came before it may have been cut short.  FIN behind
    ``close_notify`` says nothing new.

It leans on one private name of Twisted's, ``TLSMemoryBIOProtocol._tlsConnection``; without it ``close_notify`` ends the
connection as before.
"""

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.main import CONNECTION_DONE
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer


class _Connection:
    """An OpenSSL connection that says "nothing has come yet" behind ``close_notify`` where ``ended`` returns True."""

    def __init__(self, connection: Any, ended: Callable[[], bool]) -> None:
        self.connection = connection
        self._ended = ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def recv(self, size: int) -> bytes:
        """Return what has been decrypted.  Raises as OpenSSL's does."""
        try:
            data: bytes = self.connection.recv(size)
        except SSL.ZeroReturnError:
            if self._ended():
                raise SSL.WantReadError from None
            raise
        return data


@implementer(IHalfCloseableProtocol)
class HalfClosingTls(BufferingTLSTransport):
    """A TLS transport whose protocol is told of ``close_notify`` by ``readConnectionLost``, if it has that."""

    _ended = False

    _tlsConnection: Any
    transport: Any

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(transport)
        connection = getattr(self, "_tlsConnection", None)
        if connection is not None:
            self._tlsConnection = _Connection(connection, self._notified)

    def getHandle(self) -> Any:
        """Return OpenSSL's connection itself: who asks for it may look at its class, as Autobahn does."""
        handle = self._tlsConnection
        return handle.connection if isinstance(handle, _Connection) else handle

    def _notified(self) -> bool:
        """The peer says nothing more: whether the protocol above goes on."""
        if self._ended:
            return True
        told = getattr(self.wrappedProtocol, "readConnectionLost", None)
        if told is None or self.disconnecting:
            return False
        self._ended = True
        told()
        return True

    def readConnectionLost(self) -> None:
        """The peer has sent FIN."""
        if not self._ended:
            self.transport.connectionLost(Failure(CONNECTION_DONE))

    def writeConnectionLost(self) -> None:
        """Nothing: it is never half-closed from here."""


def allow_half_close(port: Any) -> bool:
    """Have a listening port make its TLS transports half-closing; return whether it speaks TLS."""
    factory = getattr(port, "factory", None)
    if not isinstance(factory, TLSMemoryBIOFactory):
        return False
    if issubclass(HalfClosingTls, factory.protocol):
        factory.protocol = HalfClosingTls
    return True
