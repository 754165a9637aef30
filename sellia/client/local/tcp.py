"""A visitor's TCP connection at the service: octets both ways, each way until it ends.

Each side may end its direction and go on in the other (a half-close).  An end that is not orderly resets the stream.
What the visitor sends while the service is being dialled waits here, and is bounded by the stream's credit.
"""

from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.local.dial import ServiceSocket
from sellia.errors import ProblemError
from sellia.problems import INTERNAL, SERVICE_DIED, Problem
from sellia.protocol.messages import Headers
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.stream import Stream
from sellia.text import printable, without_secrets
from sellia.transports.reactor.lines import line

if TYPE_CHECKING:
    from sellia.client.local.service import LocalService

_log = Logger()


class ServiceTcpLeg(StrictLeg):
    """One connection.  ``end`` says that the visitor has ended its direction already."""

    def __init__(self, service: "LocalService", stream: Stream, end: bool) -> None:
        self.stream = stream
        self._service = service
        self.ended = end
        self._over = False
        self._unsent: list[bytes] = []
        self._socket: TcpSocket | None = None
        stream.stall()
        self._dialing: Deferred[ServiceSocket] | None = service.dial(lambda: TcpSocket(self))
        self._dialing.addCallbacks(self._dialed, self._not_dialed).addErrback(self._defective)

    # --- a Leg ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.transport.write(data)
        else:
            self._unsent.append(data)

    def end_received(self, trailers: Headers) -> None:
        self.ended = True
        if self._socket is not None:
            self._socket.end()

    def reset_received(self, word: str, message: str) -> None:
        self._close()

    def pause_sending(self) -> None:
        if self._socket is not None:
            self._socket.transport.pauseProducing()

    def resume_sending(self) -> None:
        if self._socket is not None:
            self._socket.transport.resumeProducing()

    # --- for the socket ------------------------------------------------------------------------------------

    def lost(self, orderly: bool) -> None:
        """The socket is gone."""
        self._socket = None
        if self._over:
            return
        if orderly and self.ended:
            self._over = True
            self.stream.end()
            self.stream.flow()
        else:
            self._fail(SERVICE_DIED, f"{self._service.where} dropped the connection.")

    # --- inside --------------------------------------------------------------------------------------------

    def _dialed(self, socket: ServiceSocket) -> None:
        self._dialing = None
        assert isinstance(socket, TcpSocket)
        self._socket = socket
        transport = socket.transport
        transport.registerProducer(socket, True)
        if self._unsent:
            transport.write(b"".join(self._unsent))
            self._unsent.clear()
        if not socket.stalled:
            self.stream.flow()
        if self.ended:
            socket.end()

    def _not_dialed(self, failure: Failure) -> None:
        self._dialing = None
        if self._over:
            return
        error = failure.value
        if not isinstance(error, ProblemError):
            failure.raiseException()
        self._fail(error.problem, error.detail)

    def _defective(self, failure: Failure) -> None:
        _log.failure("a service could not be connected to", failure=failure)
        self._fail(INTERNAL, "")

    def _fail(self, problem: Problem, message: str) -> None:
        if self._over:
            return
        self._close()
        self.stream.reset(problem.code, message)
        end = line(self._service.clock, "connection failed")
        if end is not None:
            _log.warn(
                "a TCP connection failed: {word}: {cause} {remedy}{end}",
                id=self.stream.id,
                word=problem.code,
                cause=without_secrets(printable(message or problem.sentence)),
                remedy=problem.remedy,
                end=end,
            )

    def _close(self) -> None:
        self._over = True
        dialing, self._dialing = self._dialing, None
        if dialing is not None:
            dialing.cancel()
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abortConnection()


@implementer(IHalfCloseableProtocol, IPushProducer)
class TcpSocket(ServiceSocket):
    """The service's socket."""

    def __init__(self, leg: ServiceTcpLeg) -> None:
        self._leg = leg
        self.stalled = False
        self._half_closed = False

    def end(self) -> None:
        """Nothing more will be written."""
        transport: Any = self.transport
        transport.unregisterProducer()
        if self._half_closed:
            transport.loseConnection()
        elif isinstance(transport, FileDescriptor):
            transport.loseWriteConnection()
        else:  # TLS has no half-close
            transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._leg.stream.send_data(data)

    def readConnectionLost(self) -> None:
        self._half_closed = True
        self._leg.stream.end()
        if self._leg.ended:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Nobody reads what we write; connectionLost follows when nothing more comes either."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        self._leg.lost(reason is not None and reason.check(ConnectionDone) is not None)

    def pauseProducing(self) -> None:
        self.stalled = True
        self._leg.stream.stall()

    def resumeProducing(self) -> None:
        self.stalled = False
        self._leg.stream.flow()

    def stopProducing(self) -> None:
        """The socket is gone; connectionLost says so."""
