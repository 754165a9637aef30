"""Leg of a visitor's request that an original client answers.

What is made right on the way
    *Towards the client*: ``Expect`` stays here, because the client takes a 100 of the service for its answer; the
    visitor gets its 100 from us.  ``TE`` stays here, because no trailers pass.

    *Towards the visitor*: the client decompresses a body and changes its charset without changing what the head says
    of its length.  So a Content-Length is dropped where that can have happened, and the response is framed by its end;
    elsewhere it is held to.  Bodies of responses that have none are dropped.

    A response's end that never comes, for whatever reason, shows as a broken response, never as a complete one.
"""

from http import HTTPStatus
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import BAD_SERVICE_RESPONSE
from sellia.protocol.limits import HEAD_LIMIT, HEADER_COUNT_LIMIT
from sellia.protocol.messages import Headers, HttpRequest, ResponseHead
from sellia.protocol.original.messages import CHUNK, RequestBody, RequestStart, ResponseBody, ResponseEnd, ResponseStart
from sellia.relay.http.framing import BODILESS
from sellia.relay.mux.stream import Stream
from sellia.transports.original.bridge import Bridge, BridgeLeg

#: Responses that have no body, besides those to HEAD.

_WITHHELD: Final = frozenset((b"expect", b"te"))

_CONTINUE: Final = ResponseHead(100, b"Continue", [])

_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


class OriginalRequestLeg(BridgeLeg):
    """One request and its response."""

    __slots__ = ("_answered", "_bodiless", "_head", "_what")

    def __init__(self, bridge: Bridge, stream: Stream, opening: HttpRequest, end: bool, tunnel_id: str) -> None:
        super().__init__(bridge)
        self.stream = stream
        self._what = b"%b %b" % (opening.method, opening.target)
        self._head = opening.method == b"HEAD"
        self._bodiless = False
        self._answered = False
        self.request_id = bridge.register(self)
        headers = [pair for pair in opening.headers if pair[0].lower() not in _WITHHELD]
        bridge.send(RequestStart(self.request_id, tunnel_id, opening.method, opening.target, headers))
        if end:
            bridge.send(RequestBody(self.request_id, b"", True))
        elif len(headers) != len(opening.headers) and _expects(opening.headers):
            stream.send_head(_CONTINUE)

    def described(self) -> bytes:
        return self._what

    # --- the request ---------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.over:
            return
        if len(data) <= CHUNK:
            self.bridge.send(RequestBody(self.request_id, data, False))
            return
        for offset in range(0, len(data), CHUNK):
            self.bridge.send(RequestBody(self.request_id, data[offset : offset + CHUNK], False))

    def end_received(self, trailers: Headers) -> None:
        if not self.over:
            self.bridge.send(RequestBody(self.request_id, b"", True))

    # --- the response --------------------------------------------------------------------------------------

    def answer_begins(self, said: ResponseStart) -> None:
        """Pass on the head of the response.  A second one is dropped."""
        status, headers = said.status_code, said.headers
        if self._answered:
            return
        if not 200 <= status <= 999:
            self.fail(BAD_SERVICE_RESPONSE, f"The client passed on the status {status}, which ends no request.")
            return
        if len(headers) > HEADER_COUNT_LIMIT:
            self.fail(BAD_SERVICE_RESPONSE, f"The response has more than {HEADER_COUNT_LIMIT} header fields.")
            return
        self._answered = True
        self._bodiless = self._head or status in BODILESS
        if not self._bodiless and may_have_changed(headers):
            headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
        try:
            with self.sending() as stream:
                stream.send_head(ResponseHead(status, _REASONS.get(status, b""), headers))
        except ProblemError:
            self.fail(BAD_SERVICE_RESPONSE, f"The response has a header section of more than {HEAD_LIMIT} bytes.")

    def answer_goes_on(self, said: ResponseBody) -> None:
        """Pass on a piece of its body."""
        chunk = said.chunk
        if not self._answered:
            self.fail(BAD_SERVICE_RESPONSE, "The client sent a response's body before its head.")
        elif chunk and not self._bodiless:
            with self.sending() as stream:
                stream.send_data(chunk)

    def answer_ends(self, said: ResponseEnd) -> None:
        """End the response, which is complete."""
        if not self._answered:
            self.fail(BAD_SERVICE_RESPONSE, "The client sent a response's end before its head.")
            return
        self.over = True
        self.bridge.forget(self)
        with self.sending() as stream:
            stream.end()


def may_have_changed(headers: Headers) -> bool:
    """Whether the body can be another than the service sent, so that the Content-Length is not that of this one."""
    for name, value in headers:
        folded = name.lower()
        if folded in (b"content-encoding", b"transfer-encoding"):
            return True
        if folded == b"content-type" and b"charset" in value.lower():
            return True
    return False


def _expects(headers: Headers) -> bool:
    return any(name.lower() == b"expect" and value.strip().lower() == b"100-continue" for name, value in headers)
