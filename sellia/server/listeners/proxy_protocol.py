"""Listeners for the PROXY protocol: each connection says first whom it is for, and then is that visitor's.

What the header says is the peer's address from then on, for logs, limits, forwarded headers, and for whether such
headers are believed.  A connection without a header is closed without a word, and so is one whose header is not whole
after ``handshake_timeout``.

Anybody who reaches such a listener could say anything: it should be reachable for the proxy only.  Where the settings
name proxies that are trusted, the header is believed from these alone.

Bounds: a connection counts, in all, from its first moment, and for the visitor as soon as it is known; until then it
holds no more than its header.
"""

from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from sellia.protocol.proxy_protocol import HeaderReader
from sellia.relay.http.forwarded import UNIX, plain_address
from sellia.server.ingress.ingress import Ingress
from sellia.server.listeners.factory import VisitorFactory

#: Prefix of an endpoint that asks for the PROXY protocol.
PREFIX: Final = "haproxy:"


class ProxyProtocolFactory(Factory):
    """Builds a :class:`ProxyProtocolConnection` for each connection, and what it becomes with ``factory``."""

    noisy = False

    def __init__(self, ingress: Ingress, factory: VisitorFactory) -> None:
        self.ingress = ingress
        self.inner = factory

    def buildProtocol(self, addr: IAddress | None) -> Any:
        peer = plain_address(getattr(addr, "host", UNIX))
        limit = self.ingress.guard.full(peer, trusted=True)
        if limit is not None:
            return self.inner.turn_away(peer, limit)
        connection = ProxyProtocolConnection(self, peer)
        connection.factory = self
        return connection


class ProxyProtocolConnection(Protocol):
    """Connection that reads its header, and passes all else to the visitor's connection that it has become."""

    transport: Any
    factory: ProxyProtocolFactory

    busy = False  #: nobody waits for anything before the header has come

    def __init__(self, factory: ProxyProtocolFactory, peer: str) -> None:
        self._ingress = factory.ingress
        self._peer = peer
        self._reader: HeaderReader | None = HeaderReader()
        self._inner: Any = None
        self._deadline = 0.0

    def connectionMade(self) -> None:
        ingress = self._ingress
        self._place = ingress.guard.acquire(self._peer, trusted=True)
        self._deadline = ingress.clock.seconds() + ingress.settings.handshake_timeout
        ingress.guard.places.idle(self, self._evict)
        ingress.connections.add(self)
        if ingress.settings.trust_proxy and not ingress.trusted.is_trusted(self._peer):
            self._refuse()

    def dataReceived(self, data: bytes) -> None:
        inner = self._inner
        if inner is not None:
            inner.dataReceived(data)
            return
        reader = self._reader
        if reader is None:
            return
        try:
            header = reader.feed(data)
        except ValueError:
            self._refuse()
            return
        if header is not None:
            self._become(header.address, header.rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.connectionLost(reason)
        else:
            self._leave()

    def check(self, now: float) -> None:
        """Refuse a header that is not whole in time; called once a second."""
        if self._deadline <= now and self._reader is not None:
            self._refuse()

    def drop(self) -> None:
        """Cut the connection: the server stops."""
        self.transport.abortConnection()

    def drain(self) -> None:
        """Do nothing: the visitor's connection answers 503."""

    # --- inside --------------------------------------------------------------------------------------------

    def _become(self, address: str | None, rest: bytes) -> None:
        self._reader = None
        self._leave()
        inner = self._inner = self.factory.inner.build(self._peer if address is None else address)
        transport = self.transport
        if getattr(transport, "protocol", None) is self:
            transport.protocol = inner  # what comes need not pass by here
        inner.makeConnection(transport)
        if rest:
            inner.dataReceived(rest)

    def _evict(self) -> None:
        """Give the place to somebody else."""
        self._reader = None
        self._leave()
        self.transport.abortConnection()

    def _refuse(self) -> None:
        self._reader = None
        self._ingress.guard.refused("proxy_header", self._peer, "closed")
        self.transport.abortConnection()

    def _leave(self) -> None:
        if self in self._ingress.connections:
            self._ingress.connections.discard(self)
            self._ingress.guard.places.busy(self)
            self._place.release()
