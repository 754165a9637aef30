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
from functools import partial
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from sellia.problems import FORBIDDEN, NO_SUCH_TUNNEL, Problem
from sellia.protocol.client_hello import ClientHello, ClientHelloReader, alert
from sellia.protocol.messages import TunnelKind
from sellia.relay.http.forwarded import UNIX, plain_address
from sellia.relay.http.hosts import canonical_domain, host_label
from sellia.server.ingress.tcp import TcpIngress, TcpVisitor
from sellia.server.listeners.preamble import Preamble
from sellia.text import field, printable

#: Prefix of an endpoint on which all TLS passes through, so that the server has none of its own there.
PREFIX: Final = "sni:"

#: The alert for a connection that asks for no name (RFC 8446, 9.2).
_NO_NAME: Final = "missing_extension"

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


class SniConnection(Preamble[ClientHello]):
    """Connection that reads its ClientHello, and then is a tunnel's or the server's own."""

    factory: SniFactory

    def __init__(self, factory: SniFactory, addr: IAddress | None, peer: str) -> None:
        self._hello = ClientHelloReader()
        super().__init__(factory.ports.ingress, peer, self._hello)
        self._ports = factory.ports
        self._addr = addr

    def connectionMade(self) -> None:
        trusted = self.ingress.trusted.is_trusted(self.peer)
        limit = self.ingress.guard.full(self.peer, trusted=trusted)
        if limit is not None:
            self.cut(limit)
        else:
            self.wait(trusted=trusted)

    def readConnectionLost(self) -> None:
        """Nothing: connectionLost follows, or a protocol that took over is told."""

    def malformed(self, why: str) -> None:
        self._own(why)

    def late(self) -> None:
        self.cut("tls_handshake")

    def found(self, what: ClientHello) -> None:
        """Give the connection to the tunnel that its name has, or to the server's own TLS."""
        ingress, hello = self.ingress, what
        label = None
        if hello.server_name is not None:
            try:
                label = host_label(canonical_domain(hello.server_name), ingress.settings.domain)
            except ValueError:
                label = None
        tunnel = ingress.tunnels.find(label) if label is not None else None
        if label is not None and tunnel is not None and tunnel.kind is TunnelKind.TLS:
            self.become(partial(TcpVisitor, self._ports, label, self.peer, farewell), self._hello.data)
            return
        if hello.server_name is None:
            self._own("it asks for no name", _NO_NAME)
        else:
            encrypted = " in the open, and perhaps for another one in secret" if hello.encrypted else ""
            name = printable(hello.server_name, 64)
            self._own(f"it asks for {name}{encrypted}, which no tls tunnel has", "unrecognized_name")

    def _own(self, why: str, name: str = "decode_error") -> None:
        """Give the connection to the server's own TLS; where it has none, send an alert and say ``why`` in the log."""
        own = self.factory.own
        if own is not None:
            if name == _NO_NAME:
                self._tell_nameless()
            self.become(partial(own.buildProtocol, self._addr), self._hello.data)
            return
        suppressed = self.ingress.guard.rate_limited_log("tls refused")
        if suppressed is not None:
            _log.info(
                "TLS refused: peer={peer} alert={alert} suppressed={suppressed} reason={reason}",
                peer=field(self.peer),
                alert=field(name),
                suppressed=suppressed,
                reason=field(why),
            )
        self.ignore()
        self.transport.write(alert(name))
        self.transport.loseConnection()

    def _tell_nameless(self) -> None:
        """Say that a connection without a name goes to the server's own TLS: it may have been meant for a tunnel."""
        suppressed = self.ingress.guard.rate_limited_log("tls nameless")
        if suppressed is not None:
            _log.info(
                "TLS without a name, which reaches no tls tunnel: peer={peer} suppressed={suppressed}",
                peer=field(self.peer),
                suppressed=suppressed,
            )
