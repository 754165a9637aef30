"""Lines of a response towards the visitor that make its framing: its first line, its own fields, the ends of chunks."""

from typing import Final

from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.http.framing import field_lines
from sellia.relay.http.headers import response_to_visitor
from sellia.relay.http.trailers import trailers_to_pass
from sellia.relay.http.validation import check_reason, validate_response
from sellia.server.ingress.states import Framing

CHUNK_END: Final = b"\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

_CHUNKS: Final = Framing.CHUNKS


def status_line(head: ResponseHead) -> bytes:
    """Return the first line of a response."""
    return b"HTTP/1.1 %d %s\r\n" % (head.status, head.reason)


def check_switching(head: ResponseHead) -> None:
    """Check a client's 101, except for what was agreed.  Raises ValueError for one that no visitor may be sent."""
    check_reason(head.reason)
    validate_response(head.headers)
    if head.body:
        raise ValueError("the service's 101 has a body")


def switching_head(head: ResponseHead, protocol: bytes) -> bytes:
    """Return a 101 as the visitor is sent it, with fields of its own that name the protocol."""
    own = [(b"Upgrade", protocol), (b"Connection", b"Upgrade")]
    headers = response_to_visitor(head.headers, 101)
    own += [pair for pair in headers if pair[0].lower() not in (b"upgrade", b"connection")]
    return status_line(head) + field_lines(own) + b"\r\n"


def framing_fields(framing: Framing, keep_alive: bool, minor: int) -> bytes:
    """Return the fields that say how the body ends, and whether the connection goes on; ``minor`` as in HTTP/1.x."""
    fields = b"Transfer-Encoding: chunked\r\n" if framing is _CHUNKS else b""
    if not keep_alive:
        return fields + b"Connection: close\r\n"
    return fields if minor else fields + b"Connection: keep-alive\r\n"


def last_chunk(trailers: Headers) -> bytes:
    """Return the end of a chunked body with its trailers.  Raises ValueError for fields that no visitor may be sent."""
    validate_response(trailers)
    return b"0\r\n" + field_lines(trailers_to_pass(trailers)) + b"\r\n"
