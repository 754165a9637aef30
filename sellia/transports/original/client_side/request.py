"""The client's leg of an HTTP exchange: a visitor's request to an original server, which our service answers.

What the server says of a request is what its visitor wrote, so the header rules that an ingress of ours applies are
applied here.  Its body's end comes as a message of its own, but whether there is a body the head tells, and a request
without one is passed on at once.

What has no words in this dialect
    *Interim answers* and *trailers* are dropped.  *A visitor who leaves* is not told, so the service goes on.  *An
    answer that breaks off* is ended where its head tells its length, which the visitor then misses; any other is left
    unfinished, because its end would make it look complete.
"""

from collections.abc import Iterator
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    HEADER_TOO_LARGE,
    RESPONSE_TIMEOUT,
    Problem,
)
from sellia.protocol.limits import HEADER_COUNT_LIMIT, REQUEST_TIMEOUT
from sellia.protocol.messages import Headers, HttpRequest, Opening, ResponseHead
from sellia.protocol.original.messages import CHUNK, RequestBody, RequestStart, ResponseBody, ResponseEnd, ResponseStart
from sellia.relay.http.error_responses import answer, public_detail
from sellia.relay.http.forwarded import UNIX, Origin, port_of
from sellia.relay.http.framing import plain_length
from sellia.relay.http.headers import request_to_service
from sellia.relay.http.validation import check_method, check_target, validate
from sellia.text import sentence
from sellia.transports.original.bridge import Bridge, BridgeLeg
from sellia.transports.original.client_side.server_peer import OpenTunnelOf, ServerPeer

#: Who the visitor is, as far as the server says.
VISITOR: Final = "unknown"

#: Fields that the header rules may add.
_ADDED: Final = 4


class OriginalResponseLeg(BridgeLeg):
    """One request.  :meth:`ClientBridge.begin` once, then :meth:`body` with what the server says of its body."""

    __slots__ = ("_answered", "_asked", "_begun", "_counted", "_patience", "_peer", "_start")

    def __init__(self, bridge: Bridge, peer: ServerPeer, start: RequestStart) -> None:
        super().__init__(bridge)
        self._peer = peer
        self.request_id = start.request_id
        self._start = start
        #: Seconds that the service has for the head of its answer.
        self._patience = REQUEST_TIMEOUT
        #: Whether the server has sent all of the request, and has been sent the head, and the end, of the answer.
        self._asked = False
        self._begun = False
        self._answered = False
        #: Whether the head of the answer tells the length of its body, so that its visitor sees when it breaks off.
        self._counted = False

    def opening(self, tunnel: OpenTunnelOf) -> tuple[Opening, bool]:
        """Return what our session is to open, and whether nothing follows it.  Raises ProblemError if it cannot be."""
        start = self._start
        headers = for_service(start.method, start.path, start.headers, tunnel)
        chunked, length = framing(start.headers)
        opening = HttpRequest(tunnel.number, start.method, start.path, headers, VISITOR, chunked)
        return opening, not chunked and not length

    def begun(self, tunnel: OpenTunnelOf, end: bool) -> None:
        """Note that the request is on its way; ``end`` says that all of it is."""
        self._patience = tunnel.options.request_timeout or REQUEST_TIMEOUT
        if end:
            self._peer.await_service(self, self._patience, RESPONSE_TIMEOUT)

    def body(self, said: RequestBody) -> None:
        """Pass on what the server says of the request's body."""
        stream = self.stream
        if stream.local_ended:
            if said.chunk and not self.over and not self._asked:
                self.fail(BAD_REQUEST, "There is more of the request's body than its head says.")
        elif said.chunk or said.final:
            with self.sending():
                stream.send_data(said.chunk, said.final)
        if said.final:
            self._asked = True
            if self._answered:
                self._finish()
            elif not self._begun and not self.over:
                self._peer.await_service(self, self._patience, RESPONSE_TIMEOUT)

    # --- from the stream -----------------------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        if head.status < 200:
            return
        self._peer.answered(self)
        self._begun = True
        self._counted = any(name.lower() == b"content-length" for name, _ in head.headers)
        self.bridge.send(ResponseStart(self.request_id, head.status, head.headers))
        if head.body:
            self.data_received(head.body)

    def data_received(self, data: bytes) -> None:
        for chunk in chunks(data):
            self.bridge.send(ResponseBody(self.request_id, chunk))

    def end_received(self, trailers: Headers) -> None:
        self._answered = True
        self.bridge.send(ResponseEnd(self.request_id))
        if self._asked:
            self._finish()

    def exceeded(self) -> None:
        self.fail(BODY_TOO_LARGE, "The server passed on too much of the request's body at once.")

    def tell_end(self, problem: Problem, message: str) -> None:
        if not self._begun:
            self.refuse(problem, message)
        elif self._counted and not self._answered:
            self.bridge.send(ResponseEnd(self.request_id))

    def described(self) -> bytes:
        return b"%b %b" % (self._start.method, self._start.path)

    # --- ends ----------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Finish if all of the request has been received, and all of the answer sent."""
        self.over = True
        self.bridge.pressure.flows(self)
        self.bridge.forget(self)

    def refuse(self, problem: Problem, detail: str) -> None:
        """Answer in our own name."""
        start = self._start
        accept = b", ".join(value for name, value in start.headers if name.lower() == b"accept")
        said = answer(
            problem.answer,
            accept=accept,
            host=host_of(start.headers),
            target=start.path,
            detail=public_detail(problem, detail),
            cross_origin=any(name.lower() == b"origin" for name, _ in start.headers),
        )
        self._begun = True
        body = [] if start.method == b"HEAD" else chunks(said.body)
        self._peer.answer(
            ResponseStart(self.request_id, said.status, said.headers),
            *(ResponseBody(self.request_id, chunk) for chunk in body),
            ResponseEnd(self.request_id),
        )


def chunks(data: bytes) -> Iterator[bytes]:
    """``data`` in pieces of what one message is to have."""
    if len(data) <= CHUNK:
        yield data
        return
    for offset in range(0, len(data), CHUNK):
        yield data[offset : offset + CHUNK]


def for_service(method: bytes, path: bytes, headers: Headers, tunnel: OpenTunnelOf, upgrade: bool = False) -> Headers:
    """Return a request's headers as its service is to see them.  Raises ProblemError if they cannot be passed on."""
    if len(headers) > HEADER_COUNT_LIMIT - _ADDED:
        raise ProblemError(HEADER_TOO_LARGE)
    try:
        check_method(method)
        check_target(path)
        validate(headers)
    except ValueError as error:
        raise ProblemError(BAD_REQUEST, f"The server sent a request that cannot be passed on: {error}.") from None
    origin = None
    if tunnel.options.forwarded:
        host = host_of(headers)
        origin = Origin(b"unknown", tunnel.scheme, host, port_of(host, tunnel.scheme), UNIX)
    return request_to_service(headers, origin, upgrade=upgrade)


def framing(headers: Headers) -> tuple[bool, int]:
    """Return whether a request's body is chunked, and its length (RFC 9112, 6.3).  Raises ProblemError for neither."""
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    codings = [value.strip().lower() for name, value in headers if name.lower() == b"transfer-encoding"]
    if codings and (lengths or codings != [b"chunked"]):
        raise ProblemError(BAD_REQUEST, "The request has a transfer coding that is not passed on.")
    try:
        sizes = set(map(plain_length, lengths))
    except ValueError as error:
        raise ProblemError(BAD_REQUEST, sentence(error)) from None
    if len(sizes) > 1:
        raise ProblemError(BAD_REQUEST, "The request has more than one length.")
    return bool(codings), sizes.pop() if sizes else 0


def host_of(headers: Headers) -> bytes:
    """Return the host that the visitor asked for; empty if none is named."""
    return next((value for name, value in headers if name.lower() == b"host"), b"")
