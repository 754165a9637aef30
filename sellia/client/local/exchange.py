"""Stream endpoint of an HTTP exchange at the client, common to requests and WebSocket handshakes.

A leg finds a connection, sends its request on it, and passes the response on to the stream.  Whatever goes wrong on
the way ends it once, and is told to three: the visitor (by a problem's code and a sentence, with which the stream is
reset), the log, and the listener.

Before the response's head has been passed on the server makes a page of the problem; after it, the visitor's response
ends as broken.
"""

from enum import Enum
from typing import Final

from twisted.logger import Logger

from sellia.client.events import VISITOR_LEFT, Report, RequestFinished, RequestWaiting
from sellia.client.local.connection import HttpConnection
from sellia.client.local.ends import HOST_CHECK, explain, found_here, told_by_server
from sellia.client.local.finished import server_refused
from sellia.client.local.host_checks import NOT_HTTP, STATUSES
from sellia.client.local.pending_dial import PendingDial
from sellia.client.local.service import LocalService
from sellia.problems import (
    BAD_SERVICE_RESPONSE,
    INTERNAL,
    SERVICE_DIED,
    SERVICE_REFUSED,
    SERVICE_TLS_FAILED,
    SERVICE_UNREACHABLE,
    VISITOR_GONE,
    Problem,
)
from sellia.protocol.messages import Headers, HttpRequest, ResponseHead, UpgradeRequest, WebSocketRequest
from sellia.relay.http.framing import bad_response
from sellia.relay.http.rewriting import Undo
from sellia.relay.http.validation import check_method, check_target, validate
from sellia.relay.mux.causes import why_of
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.observer import EndedBy, StreamObserver, head_alone
from sellia.relay.mux.stream import Stream
from sellia.text import decoded, printable, shown_target, without_secrets
from sellia.transports.reactor.lines import line
from sellia.why.cause import Cause

#: Problems that a service causes.
SERVICE_PROBLEMS: Final = frozenset(
    (BAD_SERVICE_RESPONSE, SERVICE_DIED, SERVICE_REFUSED, SERVICE_TLS_FAILED, SERVICE_UNREACHABLE)
)

_log = Logger()


class Progress(Enum):
    """Which directions of an exchange are complete (RFC 9112, section 9.3: each ends for itself)."""

    #: Neither, or not the request.
    OPEN = "open"
    #: The request, and not the response.
    REQUESTED = "requested"
    #: The response, and not the request: the service has answered early.
    ANSWERED = "answered"
    #: Both, or the exchange has failed, or was given up.
    OVER = "over"


OPEN, REQUESTED, ANSWERED, OVER = Progress


class ServiceLeg(StrictLeg):
    """Base of both kinds of exchanges, and the `AnswerSink` of their connection."""

    __slots__ = (
        "_connection",
        "_dial",
        "bodiless",
        "bytes_out",
        "login",
        "method",
        "observer",
        "opening",
        "report",
        "service",
        "started",
        "state",
        "status",
        "stream",
        "undo",
        "word",
    )

    def __init__(
        self,
        service: LocalService,
        stream: Stream,
        opening: HttpRequest | WebSocketRequest | UpgradeRequest,
        report: Report | None,
    ) -> None:
        self.service = service
        self.stream = stream
        self.opening = opening
        self.report = report
        #: Told of what passes: from when the request is known to be one, to the end.
        self.observer: StreamObserver | None = None
        #: What puts the heads of responses right, where those of requests are rewritten.
        self.undo: Undo | None = None
        self.method = b"GET"
        #: Whether the response has no body, whatever its head says.
        self.bodiless = False
        #: Whether the request brings a login that belongs to its connection.
        self.login = False
        self.state = OPEN
        #: What is to be said of its end (`sellia.client.local.ends`), empty as long as nothing is.
        self.word = ""
        #: Status of the final response, once its head has been passed on.
        self.status: int | None = None
        self.bytes_out = 0
        self.started = service.clock.seconds() if report is not None else 0.0
        self._connection: HttpConnection | None = None
        self._dial: PendingDial[HttpConnection] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will pass."""
        return self.state is OVER

    def sent(self, target: bytes | None) -> tuple[bytes, Headers]:
        """Return what the service is asked for, and with which fields; ``target`` where it is not the opening's."""
        opening, service = self.opening, self.service
        asked = opening.target if target is None else target
        if service.rewriter is None:
            return asked, opening.headers
        headers, self.undo = service.rewriter.request(opening.headers, asked, service.public_scheme)
        return asked, headers

    # --- for the stream ------------------------------------------------------------------------------------

    def reset_received(self, problem: Problem, message: str) -> None:
        before = self.state
        if before is OVER:
            return
        self._close()
        by: EndedBy = "visitor" if problem is VISITOR_GONE else _blamed(problem)
        complete = before is ANSWERED and problem is not BAD_SERVICE_RESPONSE
        cause = None if complete else told_by_server(self, problem, message)
        explain(self, cause)
        self.observe_end(by, problem.code, message)
        if problem is BAD_SERVICE_RESPONSE:
            self.status = BAD_SERVICE_RESPONSE.status
            self._tell(BAD_SERVICE_RESPONSE, server_refused(message), cause)
        elif complete:
            self.cancelled(None)
        else:
            self.cancelled(VISITOR_LEFT if problem is VISITOR_GONE else message or problem.code, cause)

    def pause_sending(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume_sending(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    # --- for the connection --------------------------------------------------------------------------------

    def send_interim(self, head: ResponseHead) -> None:
        """Pass on an interim response (1xx), other than 101."""
        if self.observer is not None:
            self.observe_head(head)
        self.stream.send_head(head)

    def send_head(self, head: ResponseHead, end: bool) -> None:
        """Pass on the response's head; ``end``: there is no body."""
        self.status = head.status
        if self.observer is not None:
            self.observe_head(head)
        self.stream.send_head(head, end)

    def send_answer(self, head: ResponseHead) -> None:
        """Pass on the whole of a short response: its head, with the body in it."""
        self.bytes_out += len(head.body)
        self.send_head(head, True)
        if head.status in STATUSES:
            self.look(head.body)

    def send_body(self, data: bytes, end: bool) -> None:
        """Pass on bytes of the response's body."""
        if not self.bytes_out and self.status in STATUSES:
            self.look(data)
        self.bytes_out += len(data)
        if self.observer is not None and data:
            self.observer.body(self.stream.id, False, data)
        self.stream.send_data(data, end)

    def look(self, body: bytes) -> None:
        """Look for a refused host in the first bytes of a body whose status is one of those of host checks."""
        if self.service.look_for_host_check(self.status or 0, body, self.opening.headers, self.report):
            self.word = HOST_CHECK

    def send_trailers(self, trailers: Headers) -> None:
        """Pass on the response's end, with trailer fields."""
        if self.observer is not None and trailers:
            self.observer.trailers(self.stream.id, False, trailers)
        self.stream.end(trailers)

    def answer_ended(self) -> None:
        """Release the connection, now or later: the whole response has been passed on."""
        raise NotImplementedError

    def switched(self, reason: bytes, headers: Headers, rest: bytes) -> None:
        """Take over a connection on which the service has answered 101; ``rest`` came behind the head.

        Raises ProblemError where a 101 is no answer.
        """
        raise bad_response("changed the protocol without having been asked to")

    def lost(self, connection: HttpConnection, began: bool) -> None:
        """Fail, because the connection is gone before the response's end; ``began``: some of it had come."""
        self._connection = None
        where = self.service.where
        if self.status is not None:
            self.fail(SERVICE_DIED, f"{where} ended the connection in the middle of its answer.")
        elif began:
            self.fail(SERVICE_DIED, f"{where} ended the connection in the middle of its response head.")
        else:
            self.fail(SERVICE_DIED, f"{where} ended the connection without an answer.")

    def bad_answer(self, message: str) -> None:
        """Fail, because the response cannot be passed on."""
        self.fail(BAD_SERVICE_RESPONSE, f"{self.service.where} {message}.")
        words = message.partition('"')[2].rpartition('"')[0]
        if words:
            self.service.look_for_host_check(NOT_HTTP, words.encode(), self.opening.headers, self.report)

    def defect(self) -> None:
        """Fail for a defect of ours, which has been logged."""
        self.fail(INTERNAL, "")

    def stalled(self) -> None:
        """Return no more credit: the service takes no more for now."""
        self.stream.stall()

    def flowing(self) -> None:
        """Return credit again: the service has taken all that it was sent."""
        self.stream.flow()

    # --- for the listener ----------------------------------------------------------------------------------

    def slow(self) -> None:
        """Tell the listener that the service has not answered yet."""
        if self.report is not None:
            method, target = decoded(self.method), decoded(self.opening.target)
            seconds = self.service.clock.seconds() - self.started
            self.report(
                RequestWaiting(
                    self.stream.id,
                    method,
                    target,
                    self.opening.visitor,
                    seconds,
                    self.service.name,
                )
            )

    def report_finished(
        self, bytes_in: int, error: str | None, declined: bytes = b"", cause: Cause | None = None
    ) -> None:
        """Tell the listener that a request is over; ``declined`` is the protocol of an Upgrade that was taken off."""
        if self.report is not None:
            self.report(
                RequestFinished(
                    self.stream.id,
                    decoded(self.method),
                    decoded(self.opening.target),
                    self.status,
                    self.service.clock.seconds() - self.started,
                    bytes_in,
                    self.bytes_out,
                    error,
                    self.service.name,
                    decoded(declined),
                    cause=cause,
                )
            )

    # --- for the observer ----------------------------------------------------------------------------------

    def observe_request(self, observer: StreamObserver, target: bytes, headers: Headers) -> None:
        """Tell the observer of the request, and of what the service is asked instead."""
        self.observer = observer
        number, opening = self.stream.id, self.opening
        observer.request(number, opening)
        if headers != opening.headers or target != opening.target:
            observer.rewritten(number, target, headers)

    def observe_head(self, head: ResponseHead) -> None:
        """Tell the observer of a response's head, and of the body that came with it."""
        observer = self.observer
        if observer is not None:
            observer.response(self.stream.id, head_alone(head))
            if head.body:
                observer.body(self.stream.id, False, head.body)

    def observe_end(self, by: EndedBy, code: str | None = None, reason: str = "") -> None:
        """Tell the observer that the exchange is over, and nothing more after that."""
        observer, self.observer = self.observer, None
        if observer is not None:
            observer.ended(self.stream.id, by, code, reason)

    # --- for the kinds -------------------------------------------------------------------------------------

    def send_request(self, connection: HttpConnection) -> None:
        """Send what is to be sent on a connection that serves this leg from now on."""
        raise NotImplementedError

    def cancelled(self, error: str | None, cause: Cause | None = None) -> None:
        """Report an exchange that the peer has reset; ``error`` is None where the response was complete."""
        raise NotImplementedError

    def failed(self, problem: Problem, message: str, cause: Cause | None) -> None:
        """Report an exchange that has failed, of which the peer has been told."""
        raise NotImplementedError

    def dial(self) -> None:
        """Make a connection; then :meth:`send_request` is called, or the exchange fails."""
        self._dial = dial = PendingDial(self)
        dial.start(self.service.dial_http())

    def connected(self, connection: HttpConnection) -> None:
        """Send the request on a new connection."""
        self._dial = None
        self.use(connection)
        self.send_request(connection)

    def use(self, connection: HttpConnection) -> None:
        """Have ``connection`` serve this leg."""
        self._connection = connection
        if self.observer is not None:
            self.observer.sent(self.stream.id)
        connection.begin(self)

    def fail(self, problem: Problem, message: str) -> None:
        """End the exchange with a problem; ``message`` is a whole sentence for people."""
        if self.state is OVER:
            return
        cause = found_here(self, problem, message)
        self._close()
        self.stream.reset(problem, message, why=why_of(cause))
        explain(self, cause)
        self.observe_end(_blamed(problem), problem.code, message or problem.sentence)
        self._tell(problem, message, cause)

    def _tell(self, problem: Problem, message: str, cause: Cause | None) -> None:
        """Tell the log and the listener how the exchange has failed."""
        target = self.opening.target
        end = line(self.service.clock, "exchange failed")
        if end is not None:
            _log.warn(
                "{method} {target} failed: {word}: {cause} {remedy}{end}",
                id=self.stream.id,
                method=printable(self.method, 32),
                target=shown_target(target),
                word=problem.code,
                cause=without_secrets(message or problem.sentence),
                remedy=problem.remedy,
                end=end,
            )
        self.failed(problem, message or problem.sentence, cause)

    def _close(self) -> None:
        self.state = OVER
        self.service.forget(self)
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()


def _blamed(problem: Problem) -> EndedBy:
    """Return who is to blame for a problem, other than the visitor."""
    return "service" if problem in SERVICE_PROBLEMS else "sellia"


def request_head(method: bytes, target: bytes, headers: Headers, extra: bytes = b"") -> bytes:
    """Return a request's head as it goes to the service; ``extra`` are fields of our own, each with its line break.

    ``headers`` have a Host at least, which the caller has looked at.

    Raises ValueError when the result would not be one head, whatever the server says it is.
    """
    check_method(method)
    check_target(target)
    validate(headers)
    fields = b"\r\n".join(map(b": ".join, headers))
    return b"%b %b HTTP/1.1\r\n%b\r\n%b\r\n" % (method, target, fields, extra)
