"""What a stream to an HTTP service calls at the client's end, whether it asks for a page or for a WebSocket.

An exchange finds a connection, asks its question on it, and passes the answer on to the stream.  Whatever goes wrong
on the way ends it once, and is told to three: the visitor (by a problem's word and a sentence, with which the stream
is reset), the log, and whoever listens to events.

Before the answer's head has been passed on the server makes a page of the problem; after it, the visitor's response
ends as broken.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.client.events import VISITOR_LEFT, Event, RequestWaiting
from sellia.client.local.connection import HttpConnection
from sellia.client.local.dial import ServiceSocket
from sellia.client.local.host_checks import NOT_HTTP, STATUSES
from sellia.errors import ProblemError
from sellia.problems import BAD_SERVICE_RESPONSE, INTERNAL, SERVICE_DIED, Problem
from sellia.protocol.messages import Headers, HttpRequest, ResponseHead, WebSocketRequest
from sellia.relay.http.framing import BadAnswer
from sellia.relay.http.headers import check_method, check_target, validate
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.stream import Stream
from sellia.text import printable, shown_target, without_secrets
from sellia.transports.reactor.lines import line

if TYPE_CHECKING:
    from sellia.client.local.service import LocalService

Report: TypeAlias = Callable[[Event], None]

_log = Logger()


class ServiceLeg(StrictLeg):
    """The base of both kinds.  ``over`` is set once nothing more will pass."""

    __slots__ = (
        "_connection",
        "_dialing",
        "bodiless",
        "bytes_out",
        "login",
        "method",
        "opening",
        "over",
        "report",
        "service",
        "started",
        "status",
        "stream",
    )

    def __init__(
        self, service: "LocalService", stream: Stream, opening: HttpRequest | WebSocketRequest, report: Report | None
    ) -> None:
        self.service = service
        self.stream = stream
        self.opening = opening
        self.report = report
        self.method = b"GET"
        #: Whether the answer has no body whatever its head says.
        self.bodiless = False
        #: Whether the request brings a login that belongs to its connection.
        self.login = False
        self.over = False
        self.status: int | None = None
        self.bytes_out = 0
        self.started = service.clock.seconds() if report is not None else 0.0
        self._connection: HttpConnection | None = None
        self._dialing: Deferred[ServiceSocket] | None = None

    # --- for whoever is at the other end of the stream -----------------------------------------------------

    def reset_received(self, word: str, message: str) -> None:
        if not self.over:
            self._close()
            if word == BAD_SERVICE_RESPONSE.code:
                self.status = BAD_SERVICE_RESPONSE.status
                self._tell(BAD_SERVICE_RESPONSE, server_refused(message))
            else:
                self.cancelled(VISITOR_LEFT if word == "visitor-gone" else message or word)

    def pause_sending(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume_sending(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    # --- for the connection --------------------------------------------------------------------------------

    def send_interim(self, head: ResponseHead) -> None:
        """An interim answer, other than 101."""
        self.stream.send_head(head)

    def send_head(self, head: ResponseHead, end: bool) -> None:
        """The answer's head; ``end`` says that there is no body."""
        self.status = head.status
        self.stream.send_head(head, end)

    def send_answer(self, head: ResponseHead) -> None:
        """The whole of a short answer: its head, with the body in it."""
        self.bytes_out += len(head.body)
        self.send_head(head, True)
        if head.status in STATUSES:
            self.look(head.body)

    def send_body(self, data: bytes, end: bool) -> None:
        """Octets of the answer's body."""
        if not self.bytes_out and self.status in STATUSES:
            self.look(data)
        self.bytes_out += len(data)
        self.stream.send_data(data, end)

    def look(self, body: bytes) -> None:
        """Look at the beginning of an answer's body whose status is one of those of host checks."""
        self.service.look_for_host_check(self.status or 0, body, self.opening.headers, self.report)

    def send_trailers(self, trailers: Headers) -> None:
        """The answer's end, with trailer fields."""
        self.stream.end(trailers)

    def answer_ended(self) -> None:
        """The whole answer has been passed on: release the connection, now or later."""
        raise NotImplementedError

    def switched(self, reason: bytes, headers: Headers, rest: bytes) -> None:
        """The service has answered 101, and ``rest`` came behind its head.  May raise BadAnswer."""
        raise BadAnswer("changed the protocol without having been asked to")

    def lost(self, connection: HttpConnection, began: bool) -> None:
        """The connection is gone before the answer's end, and ``began`` says whether any of the answer had come."""
        self._connection = None
        where = self.service.where
        if self.status is not None:
            self.fail(SERVICE_DIED, f"{where} ended the connection in the middle of its answer.")
        elif began:
            self.fail(SERVICE_DIED, f"{where} ended the connection in the middle of its response head.")
        else:
            self.fail(SERVICE_DIED, f"{where} ended the connection without an answer.")

    def bad_answer(self, message: str) -> None:
        """The service's answer cannot be passed on."""
        self.fail(BAD_SERVICE_RESPONSE, f"{self.service.where} {message}.")
        words = message.partition('"')[2].rpartition('"')[0]
        if words:
            self.service.look_for_host_check(NOT_HTTP, words.encode(), self.opening.headers, self.report)

    def defect(self) -> None:
        """Something of ours is wrong, and has been logged."""
        self.fail(INTERNAL, "")

    def stalled(self) -> None:
        """The service takes no more for now."""
        self.stream.stall()

    def flowing(self) -> None:
        """The service has taken all that it was sent."""
        self.stream.flow()

    # --- for who listens -----------------------------------------------------------------------------------

    def slow(self) -> None:
        """Tell whoever listens that the service has not answered yet."""
        if self.report is not None:
            method, target = self.method.decode("utf-8", "backslashreplace"), self.opening.target
            seconds = self.service.clock.seconds() - self.started
            self.report(
                RequestWaiting(
                    self.stream.id,
                    method,
                    target.decode("utf-8", "backslashreplace"),
                    self.opening.visitor,
                    seconds,
                    self.service.name,
                )
            )

    # --- for the kinds -------------------------------------------------------------------------------------

    def connected(self, connection: HttpConnection) -> None:
        """There is a new connection: send what is to be sent."""
        raise NotImplementedError

    def cancelled(self, cause: str) -> None:
        """The other end has given this exchange up; the stream is not to be used any more."""
        raise NotImplementedError

    def failed(self, problem: Problem, message: str) -> None:
        """It has ended with this problem, of which the other end has been told."""
        raise NotImplementedError

    def dial(self) -> None:
        """Make a connection; then :meth:`connected` is called, or the exchange fails."""
        self._dialing = dialing = self.service.dial_http()
        dialing.addCallbacks(self._dialed, self._not_dialed)
        dialing.addErrback(self._defective)

    def fail(self, problem: Problem, message: str) -> None:
        """End this exchange and say why; ``message`` is a whole sentence for people."""
        if self.over:
            return
        self._close()
        self.stream.reset(problem.code, message)
        self._tell(problem, message)

    def _tell(self, problem: Problem, message: str) -> None:
        """Tell the log, and whoever listens, how this exchange has failed."""
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
        self.failed(problem, message or problem.sentence)

    def _close(self) -> None:
        self.over = True
        self.service.forget(self)
        dialing, self._dialing = self._dialing, None
        if dialing is not None:
            dialing.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def _dialed(self, socket: ServiceSocket) -> None:
        self._dialing = None
        assert isinstance(socket, HttpConnection)
        self._connection = socket
        socket.begin(self)
        self.connected(socket)

    def _not_dialed(self, failure: Failure) -> None:
        self._dialing = None
        if self.over:  # given up by ourselves
            return
        error = failure.value
        if not isinstance(error, ProblemError):
            failure.raiseException()
        self.fail(error.problem, error.detail)

    def _defective(self, failure: Failure) -> None:
        _log.failure("a service could not be asked", failure=failure)
        self.defect()


def server_refused(message: str) -> str:
    """What to say of an answer that the server did not pass on."""
    return f"The server refused the answer: {printable(message, 200).rstrip('.') or 'it did not say why'}."


def request_head(method: bytes, target: bytes, headers: Headers, extra: bytes = b"") -> bytes:
    """A request's head as it goes to the service; ``extra`` are fields of our own, each with its line break.

    ``headers`` have a Host at least, which the caller has looked at.

    Raises ValueError when it would not be one head, whatever the server says it is.
    """
    check_method(method)
    check_target(target)
    validate(headers)
    fields = b"\r\n".join(map(b": ".join, headers))
    return b"%b %b HTTP/1.1\r\n%b\r\n%b\r\n" % (method, target, fields, extra)
