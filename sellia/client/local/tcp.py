"""Stream endpoint of a visitor's TCP connection at the client: bytes both ways, each way until it ends.

Each side may end its direction and go on in the other (a half-close).  An end that is not orderly resets the stream.
What the visitor sends while the service is being dialled waits here, and is bounded by the stream's credit.
"""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.events import Report
from sellia.client.local.dial import ServiceSocket
from sellia.client.local.pending_dial import PendingDial
from sellia.client.local.service import LocalService
from sellia.problems import INTERNAL, SERVICE_DIED, VISITOR_GONE, Problem
from sellia.protocol.messages import Headers, TcpConnection
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.observer import EndedBy, StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.text import printable, without_secrets
from sellia.transports.reactor.lines import line

_log = Logger()


class ServiceTcpLeg(StrictLeg):
    """One connection.  ``end``: the visitor has ended its direction already."""

    def __init__(
        self,
        service: LocalService,
        stream: Stream,
        opening: TcpConnection,
        end: bool,
        report: Report | None,
        observer: StreamObserver | None,
    ) -> None:
        self.stream = stream
        self._service = service
        self.ended = end
        self._over = False
        self.observer = observer
        if observer is not None:
            observer.request(stream.id, opening)
        self._unsent: list[bytes] = []
        self._socket: TcpSocket | None = None
        stream.stall()
        self._dial: PendingDial[TcpSocket] | None = PendingDial(self)
        self._dial.start(service.dial(lambda: TcpSocket(self)))

    # --- a Leg ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.observer is not None and data:
            self.observer.body(self.stream.id, True, data)
        if self._socket is not None:
            self._socket.transport.write(data)
        else:
            self._unsent.append(data)

    def end_received(self, trailers: Headers) -> None:
        self.ended = True
        if self._socket is not None:
            self._socket.end()

    def reset_received(self, problem: Problem, message: str) -> None:
        self._close()
        self._observe_end("visitor" if problem is VISITOR_GONE else "sellia", problem.code, message)

    def pause_sending(self) -> None:
        if self._socket is not None:
            self._socket.transport.pauseProducing()

    def resume_sending(self) -> None:
        if self._socket is not None:
            self._socket.transport.resumeProducing()

    # --- for the socket ------------------------------------------------------------------------------------

    def lost(self, orderly: bool) -> None:
        """End the stream, in order if both directions had ended."""
        self._socket = None
        if self._over:
            return
        if orderly and self.ended:
            self._over = True
            self.stream.end()
            self.stream.flow()
            self._observe_end("service")
        else:
            self.fail(SERVICE_DIED, f"{self._service.where} dropped the connection.")

    # --- for the dial --------------------------------------------------------------------------------------

    def connected(self, socket: "TcpSocket") -> None:
        """Pass on what has come meanwhile, and whatever comes from now on."""
        self._dial = None
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

    def fail(self, problem: Problem, message: str) -> None:
        """Reset the stream with a problem, and log it; ``message`` is a whole sentence for people."""
        if self._over:
            return
        self._close()
        self.stream.reset(problem, message)
        by: EndedBy = "sellia" if problem is INTERNAL else "service"
        self._observe_end(by, problem.code, message or problem.sentence)
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

    def answer(self, data: bytes) -> None:
        """Pass on bytes of the service."""
        if self.observer is not None:
            self.observer.body(self.stream.id, False, data)
        self.stream.send_data(data)

    def _observe_end(self, by: EndedBy, code: str | None = None, reason: str = "") -> None:
        observer, self.observer = self.observer, None
        if observer is not None:
            observer.ended(self.stream.id, by, code, reason)

    def _close(self) -> None:
        self._over = True
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abortConnection()


@implementer(IHalfCloseableProtocol, IPushProducer)
class TcpSocket(ServiceSocket):
    """The socket to the service."""

    def __init__(self, leg: ServiceTcpLeg) -> None:
        self._leg = leg
        self.stalled = False
        self._half_closed = False

    def end(self) -> None:
        """End our direction, and the connection where that cannot be done alone."""
        transport: Any = self.transport
        transport.unregisterProducer()
        if self._half_closed:
            transport.loseConnection()
        elif isinstance(transport, FileDescriptor):
            transport.loseWriteConnection()
        else:  # TLS has no half-close
            transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._leg.answer(data)

    def readConnectionLost(self) -> None:
        self._half_closed = True
        self._leg.stream.end()
        if self._leg.ended:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Nothing to do: connectionLost follows when nothing more comes either."""

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
        """Nothing to do: connectionLost follows."""
