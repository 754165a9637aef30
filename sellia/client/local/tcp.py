"""Stream endpoint of a visitor's TCP connection at the client, until its service has been dialled.

From then on a `TcpPipe` is the stream's leg.  What the visitor sends while the service is being dialled waits here, and
is bounded by the stream's credit.  Where the tunnel wants it, a header of the PROXY protocol goes first, so that the
service learns the visitor's address.
"""

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.events import ConnectionClosed, ConnectionOpened, Report
from sellia.client.local.dial import ServiceSocket
from sellia.client.local.ends import why_connection
from sellia.client.local.pending_dial import PendingDial
from sellia.client.local.service import LocalService
from sellia.problems import INTERNAL, SERVICE_DIED, Problem
from sellia.protocol.messages import Headers, TcpConnection
from sellia.protocol.proxy_protocol import encode_header
from sellia.relay.mux.causes import why_of
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.observer import EndedBy, StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.text import printable, without_secrets
from sellia.transports.reactor.batching import batch_of
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.sockets import quicken
from sellia.transports.tcp.pipe import TcpPipe, ended_by
from sellia.why.cause import Cause

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
        self._opening = opening
        self._report = report
        self.ended = end
        self._over = False
        self._began = service.clock.seconds()
        self._observer = observer
        if observer is not None:
            observer.request(stream.id, opening)
        if report is not None:
            report(ConnectionOpened(stream.id, opening.visitor, service.name))
        #: What the service is sent before anything else.
        self._header = b""
        self._unsent: list[bytes] = []
        self._pipe: TcpPipe | None = None
        stream.stall()
        self._dial: PendingDial[TcpSocket] | None = PendingDial(self)
        header = b""
        if service.proxy_protocol:
            source, to = (opening.visitor, opening.port), (opening.to, opening.to_port)
            header = encode_header(service.proxy_protocol, source, to)
        if service.terminator is not None:
            self._dial.start(service.terminator.dial(service.dial, TcpSocket, header))
        else:
            self._header = header
            self._dial.start(service.dial(TcpSocket))

    # --- a Leg, until the service is there -------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._pipe is None:
            self._unsent.append(data)
        else:
            self._handed_over(self._pipe).data_received(data)

    def end_received(self, trailers: Headers) -> None:
        if self._pipe is None:
            self.ended = True
        else:
            self._handed_over(self._pipe).end_received(trailers)

    def reset_received(self, problem: Problem, message: str) -> None:
        if self._pipe is None:
            self._finish(ended_by(problem), problem, message, self.why(problem, message))
        else:
            self._handed_over(self._pipe).reset_received(problem, message)

    def pause_sending(self) -> None:
        if self._pipe is not None:
            self._handed_over(self._pipe).pause_sending()

    def resume_sending(self) -> None:
        if self._pipe is not None:
            self._handed_over(self._pipe).resume_sending()

    def _handed_over(self, pipe: TcpPipe) -> TcpPipe:
        """Make the pipe the stream's leg.

        A service on this machine is there before the session knows this leg, and makes it the stream's after that.
        """
        self.stream.leg = pipe
        return pipe

    # --- for the dial ----------------------------------------------------------------------------------------

    def connected(self, socket: "TcpSocket") -> None:
        """Pass on what has come meanwhile, and whatever comes from now on."""
        self._dial = None
        service, stream, opening = self._service, self.stream, self._opening
        transport = socket.transport
        quicken(transport)
        if self._observer is not None:
            self._observer.sent(stream.id)
        if self._header:
            transport.write(self._header)
        socket.pipe = self._pipe = pipe = TcpPipe(
            transport,
            stream,
            batch_of(service.clock),
            self,
            side="service",
            lost=(SERVICE_DIED, f"{service.where} dropped the connection."),
            visitor=opening.visitor,
            observer=self._observer,
        )
        if getattr(transport, "protocol", None) is socket:
            transport.protocol = pipe  # what comes need not pass by here
        for data in self._unsent:
            pipe.data_received(data)
        self._unsent.clear()
        if self.ended:
            pipe.end_received([])
        if not pipe.full:
            stream.flow()
        batch_of(service.clock).input_done()

    def fail(self, problem: Problem, message: str) -> None:
        """Reset the stream with a problem; ``message`` is a whole sentence for people, empty for a defect of ours."""
        if not self._over:
            cause = self.why(problem, message)
            self.stream.reset(problem, message, why=why_of(cause))
            self._finish("sellia" if problem is INTERNAL else "service", problem, message or problem.sentence, cause)

    # --- the end ---------------------------------------------------------------------------------------------

    def why(self, problem: Problem, message: str) -> Cause | None:
        """Return why it ends by a problem, and tell that."""
        pipe, service = self._pipe, self._service
        came, went = (pipe.sent, pipe.received) if pipe is not None else (0, 0)
        seconds = service.clock.seconds() - self._began
        return why_connection(service, self.stream, problem, message, came, went, seconds)

    def pipe_over(self, by: EndedBy, problem: Problem | None, message: str, cause: Cause | None) -> None:
        """Tell the listener and the log."""
        self._over = True
        pipe = self._pipe
        came, went = (pipe.sent, pipe.received) if pipe is not None else (0, 0)
        if self._report is not None:
            error = message or (problem.sentence or problem.code if problem is not None else "")
            code = problem.code if problem is not None else None
            seconds = self._service.clock.seconds() - self._began
            opening, name = self._opening, self._service.name
            self._report(
                ConnectionClosed(
                    self.stream.id, opening.visitor, by, code, error, came, went, seconds, name, cause=cause
                )
            )
        if problem is None or by == "visitor":
            return
        end = line(self._service.clock, "connection failed")
        if end is not None:
            _log.warn(
                "a TCP connection failed: {word}: {cause} {remedy}{end}",
                id=self.stream.id,
                word=printable(problem.code, 64),
                cause=without_secrets(printable(message or problem.sentence)),
                remedy=problem.remedy,
                end=end,
            )

    def _finish(self, by: EndedBy, problem: Problem, message: str, cause: Cause | None) -> None:
        """End before there was a connection to the service."""
        if self._over:
            return
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        self._unsent.clear()
        observer, self._observer = self._observer, None
        if observer is not None:
            if cause is not None:
                observer.explained(self.stream.id, cause)
            observer.ended(self.stream.id, by, problem.code, message)
        self.pipe_over(by, problem, message, cause)


@implementer(IHalfCloseableProtocol)
class TcpSocket(ServiceSocket):
    """The socket to the service, which its pipe takes over as soon as the service can be spoken to."""

    pipe: TcpPipe | None = None

    def dataReceived(self, data: bytes) -> None:
        if self.pipe is not None:
            self.pipe.dataReceived(data)

    def readConnectionLost(self) -> None:
        if self.pipe is not None:
            self.pipe.readConnectionLost()

    def writeConnectionLost(self) -> None:
        """Nothing to do: connectionLost follows when nothing more comes either."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        if self.pipe is not None and reason is not None:
            self.pipe.connectionLost(reason)
