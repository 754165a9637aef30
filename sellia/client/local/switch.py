"""Stream endpoint of a request that asks its service to switch to another protocol than WebSocket, at the client.

The tunnel lists such protocols (`sellia.relay.http.upgrades`); one that it does not list is never asked for, whatever
the server says.  The request goes to the service on a connection of its own.  Behind a 101 that names the protocol the
connection is a `TcpPipe`; any other answer goes to the visitor whole.

The request's direction of the stream stays open behind its body, whose end the Content-Length tells.  What comes behind
that before the service has answered is an error of the server's, which holds it back.
"""

from typing import Final

from sellia.client.events import Report, RequestStarted
from sellia.client.local.connection import HttpConnection, to_visitor
from sellia.client.local.ends import of_answer, told_by_server
from sellia.client.local.exchange import OPEN, OVER, REQUESTED, ServiceLeg, request_head
from sellia.client.local.service import LocalService
from sellia.problems import BAD_REQUEST, SERVICE_DIED, VISITOR_GONE, Problem
from sellia.protocol.messages import Headers, ResponseHead, UpgradeRequest
from sellia.relay.http.framing import bad_response, plain_length
from sellia.relay.http.headers import values_of
from sellia.relay.http.upgrades import listed_upgrade
from sellia.relay.mux.observer import EndedBy, StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.text import decoded
from sellia.transports.reactor.batching import batch_of
from sellia.transports.tcp.pipe import TcpPipe
from sellia.why.cause import Cause
from sellia.why.exchange import GATEWAY_STATUSES

_WRONG: Final = "The server sent a request that cannot be passed on: {}."


class ServiceSwitchLeg(ServiceLeg):
    """One request, on a connection that serves nothing else after it."""

    __slots__ = ("_left", "_pipe", "_unsent", "bytes_in")

    opening: UpgradeRequest

    def __init__(
        self,
        service: LocalService,
        stream: Stream,
        opening: UpgradeRequest,
        end: bool,
        report: Report | None,
        observer: StreamObserver | None,
        target: bytes | None = None,
    ) -> None:
        super().__init__(service, stream, opening, report)
        self.method = opening.method
        self.bodiless = opening.method == b"HEAD"
        self.bytes_in = 0
        self._pipe: TcpPipe | None = None
        if report is not None:
            service.slow.add(self)
            shown = decoded(opening.target)
            report(RequestStarted(stream.id, decoded(opening.method), shown, opening.visitor, service.name))
        try:
            self._left = _length(opening.headers)
            if listed_upgrade(opening.upgrade, service.upgrades) != opening.upgrade or not opening.upgrade:
                raise ValueError("it asks for a protocol that this tunnel does not list")
            extra = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % opening.upgrade
            asked, headers = self.sent(target)
            self._unsent = [request_head(opening.method, asked, headers, extra)]
        except ValueError as error:
            self.fail(BAD_REQUEST, _WRONG.format(error))
            return
        if not self._left:
            self.state = REQUESTED
        if observer is not None:
            self.observe_request(observer, asked, headers)
        stream.stall()
        self.dial()

    # --- the request ---------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.state is OVER:
            return
        self._left -= len(data)
        if self._left < 0:
            self.fail(BAD_REQUEST, _WRONG.format("more of it came than its Content-Length says"))
            return
        self.bytes_in += len(data)
        if self.observer is not None:
            self.observer.body(self.stream.id, True, data)
        if not self._left and self.state is OPEN:
            self.state = REQUESTED
        if self._connection is not None:
            self._connection.write(data)
        else:
            self._unsent.append(data)

    def end_received(self, trailers: Headers) -> None:
        if self.state is not OVER and self.status is None:
            self.fail(BAD_REQUEST, _WRONG.format("it ended before its answer"))

    def send_request(self, connection: HttpConnection) -> None:
        connection.write(b"".join(self._unsent))
        self._unsent.clear()
        if not connection.stalled:
            self.stream.flow()

    # --- the answer ----------------------------------------------------------------------------------------

    def switched(self, reason: bytes, headers: Headers, rest: bytes) -> None:
        wanted = self.opening.upgrade.lower()
        if [value.strip(b" \t").lower() for value in values_of(headers, b"upgrade")] != [wanted]:
            raise bad_response("changed to a protocol that was not asked for")
        if self.state is not REQUESTED:
            raise bad_response("changed the protocol before it had the whole request")
        connection, self._connection = self._connection, None
        assert connection is not None
        self.state = OVER
        self.status = 101
        self.service.forget(self)
        head = ResponseHead(101, reason, to_visitor(self.undo, headers, 101))
        observer, self.observer = self.observer, None
        if observer is not None:
            observer.response(self.stream.id, head)
        self.stream.send_head(head)
        self._pipe = pipe = TcpPipe(
            connection.let_go(),
            self.stream,
            batch_of(self.service.clock),
            self,
            side="service",
            lost=(SERVICE_DIED, f"{self.service.where} broke the connection off."),
            visitor=self.opening.visitor,
            observer=observer,
        )
        connection.hand_over(pipe)
        if rest:
            pipe.dataReceived(rest)

    def answer_ended(self) -> None:
        self.state = OVER
        self.service.forget(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release(reuse=False)
        cause = of_answer(self) if self.word or self.status in GATEWAY_STATUSES else None
        self.observe_end("service")
        self._finished(None, cause)

    # --- ends ----------------------------------------------------------------------------------------------

    def why(self, problem: Problem, message: str) -> Cause | None:
        return told_by_server(self, problem, message)

    def pipe_over(self, by: EndedBy, problem: Problem | None, message: str, cause: Cause | None) -> None:
        """Report the end of what passed behind the 101."""
        pipe = self._pipe
        assert pipe is not None
        self.bytes_in, self.bytes_out = self.bytes_in + pipe.sent, pipe.received
        self._finished(None if problem is None or problem is VISITOR_GONE else message or problem.sentence, cause)

    def cancelled(self, error: str | None, cause: Cause | None = None) -> None:
        self._finished(error, cause)

    def failed(self, problem: Problem, message: str, cause: Cause | None) -> None:
        if self.status is None:
            self.status = problem.status
        self._finished(message, cause)

    def _finished(self, error: str | None, cause: Cause | None = None) -> None:
        self.report_finished(self.bytes_in, error, cause=cause)


def _length(headers: Headers) -> int:
    """Return the length of a request's body.  Raises ValueError where its end could be taken for another place."""
    if len(values_of(headers, b"host")) != 1:
        raise ValueError("it does not name one host")
    if values_of(headers, b"transfer-encoding"):
        raise ValueError("it brings a transfer coding of its own")
    lengths = values_of(headers, b"content-length")
    if len(lengths) > 1:
        raise ValueError("it has two lengths (Content-Length)")
    return plain_length(lengths[0]) if lengths else 0
