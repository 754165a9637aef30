"""Factory of connections as they arrive: a visitor's, or one for which there is no room."""

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from sellia.relay.http.forwarded import UNIX, plain_address
from sellia.server.ingress.connection import VisitorConnection
from sellia.server.ingress.ingress import Ingress
from sellia.server.listeners.overflow import OverflowConnection
from sellia.transports.tls import SpeaksHttp1


class VisitorFactory(SpeaksHttp1, Factory):
    """Builds the protocol of each connection of a listener."""

    noisy = False

    def __init__(self, ingress: Ingress) -> None:
        self.ingress = ingress

    def buildProtocol(self, addr: IAddress | None) -> VisitorConnection | OverflowConnection:
        return self.build(plain_address(getattr(addr, "host", UNIX)))

    def build(self, peer: str) -> VisitorConnection | OverflowConnection:
        """Return the protocol of a connection from ``peer``."""
        ingress = self.ingress
        limit = ingress.guard.full(peer, trusted=ingress.trusted.is_trusted(peer))
        if limit is not None:
            return self.turn_away(peer, limit)
        connection = VisitorConnection(ingress, peer)
        connection.factory = self
        return connection

    def turn_away(self, peer: str, limit: str) -> OverflowConnection:
        """Return the protocol of a connection from ``peer`` for which there is no room, by that limit."""
        connection = OverflowConnection(self.ingress, peer, limit)
        connection.factory = self
        return connection
