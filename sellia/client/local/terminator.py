"""TLS that ends at the client, for ``tls`` tunnels with a certificate: the service is sent what was in it.

What the server passes through is TLS, and goes by a pair of sockets to Twisted's TLS in this process, as it would go to
a service of its own; what comes out of that goes to the service.  So bytes, pressure and ends are the sockets' affair.

Bounds: a handshake must be done ``HANDSHAKE`` seconds after the connection was made; the sockets' buffers are the
kernel's.  A reset cannot pass TLS: the other side sees a connection that is cut without its end.
"""

import socket
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.local.dial import ServiceSocket
from sellia.client.tls import certificate_options
from sellia.text import field
from sellia.transports.file_states import file_states
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.sockets import half_close
from sellia.transports.reactor.waiting import cancel
from sellia.transports.tls import handshake_fault
from sellia.transports.tls_half_close import HalfClosingTls

#: Seconds for a visitor's TLS handshake.
HANDSHAKE: Final = 15.0

_log = Logger()


class Terminator:
    """Ends TLS for one tunnel, with the certificate and key in two files, which are read again when they change."""

    def __init__(self, reactor: Any, cert: str, key: str) -> None:
        self._reactor = reactor
        self._files = cert, key
        self._state = file_states(self._files)
        self._contexts = certificate_options(cert, key)

    def dial(
        self,
        dial: "Callable[[Callable[[], ServiceSocket]], Deferred[ServiceSocket]]",
        make: Callable[[], ServiceSocket],
        header: bytes,
    ) -> "Deferred[ServiceSocket]":
        """Dial the service, which is sent ``header`` first; the connection that is made is TLS to this process."""
        dialed = dial(_ServiceSide)
        dialed.addCallback(lambda service: self._join(service, make(), header))
        return dialed

    def _join(self, service: Any, pipe: ServiceSocket, header: bytes) -> ServiceSocket:
        if header:
            service.transport.write(header)
        visitor = _VisitorSide(service, self._reactor)
        service.visitor = visitor
        tls = TLSMemoryBIOFactory(self._current(), False, _once(visitor), self._reactor)
        tls.noisy = False
        tls.protocol = HalfClosingTls
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for end, factory in ((theirs, tls), (ours, _once(pipe))):
                end.setblocking(False)
                self._reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
        return pipe

    def _current(self) -> Any:
        """Return what TLS is spoken with; what cannot be read, or does not fit together, changes nothing."""
        state = file_states(self._files)
        if state != self._state:
            self._state = state
            try:
                self._contexts = certificate_options(*self._files)
            except (OSError, ValueError) as error:
                _log.warn("the certificate is not renewed: {reason}", reason=field(str(error)))
            else:
                _log.info("certificate renewed: files={files}", files=field(",".join(self._files)))
        return self._contexts


def _once(protocol: Protocol) -> Factory:
    """Return a factory of one protocol, which is there already."""
    factory = Factory()
    factory.noisy = False
    factory.buildProtocol = lambda addr: protocol  # type: ignore[method-assign]
    return factory


class _ServiceSide(ServiceSocket):
    """Socket to the service: what it says goes into TLS."""

    visitor: "_VisitorSide | None" = None

    def dataReceived(self, data: bytes) -> None:
        if self.visitor is not None:
            self.visitor.transport.write(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        visitor, self.visitor = self.visitor, None
        if visitor is not None:
            visitor.service_gone(reason is not None and reason.check(ConnectionDone) is not None)


@implementer(IHandshakeListener)
class _VisitorSide(Protocol):
    """The visitor's side, inside of TLS: what comes out goes to the service."""

    transport: Any

    def __init__(self, service: _ServiceSide, clock: Any) -> None:
        self._service: _ServiceSide | None = service
        self._clock = clock
        self._handshake = True
        self._timer: Any = None

    def connectionMade(self) -> None:
        assert self._service is not None
        self._timer = self._clock.callLater(HANDSHAKE, self.transport.abortConnection)
        self.transport.registerProducer(self._service.transport, True)
        self._service.transport.registerProducer(self.transport, True)

    def handshakeCompleted(self) -> None:
        self._handshake = False
        cancel(self._timer)

    def dataReceived(self, data: bytes) -> None:
        if self._service is not None:
            self._service.transport.write(data)

    def readConnectionLost(self) -> None:
        """Tell the service that the visitor says nothing more."""
        if self._service is not None:
            self._service.transport.unregisterProducer()
            half_close(self._service.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        cancel(self._timer)
        service, self._service = self._service, None
        if service is not None:
            service.visitor = None
            service.transport.unregisterProducer()
            service.transport.loseConnection()
        if self._handshake:
            end = line(self._clock, "tls failed")
            if end is not None:
                _log.info(
                    "the TLS handshake of a visitor failed: reason={reason}{end}",
                    reason=field(handshake_fault(reason)),
                    end=end,
                )

    def service_gone(self, orderly: bool) -> None:
        """End TLS behind what was said, or break it off."""
        self._service = None
        self.transport.unregisterProducer()
        if orderly:
            self.transport.loseConnection()
        else:
            self.transport.abortConnection()
