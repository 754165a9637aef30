"""TLS passed through: connections whose ClientHello asks for the name of a ``tls`` tunnel go there as they are.

Need
    The certificate is the service's, and so are ALPN and certificates of clients: the server reads the name that a
    visitor asks for, and nothing else of its TLS.  Tunnels share a listener with the server's own TLS, to which every
    other name goes, with all that was read.

Invariants
    * A name is that of a ``tls`` tunnel or of another kind, never both: the registry has one table.
    * What reaches the tunnel, or the server's own TLS, begins with the first byte of the connection.

Bounds
    A ClientHello has ``client_hello.LIMIT`` bytes, and must be whole after ``handshake_timeout``.  Until then the
    connection has a place like any other, as an idle one, and holds no more than that.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.problems import FORBIDDEN, NO_SUCH_TUNNEL, Problem
from sellia.protocol.client_hello import ClientHello, ClientHelloReader, alert
from sellia.protocol.messages import TunnelKind
from sellia.relay.http.forwarded import UNIX, plain_address
from sellia.relay.http.hosts import canonical_domain, tunnel_label
from sellia.server.ingress.tcp import TcpIngress, TcpVisitor
from sellia.text import field, printable

#: Prefix of an endpoint on which all TLS passes through, so that the server has none of its own there.
PREFIX: Final = "sni:"

_ALERTS: Final = {NO_SUCH_TUNNEL: "unrecognized_name", FORBIDDEN: "access_denied"}

_log = Logger()


def farewell(problem: Problem) -> bytes:
    """Return the alert that a visitor is told of a problem by."""
    return alert(_ALERTS.get(problem, "internal_error"))


class SniFactory(Factory):
    """Builds connections whose name is not known yet.

    ``own`` makes the protocol of a connection that is for the server's own TLS; None where it has none.
    """

    noisy = False

    def __init__(self, ports: TcpIngress, own: Any | None) -> None:
        self.ports = ports
        self.own = own

    def buildProtocol(self, addr: IAddress | None) -> Any:
        connection = SniConnection(self, addr, plain_address(getattr(addr, "host", UNIX)))
        connection.factory = self
        return connection

    def stopFactory(self) -> None:
        if self.own is not None:
            self.own.doStop()


def share(ports: TcpIngress) -> Callable[[Any], None]:
    """Return what has a port that listens for TLS pass on connections to ``tls`` tunnels."""

    def shared(port: Any) -> None:
        port.factory, own = SniFactory(ports, port.factory), port.factory
        port.factory.numPorts = own.numPorts

    return shared


class SniConnection(Protocol):
    """Connection that reads its ClientHello, and then is a tunnel's or the server's own."""

    transport: Any
    factory: SniFactory

    busy = False  #: nobody waits for anything before the name is known

    def __init__(self, factory: SniFactory, addr: IAddress | None, peer: str) -> None:
        self._ports = factory.ports
        self._ingress = factory.ports.ingress
        self._addr = addr
        self._peer = peer
        self._reader: ClientHelloReader | None = ClientHelloReader()
        self._inner: Any = None
        self._place: Any = None
        self._deadline = 0.0

    # --- Twisted ---------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        ingress = self._ingress
        guard = ingress.guard
        limit = guard.full(self._peer, trusted=ingress.trusted.is_trusted(self._peer))
        if limit is not None:
            guard.refused(limit, self._peer, "closed")
            self._reader = None
            self.transport.abortConnection()
            return
        self._place = guard.acquire(self._peer, trusted=ingress.trusted.is_trusted(self._peer))
        self._deadline = ingress.clock.seconds() + ingress.settings.handshake_timeout
        guard.places.idle(self, self._evict)
        ingress.connections.add(self)

    def dataReceived(self, data: bytes) -> None:
        inner, reader = self._inner, self._reader
        if inner is not None:
            inner.dataReceived(data)
        elif reader is not None:
            try:
                hello = reader.feed(data)
            except ValueError as error:
                self._own(str(error))
                return
            if hello is not None:
                self._route(hello)

    def readConnectionLost(self) -> None:
        """Nothing: connectionLost follows, or a protocol that took over is told."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.connectionLost(reason)
        else:
            self._leave()

    # --- once a second: a Watched ------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Cut a connection whose ClientHello is not whole in time."""
        if self._deadline <= now and self._reader is not None:
            self._reader = None
            self._ingress.guard.refused("tls_handshake", self._peer, "closed")
            self.transport.abortConnection()

    def drop(self) -> None:
        """Cut the connection: the server stops."""
        self.transport.abortConnection()

    def drain(self) -> None:
        """Do nothing: what it becomes is told."""

    # --- inside --------------------------------------------------------------------------------------------------

    def _route(self, hello: ClientHello) -> None:
        """Give the connection to the tunnel that its name has, or to the server's own TLS."""
        ingress = self._ingress
        label = None
        if hello.server_name is not None:
            try:
                label = tunnel_label(canonical_domain(hello.server_name), ingress.settings.domain)
            except ValueError:
                label = None
        tunnel = ingress.tunnels.find(label) if label is not None else None
        if label is not None and tunnel is not None and tunnel.kind is TunnelKind.TLS:
            self._become(TcpVisitor(self._ports, label, self._peer, farewell))
            return
        if hello.server_name is None:
            self._own("it asks for no name", "missing_extension")
        else:
            encrypted = " in the open, and perhaps for another one in secret" if hello.encrypted else ""
            name = printable(hello.server_name, 64)
            self._own(f"it asks for {name}{encrypted}, which no tls tunnel has", "unrecognized_name")

    def _own(self, why: str, name: str = "decode_error") -> None:
        """Give the connection to the server's own TLS; where it has none, send an alert and say ``why`` in the log."""
        own = self.factory.own
        if own is not None:
            self._become(own.buildProtocol(self._addr))
            return
        suppressed = self._ingress.guard.rate_limited_log("tls refused")
        if suppressed is not None:
            _log.info(
                "TLS refused: peer={peer} alert={alert} suppressed={suppressed} reason={reason}",
                peer=field(self._peer),
                alert=field(name),
                suppressed=suppressed,
                reason=field(why),
            )
        self._reader = None
        self.transport.write(alert(name))
        self.transport.loseConnection()

    def _become(self, inner: Any) -> None:
        reader, self._reader = self._reader, None
        assert reader is not None
        self._leave()
        transport = self.transport
        if inner is None:
            transport.abortConnection()
            return
        self._inner = inner
        if getattr(transport, "protocol", None) is self:
            transport.protocol = inner  # what comes need not pass by here
        inner.makeConnection(transport)
        inner.dataReceived(reader.data)

    def _evict(self) -> None:
        """Give the place to somebody else."""
        self._reader = None
        self._leave()
        self.transport.abortConnection()

    def _leave(self) -> None:
        ingress = self._ingress
        if self in ingress.connections:
            ingress.connections.discard(self)
            ingress.guard.places.busy(self)
            self._place.release()
