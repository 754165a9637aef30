"""Stream endpoint of a WebSocket handshake at the client: it goes to the service unchanged, whose response decides.

A response of 101 is believed only if it proves that the service has read this very handshake, and agrees to nothing
that was not offered (RFC 6455, section 4.1).  The visitor's own library checks the same, but it would blame the wrong
end.  After it the socket belongs to a :class:`~sellia.transports.websocket.pipe.WebSocketLeg`.  Any other response is
the service's refusal, and goes to the visitor whole.
"""

from typing import Final

from twisted.logger import Logger

from sellia.client.events import Report, WebSocketClosed, WebSocketOpened, WebSocketRefused
from sellia.client.local.connection import HttpConnection, to_visitor
from sellia.client.local.ends import BAD_HANDSHAKE, of_refusal
from sellia.client.local.exchange import OVER, ServiceLeg, request_head
from sellia.client.local.service import LocalService
from sellia.errors import ProtocolError
from sellia.problems import BAD_REQUEST, Problem
from sellia.protocol.messages import Headers, ResponseHead, WebSocketRequest
from sellia.relay.http.framing import bad_response
from sellia.relay.http.headers import values_of
from sellia.relay.http.websocket_handshake import Agreement, agreement
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.text import decoded, field, shown_target
from sellia.transports.reactor.lines import line
from sellia.transports.websocket.pipe import WebSocketLeg
from sellia.transports.websocket.record import WebSocketRecord
from sellia.why.cause import Cause

_UPGRADE: Final = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"

#: Fields that a broken or hostile server could make two messages of one with; Java's HttpClient gives a length of 0.
_LOOKED_AT: Final = (b"content-length", b"transfer-encoding", b"host")

_log = Logger()


class ServiceUpgradeLeg(ServiceLeg):
    """One handshake, on a connection that serves nothing else after it."""

    __slots__ = ("_head",)

    opening: WebSocketRequest

    def __init__(
        self,
        service: LocalService,
        stream: Stream,
        opening: WebSocketRequest,
        end: bool,
        report: Report | None,
        observer: StreamObserver | None,
        target: bytes | None = None,
    ) -> None:
        super().__init__(service, stream, opening, report)
        try:
            asked, headers = self.sent(target)
            fields = {name: [v for n, v in headers if n.lower() == name] for name in _LOOKED_AT}
            if fields[b"content-length"] not in ([], [b"0"]) or fields[b"transfer-encoding"]:
                raise ValueError("a handshake has no body")
            if len(fields[b"host"]) != 1:
                raise ValueError("it does not name one host")
            self._head = request_head(b"GET", asked, headers, _UPGRADE)
            if len(values_of(opening.headers, b"sec-websocket-key")) != 1:
                raise ValueError("a handshake has one key")
        except ValueError as error:
            self.fail(BAD_REQUEST, f"The server sent a WebSocket handshake that cannot be passed on: {error}.")
            return
        if observer is not None:
            self.observe_request(observer, asked, headers)
        if report is not None:
            service.slow.add(self)
        connection = service.pool.take_login(opening.connection)
        if connection is None:
            self.dial()
        else:
            self.use(connection)
            self.send_request(connection)

    def send_request(self, connection: HttpConnection) -> None:
        connection.write(self._head)

    def end_received(self, trailers: Headers) -> None:
        if self.status is None:
            raise ProtocolError("a WebSocket ended before it was open")

    # --- agreed --------------------------------------------------------------------------------------------

    def switched(self, reason: bytes, headers: Headers, rest: bytes) -> None:
        agreed = self._check(headers)
        subprotocol = None if agreed.subprotocol is None else decoded(agreed.subprotocol)
        connection, self._connection = self._connection, None
        assert connection is not None
        self.state = OVER
        self.service.forget(self)
        stream, opening, service, report = self.stream, self.opening, self.service, self.report
        head = ResponseHead(101, reason, to_visitor(self.undo, headers, 101))
        observer, self.observer = self.observer, None
        if observer is not None:
            observer.response(stream.id, head)
        stream.send_head(head)
        story = WebSocketRecord(
            stream.id,
            service.name,
            opening.target,
            opening.visitor,
            at_visitor=False,
            clock=service.clock,
            subprotocol=subprotocol or "",
            closed=None if report is None else _Closed(report),
            suppressed=service.violated,
            id=stream.cause_id,
            listening=service.listening,
        )
        if report is not None:
            target = decoded(opening.target)
            report(WebSocketOpened(stream.id, target, opening.visitor, subprotocol, service.name))
        transport = connection.let_go()
        pipe = WebSocketLeg(
            service.pipes,
            transport,
            stream,
            compressed=agreed.compressed,
            clock=service.clock,
            record=story,
            limits=service.frames,
            observer=observer,
        )
        pipe.answers_pings = service.answers_pings
        if service.pipes.opened is not None:
            service.pipes.opened(pipe)
        connection.hand_over(pipe)
        if rest:
            pipe.dataReceived(rest)

    def _check(self, headers: Headers) -> Agreement:
        """Return the terms of the WebSocket.  Raises ProblemError if the response does not answer this handshake."""
        self.word = BAD_HANDSHAKE  # until it is a good one
        if [value.lower() for value in values_of(headers, b"upgrade")] != [b"websocket"]:
            raise bad_response("changed to a protocol that is not WebSocket")
        try:
            return agreement(self.opening.headers, headers)
        except ValueError as error:
            raise bad_response(str(error)) from None

    # --- refused -------------------------------------------------------------------------------------------

    def send_head(self, head: ResponseHead, end: bool) -> None:
        self.service.forget(self)
        end_of_line = line(self.service.clock, "websocket refused")
        if end_of_line is None:
            super().send_head(head, end)
            return
        _log.info(
            "websocket refused: id={id} tunnel={tunnel} path={path} visitor={visitor} status={status}{end}",
            id=self.stream.id,
            tunnel=field(self.service.name),
            path=field(shown_target(self.opening.target)),
            visitor=field(self.opening.visitor),
            status=head.status,
            end=end_of_line,
        )
        super().send_head(head, end)

    def answer_ended(self) -> None:
        self.state = OVER
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release(reuse=False)
        cause = of_refusal(self, self.status or 0)
        self.observe_end("service")
        self._refused(self.status or 0, None, cause)

    def cancelled(self, error: str | None, cause: Cause | None = None) -> None:
        """Report nothing: the visitor has left before the WebSocket was open."""

    def failed(self, problem: Problem, message: str, cause: Cause | None) -> None:
        status = self.status or problem.status or 0
        _log.info(
            "websocket refused: id={id} tunnel={tunnel} path={path} visitor={visitor} status={status} word={word}",
            id=self.stream.id,
            tunnel=field(self.service.name),
            path=field(shown_target(self.opening.target)),
            visitor=field(self.opening.visitor),
            status=status,
            word=field(problem.code),
        )
        self._refused(status, message, cause)

    def _refused(self, status: int, error: str | None, cause: Cause | None) -> None:
        if self.report is not None:
            target = decoded(self.opening.target)
            self.report(WebSocketRefused(self.stream.id, target, status, error, self.service.name, cause=cause))


class _Closed:
    """Tells the listener how a WebSocket ended."""

    __slots__ = ("_report",)

    def __init__(self, report: Report) -> None:
        self._report = report

    def __call__(self, story: WebSocketRecord) -> None:
        self._report(
            WebSocketClosed(
                story.number,
                decoded(story.target),
                story.by or "sellia",
                story.code,
                story.reason,
                *story.from_visitor,
                *story.to_visitor,
                story.seconds,
                story.tunnel,
                cause=story.cause,
            )
        )
