"""HTTP leg of the server: one request and its response, as the visitor's connection sees them.

The response's framing towards the visitor is made here, from what the stream brings: a Content-Length passes and is
held to, byte for byte; a body of unknown length is chunked for HTTP/1.1 and ends with the connection for HTTP/1.0.
A client that says one thing and does another cannot make the next response on the connection begin in the wrong place.

A response ends as complete only when the stream has ended as complete.  In every other case the connection is broken.
"""

from typing import Final

from twisted.logger import Logger

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import (
    BAD_SERVICE_RESPONSE,
    CLIENT_AWAY,
    CLIENT_GONE,
    NOT_ASKED,
    RESPONSE_COMPLETE,
    UPGRADE_TIMEOUT,
    VISITOR_GONE,
    Problem,
)
from sellia.protocol.messages import Headers, ResponseHead, TunnelOptions
from sellia.relay.http.error_responses import concerns_service, public_detail
from sellia.relay.http.framing import BODILESS, field_lines
from sellia.relay.http.headers import response_to_visitor
from sellia.relay.http.responses import check_head
from sellia.relay.http.trailers import trailers_to_pass
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.observer import EndedBy, StreamObserver, head_alone
from sellia.relay.mux.stream import Stream
from sellia.relay.mux.upstream import Placement
from sellia.server.ingress.body_limit import BodyLimit
from sellia.server.ingress.ends import explain, tell_gateway_error
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.interim import InterimFilter, next_interim
from sellia.server.ingress.leg_channel import LegChannel
from sellia.server.ingress.patience import NEVER, explain_timeout
from sellia.server.ingress.pooled import answered, go_on_elsewhere, unplace
from sellia.server.ingress.response_lines import CHUNK_END, LAST_CHUNK, framing_fields, last_chunk, status_line
from sellia.server.ingress.states import Framing, RequestBody, Response
from sellia.text import field, sentence
from sellia.transports.reactor.verbosity import verbosity
from sellia.why.exchange import GATEWAY_STATUSES

_NO_OPTIONS: Final = TunnelOptions()
_LOST: Final = "the visitor's connection was lost"
_LONGER: Final = "the response is longer than its Content-Length"

_log = Logger()
_HELD_BACK: Final = RequestBody.HELD_BACK
_COMPLETE: Final = RequestBody.COMPLETE
_AWAITED, _SENDING, _OVER = Response
_LENGTH, _CHUNKS, _CLOSE = Framing


class VisitorHttpLeg(StrictLeg):
    """Leg of a request and its response.  ``observer`` is told of what passes; None if nobody observes."""

    __slots__ = (
        "_framing",
        "_left",
        "body_limit",
        "connection",
        "deadline",
        "incoming",
        "interim",
        "keep_alive",
        "observer",
        "options",
        "patience",
        "placement",
        "request",
        "response",
        "stream",
    )

    def __init__(self, connection: "Channel", request: Request, deadline: float) -> None:
        self.connection = connection
        self.request = request
        self.stream: Stream | None = None
        #: Time by which the head of the response must be there; infinite once it is.
        self.deadline = deadline
        #: Seconds that the service has for its response head, from when it is all that is waited for.
        self.patience = NEVER
        #: Options of the tunnel.
        self.options = _NO_OPTIONS
        self.keep_alive = request.keep_alive
        self.incoming = RequestBody.COMING if request.has_body else _COMPLETE
        self.response = _AWAITED
        self.observer: StreamObserver | None = None
        #: Its place in a pool, until its service has answered; None for a tunnel that has none.
        self.placement: Placement | None = None
        #: Limit on a body whose length is not declared, if there is one.
        self.body_limit: BodyLimit | None = None
        self.interim: InterimFilter | None = None
        self._framing = _CLOSE
        #: Bytes of the body that are still to come, where its length is known, else -1.
        self._left = -1

    @property
    def request_complete(self) -> bool:
        """Whether all of the request has been read."""
        return self.incoming is _COMPLETE

    @property
    def awaits_continue(self) -> bool:
        """Whether the visitor sends its body only once the service has sent a 100."""
        return self.incoming is _HELD_BACK

    @property
    def head_sent(self) -> bool:
        """Whether the head of the response has been written, or there will be none."""
        return self.response is not _AWAITED

    @property
    def over(self) -> bool:
        """Whether nothing more is written."""
        return self.response is _OVER

    # --- from the connection: the request's body -------------------------------------------------------------

    def body_received(self, data: bytes) -> None:
        """Pass on bytes of the request's body."""
        if self.incoming is _HELD_BACK:
            self._await_body()
        if self.body_limit is not None and not self.body_limit.passes(data):
            self.request_refused(*self.body_limit.refusal)
            return
        stream = self.stream
        if stream is not None and not stream.local_ended:
            if self.observer is not None:
                self.observer.body(stream.id, True, data)
            if self.placement is not None:
                self.placement.keep(data)
            stream.send_data(data)

    def request_ended(self, trailers: Headers) -> None:
        """End the request."""
        self.incoming = _COMPLETE
        if self.stream is not None:
            passed = trailers_to_pass(trailers) if trailers else trailers
            if self.placement is not None:
                self.placement.complete(passed)
            if self.observer is not None and passed:
                self.observer.trailers(self.stream.id, True, passed)
            self.stream.end(passed)

    def takes_more(self) -> None:
        """Write more of an answer that no stream brings."""

    def visitor_gone(self) -> None:
        """End without an answer: the visitor's connection is lost."""
        self.response = _OVER
        unplace(self)
        if self.stream is not None:
            self.stream.reset(VISITOR_GONE, _LOST, why=explain(self, VISITOR_GONE, _LOST))
            self._observe_end("visitor", VISITOR_GONE, _LOST)

    def request_refused(self, problem: Problem, detail: str) -> None:
        """End with an error: what has come of the request's body cannot be one."""
        if self.stream is not None:
            self.stream.reset(problem, detail, why=explain(self, problem, detail))
        self.fail(problem, detail)

    def overdue(self, now: float) -> bool:
        """Return whether the service's time is up.  It stands still while the link of its client is away."""
        if self.deadline > now:
            return False
        stream = self.stream
        return stream is None or stream.attached

    def await_service(self) -> None:
        """Start the service's time: from now on it is all that is waited for."""
        self.deadline = self.connection.ingress.clock.seconds() + self.patience

    def _await_body(self) -> None:
        """Stop the service's time, as long as the visitor's body comes."""
        self.incoming = RequestBody.COMING
        if self.response is _AWAITED:
            self.deadline = NEVER

    def timed_out(self, problem: Problem) -> None:
        """End with an error: the service has not answered in time."""
        settings = self.connection.ingress.settings
        detail = explain_timeout(self.options, settings, upgrade=problem is UPGRADE_TIMEOUT)
        self.request_refused(problem, detail)

    # --- from the upstream: a VisitorLeg -------------------------------------------------------------------

    pings_answered = 0

    @property
    def visitor(self) -> str:
        return self.connection.visitor_of(self.request)

    def link_away(self) -> None:
        """Try another member of a pool, if nothing was sent; otherwise `overdue` asks whether the link is there."""
        stream = self.stream
        if self.placement is not None and stream is not None and not stream.announced:
            go_on_elsewhere(self, stream, CLIENT_AWAY, "")

    def link_back(self, seconds: float) -> None:
        """Give the service as much longer as it could not be reached, or all of its time if it is asked only now."""
        if self.stream is not None and self.stream.announced:
            self.deadline += seconds
        elif self.deadline < NEVER:
            self.await_service()

    # --- from the stream: the response -----------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        if self.response is not _AWAITED:
            raise ProtocolError("a second response head")
        try:
            length = check_head(head)
        except ValueError as error:
            self._refuse_response(str(error))
            return
        if head.status < 200:
            self._interim_head(head)
            return
        if self.placement is not None:
            head = answered(self, head)
        self.deadline = NEVER
        self.response = _SENDING
        if self.request.method == b"HEAD" or head.status in BODILESS:
            length = 0
        if length is not None:
            self._framing, self._left = _LENGTH, length
        elif self.request.minor:
            self._framing = _CHUNKS
        if verbosity.debug and self.stream is not None:
            _log.debug("response: id={id} status={status}", id=self.stream.id, status=head.status)
        if self.observer is not None and self.stream is not None:
            self.observer.response(self.stream.id, head_alone(head))
        if head.status in GATEWAY_STATUSES:
            tell_gateway_error(self, head.status)
        whole = head.body if len(head.body) == self._left and self.observer is None else b""
        self._left -= len(whole)
        self.write_head(head, whole)
        if not self._left:
            self._complete()
        if head.body and not whole:
            self.data_received(head.body)

    def write_head(self, head: ResponseHead, body: bytes) -> None:
        """Write the head of the response, with the framing of what follows, and the whole ``body`` if it is there."""
        if self.incoming is not _COMPLETE or self._framing is _CLOSE:
            self.keep_alive = False  # what is still to come of the request is not waited for
        framing = framing_fields(self._framing, self.keep_alive, self.request.minor)
        lines = field_lines(response_to_visitor(head.headers, head.status))
        self.connection.write(b"HTTP/1.1 %d %b\r\n%b%b\r\n%b" % (head.status, head.reason, lines, framing, body))

    def _interim_head(self, head: ResponseHead) -> None:
        if head.status == 101:
            self._refuse_response("the service answered 101 to a request that asked for no upgrade")
            return
        if self.placement is not None:
            self.placement.reached()
        passed = next_interim(self, head)
        if passed is not None:
            self.write_interim(passed)

    def write_interim(self, head: ResponseHead) -> None:
        """Write an interim response."""
        if self.observer is not None and self.stream is not None:
            self.observer.response(self.stream.id, head)
        lines = field_lines(response_to_visitor(head.headers, head.status))
        self.connection.write(status_line(head) + lines + b"\r\n")
        if head.status == 100 and self.incoming is _HELD_BACK:
            self._await_body()

    def data_received(self, data: bytes) -> None:
        if self.response is not _SENDING:
            if self.response is _AWAITED:
                raise ProtocolError("a body before its head")
            self._break(_LONGER)
            return
        if self.observer is not None and self.stream is not None:
            self.observer.body(self.stream.id, False, data)
        if self._framing is _CHUNKS:
            size = len(data)
            if size < 4096:
                self.connection.write(b"%x\r\n%b\r\n" % (size, data))
            else:
                self.connection.write(b"%x\r\n" % size)
                self.connection.write(data)
                self.connection.write(CHUNK_END)
            return
        if self._framing is _LENGTH:
            self._left -= len(data)
            if self._left < 0:
                self._break(_LONGER)
                return
        self.connection.write(data)
        if not self._left:
            self._complete()

    def end_received(self, trailers: Headers) -> None:
        if self.response is not _SENDING:
            if self.response is _AWAITED:
                raise ProtocolError("an end before its head")
            self.connection.ingress.guard.ended(self.stream)
            return
        if self._left > 0:
            self._break("the response is shorter than its Content-Length")
            return
        if self._framing is _CHUNKS:
            try:
                self.connection.write(last_chunk(trailers) if trailers else LAST_CHUNK)
            except ValueError as error:
                self._break(str(error))
                return
            if trailers and self.observer is not None and self.stream is not None:
                self.observer.trailers(self.stream.id, False, trailers)
        self._complete()

    def _complete(self) -> None:
        """End a whole response: the connection is free, even where the end of the stream is still to come."""
        self.response = _OVER
        self._observe_end("service")
        stream = self.stream
        if stream is not None:
            self.connection.answered(stream.session)
            if not stream.receiving.ended:
                self.connection.ingress.guard.awaits_end(stream)
            if not stream.sending.ended:
                if self.incoming is _COMPLETE:
                    stream.end()  # a handshake that was refused has no end of its own
                else:
                    stream.reset(RESPONSE_COMPLETE, "the response was complete before the request")
        self.connection.exchange_over(self)

    def reset_received(self, problem: Problem, message: str) -> None:
        if verbosity.debug and message and self.stream is not None:
            format = "request failed: id={id} word={word} reason={reason}"
            _log.debug(format, id=self.stream.id, word=field(problem.code), reason=field(message))
        if self.placement is not None and self.stream and go_on_elsewhere(self, self.stream, problem, message):
            return
        if problem is NOT_ASKED:
            problem = CLIENT_GONE
        explain(self, problem, message)
        self.fail(problem, public_detail(problem, message), "service" if concerns_service(problem) else "sellia")

    def pause_sending(self) -> None:
        self.connection.pause_reading()

    def resume_sending(self) -> None:
        self.connection.resume_reading()

    @property
    def delimited(self) -> bool:
        """Whether the visitor can tell a response that is cut short from a complete one."""
        return self._framing is _CHUNKS or self._left > 0

    @property
    def may_write_zero(self) -> bool:
        """Whether the size of a chunk comes next, which may have any number of zeros in front (RFC 9112, 7.1)."""
        return self._framing is _CHUNKS and self.response is not _OVER

    # --- ends ------------------------------------------------------------------------------------------------

    def fail(self, problem: Problem, message: str, by: EndedBy = "sellia") -> None:
        """End without a response, or without the rest of it: say why, or break the connection if that is too late."""
        if self.response is _OVER:
            return
        sending = self.response is _SENDING
        self.response = _OVER
        unplace(self)
        self._observe_end(by, problem, message)
        if sending:
            self.connection.break_off()
            return
        self.connection.answer_error(ProblemError(problem.answer, message), self.request, self)

    def _refuse_response(self, why: str) -> None:
        """End with an error: what the client has passed on is not HTTP."""
        if self.stream is not None:
            self.stream.reset(BAD_SERVICE_RESPONSE, why, why=explain(self, BAD_SERVICE_RESPONSE, sentence(why)))
        self.fail(BAD_SERVICE_RESPONSE, sentence(why), "service")

    def _break(self, why: str) -> None:
        if self.stream is not None:
            self.stream.reset(BAD_SERVICE_RESPONSE, why, why=explain(self, BAD_SERVICE_RESPONSE, sentence(why)))
        if self.response is not _OVER:
            self.response = _OVER
            self._observe_end("service", BAD_SERVICE_RESPONSE, why)
            self.connection.break_off()

    def _observe_end(self, by: EndedBy, problem: Problem | None = None, reason: str = "") -> None:
        if self.observer is not None and self.stream is not None:
            self.observer.ended(self.stream.id, by, problem.code if problem is not None else None, reason)


#: Connection of a visitor's leg.
Channel = LegChannel[VisitorHttpLeg]
