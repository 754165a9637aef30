"""Stream endpoint of an HTTP request at the client: the request to the service, and its response on its way back.

Need
    Both bodies flow as they come, each at the pace of its slower end.  Nothing is asked of the service twice unless
    that is safe beyond doubt.

When a request is repeated
    Once, if its connection had served others before and ended before a single byte of the answer, and if it is a GET,
    HEAD or OPTIONS without a body, or if the service has certainly received nothing of it: the connection's end came
    in order, and acknowledged no byte of it.  Such a connection was closed because it was idle.  In all other cases
    the visitor is told that the service died.  At most 64 KiB of a request are kept for that.

How long the service may take
    As long as the server lets it, which has the tunnel's limit and resets the stream.  The listener is told of a
    request that waits for its response head for ``SLOW`` seconds, and of a response that flows for as long.

When the service answers early
    The answer is passed on at once, and the rest of the request still goes to the service.  If the service closes the
    connection instead, the rest is dropped, and the stream is reset as soon as all of the answer has left.  If it does
    not, the connection is not used for another request: many a service closes it all the same, when it has read what
    it does not want.

What is believed of the server
    That a request is what it says: no.  A body that is not as long as its head says would let one visitor's bytes
    be taken for another's request, on a connection that both use.
"""

from typing import Final

from sellia.client.events import Report, RequestStarted, ResponseStreaming
from sellia.client.local.connection import HttpConnection
from sellia.client.local.ends import STRIPPED, of_answer
from sellia.client.local.exchange import ANSWERED, OPEN, OVER, REQUESTED, ServiceLeg, request_head
from sellia.client.local.service import LocalService
from sellia.problems import BAD_REQUEST, SERVICE_DIED, Problem
from sellia.protocol.messages import Headers, HttpRequest, ResponseHead
from sellia.relay.http.field_rules import NameTable
from sellia.relay.http.framing import BODILESS, field_lines, plain_length
from sellia.relay.http.logins import is_bound
from sellia.relay.http.trailers import trailers_to_pass
from sellia.relay.http.validation import validate
from sellia.relay.http.webdav import METHODS as DESTINATION_METHODS
from sellia.relay.http.webdav import with_destination
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.text import decoded
from sellia.why.cause import Cause
from sellia.why.exchange import GATEWAY_STATUSES

#: Bytes of a request that are kept while it is not known whether the service has closed its connection.
KEPT_LIMIT: Final = 64 * 1024

_HOST, _LENGTH, _CODING, _KEY, _TE, _LOGIN = range(1, 7)

#: Fields of a request that matter here.
_KNOWN: Final = {
    b"host": _HOST,
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"sec-websocket-key": _KEY,
    b"te": _TE,
    b"authorization": _LOGIN,
}

_known: Final = NameTable(lambda name: _KNOWN.get(name.lower(), 0))

_REPEATABLE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))


class ServiceHttpLeg(ServiceLeg):
    """One request and its response.  ``end``: the request has no body."""

    __slots__ = (
        "_chunked",
        "_kept",
        "_left",
        "_length",
        "_repeatable",
        "_unsent",
        "bytes_in",
    )

    opening: HttpRequest

    def __init__(
        self,
        service: LocalService,
        stream: Stream,
        opening: HttpRequest,
        end: bool,
        report: Report | None,
        observer: StreamObserver | None,
        target: bytes | None = None,
    ) -> None:
        super().__init__(service, stream, opening, report)
        self.method = opening.method
        self.bodiless = opening.method == b"HEAD"
        self.bytes_in = 0
        self._chunked = opening.chunked
        self._length = 0
        self._left = 0
        if end:
            self.state = REQUESTED
        self._repeatable = end and opening.method in _REPEATABLE
        self._unsent: list[bytes] = []
        #: Bytes of the request that may yet be kept for another connection; negative where none is.
        self._kept = -1
        if report is not None:
            service.slow.add(self)
            asked = decoded(opening.target)
            report(RequestStarted(stream.id, decoded(opening.method), asked, opening.visitor, service.name))
        try:
            if service.rewriter is None:
                wanted, headers = opening.target if target is None else target, opening.headers
            else:
                wanted, headers = self.sent(target)
            if opening.method in DESTINATION_METHODS:
                headers = with_destination(headers, service.scheme)
            head = self._head(opening, end, wanted, headers)
        except ValueError as error:
            self.fail(BAD_REQUEST, f"The server sent a request that cannot be passed on: {error}.")
            return
        if observer is not None:
            self.observe_request(observer, wanted, headers)
        connection = service.pool.take(opening.connection, fresh=not self._repeatable)
        if connection is None:
            self._unsent.append(head)
            stream.stall()
            self.dial()
            return
        self.use(connection)
        self._unsent.append(head)
        if not self._repeatable:
            self._kept = KEPT_LIMIT
            connection.watch()
        if end:
            connection.write_whole(head)
        else:
            connection.write(head)

    def _head(self, opening: HttpRequest, end: bool, target: bytes, headers: Headers) -> bytes:
        extra = b""
        length = -1
        hosts = 0
        for name, value in headers:
            known = _known[name]
            if not known:
                continue
            if known == _HOST:
                hosts += 1
            elif known == _LENGTH:
                if length >= 0:
                    raise ValueError("it has two lengths (Content-Length)")
                length = plain_length(value)
            elif known == _CODING:
                raise ValueError("it brings a transfer coding of its own")
            elif known == _KEY:
                self.word = STRIPPED
            elif known == _TE:
                extra = b"Connection: TE\r\n"  # RFC 9110, section 10.1.4
            else:
                self.login = is_bound(value)
        if hosts != 1:
            raise ValueError("it does not name one host")
        if self._chunked:
            if length >= 0:
                raise ValueError("it has both a length and chunks")
            extra += b"Transfer-Encoding: chunked\r\n"
        elif length > 0:
            if end:
                raise ValueError("its body is missing")
            self._left = self._length = length
        head = request_head(opening.method, target, headers, extra)
        return head + b"0\r\n\r\n" if end and self._chunked else head

    # --- the request ---------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        size = len(data)
        self.bytes_in += size
        if self.observer is not None and size:
            self.observer.body(self.stream.id, True, data)
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (size, data)
        else:
            self._left -= size
            if self._left < 0:
                self.fail(BAD_REQUEST, "The server sent more of a request than its Content-Length says.")
                return
        self._hand_over(data)

    def end_received(self, trailers: Headers) -> None:
        if self.state is OVER:
            return
        if self._chunked:
            try:
                validate(trailers)
            except ValueError as error:
                self.fail(BAD_REQUEST, f"The server sent a request that cannot be passed on: {error}.")
                return
            fields = field_lines(trailers_to_pass(trailers))
            if trailers and self.observer is not None:
                self.observer.trailers(self.stream.id, True, trailers)
            self._hand_over(b"0\r\n%b\r\n" % fields)
        elif self._left:
            self.fail(BAD_REQUEST, "The server sent less of a request than its Content-Length says.")
            return
        if self.state is ANSWERED:
            self._finish(reuse=False)
        elif self.state is OPEN:
            self.state = REQUESTED

    def _hand_over(self, data: bytes) -> None:
        if self._connection is not None:
            if self._kept >= 0:
                self._keep(data)
            self._connection.write(data)
        elif self.state is not ANSWERED:
            self._unsent.append(data)
        elif self.stream.drained:
            self._abandon()

    def _keep(self, data: bytes) -> None:
        """Keep what is written to a reused connection, in case that the service has closed it."""
        self._kept -= len(data)
        if self._kept >= 0:
            self._unsent.append(data)
        else:
            self._unsent.clear()

    def send_request(self, connection: HttpConnection) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._kept = -1
        if self.state is REQUESTED:
            connection.write_whole(data)
        else:
            connection.write(data)
        if not connection.stalled:
            self.stream.flow()

    # --- the answer ----------------------------------------------------------------------------------------

    def send_head(self, head: ResponseHead, end: bool) -> None:
        self.status = head.status
        if self.observer is not None:
            self.observe_head(head)
        if self.report is not None:
            self.service.forget(self) if end else self.service.slow.add(self)
        self.stream.send_head(head, end)

    def answer_ended(self) -> None:
        if self.state is REQUESTED:
            self._finish()
        else:
            self.state = ANSWERED

    def lost(self, connection: HttpConnection, began: bool) -> None:
        if self.state is ANSWERED:
            self._connection = None
            self.stream.flow()
            if self.stream.drained:
                self._abandon()
        elif connection.reused and not began and (self._repeatable or (connection.unreceived and self._kept >= 0)):
            self.service.pool.caught(0.0)
            self._repeatable = False
            self._kept = -1
            self._connection = None
            self.stream.stall()
            self.dial()
        else:
            if connection.reused and not began:
                self.service.pool.caught(0.0)
            super().lost(connection, began)

    def slow(self) -> None:
        if self.status is None:
            super().slow()
        elif self.report is not None:
            target, seconds = decoded(self.opening.target), self.service.clock.seconds() - self.started
            self.report(
                ResponseStreaming(
                    self.stream.id,
                    decoded(self.method),
                    target,
                    self.status,
                    seconds,
                    self.bytes_out,
                    self.service.name,
                )
            )

    @property
    def _dirty(self) -> bool:
        """Whether the service may have left something unread on the connection, or may send something late."""
        opening = self.opening
        return self._length > 0 or opening.chunked or self.bodiless or self.status in BODILESS or self.login

    # --- ends ----------------------------------------------------------------------------------------------

    def _finish(self, *, reuse: bool = True) -> None:
        """End an exchange that is complete; ``reuse``: the connection may serve another one."""
        self.state = OVER
        if self.report is not None:
            self.service.forget(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.stalled:
                self.stream.flow()
            connection.release(reuse=reuse, visitor=self.opening.connection, dirty=self._dirty)
        told = self.method, self.opening.target, self.status, self.bytes_in, self.bytes_out, self.report
        self.service.finished.add(self.stream.id, told)
        cause = of_answer(self) if self.word or self.status in GATEWAY_STATUSES else None
        if self.observer is not None:
            self.observe_end("service")
        if self.report is not None:
            self._report(None, cause)

    def _abandon(self) -> None:
        """End an exchange whose response has left, and whose service wants no more of the request."""
        self.state = OVER
        self.service.forget(self)
        self.stream.reset(SERVICE_DIED, f"{self.service.where} closed the connection after its answer.")
        self.observe_end("service")
        self._report(None)

    def cancelled(self, error: str | None, cause: Cause | None = None) -> None:
        self._report(error, cause)

    def failed(self, problem: Problem, message: str, cause: Cause | None) -> None:
        if self.status is None:
            self.status = problem.status
        self._report(message, cause)

    def _report(self, error: str | None, cause: Cause | None = None) -> None:
        if self.report is not None:
            self.report_finished(self.bytes_in, error, self.opening.declined, cause)
