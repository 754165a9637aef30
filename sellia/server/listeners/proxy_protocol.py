"""Listeners for the PROXY protocol: each connection says first whom it is for, and then is that visitor's.

What the header says is the peer's address from then on, for logs, limits, forwarded headers, and for whether such
headers are believed.  A connection without a header is closed without a word, and so is one whose header is not whole
after ``handshake_timeout``.

Anybody who reaches such a listener could say anything: it should be reachable for the proxy only.  Where the settings
name proxies that are trusted, the header is believed from these alone.

Bounds: a connection counts, in all, from its first moment, and for the visitor as soon as it is known; until then it
holds no more than its header.
"""

from functools import partial
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from sellia.protocol.proxy_protocol import Header, HeaderReader
from sellia.relay.http.forwarded import UNIX, plain_address
from sellia.server.ingress.ingress import Ingress
from sellia.server.listeners.factory import VisitorFactory
from sellia.server.listeners.preamble import Preamble

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


class ProxyProtocolConnection(Preamble[Header]):
    """Connection that reads its header, and passes all else to the visitor's connection that it has become."""

    factory: ProxyProtocolFactory

    def __init__(self, factory: ProxyProtocolFactory, peer: str) -> None:
        super().__init__(factory.ingress, peer, HeaderReader())

    def connectionMade(self) -> None:
        ingress = self.ingress
        self.wait(trusted=True)
        if ingress.settings.trust_proxy and not ingress.trusted.is_trusted(self.peer):
            self.cut("proxy_header")

    def found(self, what: Header) -> None:
        peer = self.peer if what.address is None else what.address
        self.become(partial(self.factory.inner.build, peer), what.rest)

    def malformed(self, why: str) -> None:
        self.cut("proxy_header")

    def late(self) -> None:
        self.cut("proxy_header")
