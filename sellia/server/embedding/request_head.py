"""Request heads that twisted.web has read, brought to the form of our own reader and held to its rules.

twisted.web lets pass a Host that is missing or doubled, methods and targets of any kind, and control characters in
values; nothing behind `read_head` and `target_of` has to reckon with these.
"""

from typing import IO, Any

from twisted.web.http import HTTPChannel

from sellia.errors import ProblemError
from sellia.problems import BAD_HOST, BAD_REQUEST, METHOD_NOT_ALLOWED
from sellia.relay.http.headers import values_of
from sellia.relay.http.hosts import canonical_host, split_target
from sellia.relay.http.validation import check_method, check_target, validate
from sellia.server.ingress.http1 import Request
from sellia.text import sentence


def read_head(web: Any) -> Request:
    """Return a request's head as twisted.web has read it, held to the rules of our own reader.  Raises ProblemError."""
    request = Request()
    request.method = web.method
    request.target = web.uri
    request.minor = 0 if web.clientproto == b"HTTP/1.0" else 1
    request.keep_alive = True
    request.headers = headers = [
        (name, value)
        for name, values in web.requestHeaders.getAllRawHeaders()
        for value in values
        if not (name.lower() == b"expect" and value.lower() == b"100-continue")  # twisted.web has answered that
    ]
    request.hosts = request.values(b"host")
    lengths = request.values(b"content-length")
    request.length = int(lengths[0]) if lengths else None  # twisted.web has refused all but one number
    request.chunked = any(coding.lower() == b"chunked" for coding in request.values(b"transfer-encoding"))
    if request.length is None and not request.chunked:
        request.chunked = _size(web.content) > 0  # HTTP/2 needs neither
    request.has_body = request.chunked or bool(request.length)
    request.upgrade = (
        request.method == b"GET"
        and web.clientproto == b"HTTP/1.1"
        and isinstance(web.channel, HTTPChannel)
        and _names(request, b"upgrade", b"websocket")
        and _names(request, b"connection", b"upgrade")
    )
    if request.method == b"CONNECT":
        raise ProblemError(METHOD_NOT_ALLOWED)
    try:
        check_method(request.method)
        check_target(request.target)
        validate(headers)
    except ValueError as error:
        raise ProblemError(BAD_REQUEST, sentence(error)) from None
    if request.upgrade and request.has_body:
        raise ProblemError(BAD_REQUEST, "A WebSocket handshake has no body.")
    return request


def target_of(web: Any, request: Request) -> bytes:
    """Return the target for the service: byte for byte, without what led to the Resource.  Raises ProblemError."""
    try:
        host = canonical_host(request.hosts)
        target, authority = split_target(request.target)
        if authority is not None and canonical_host([authority]) != host:
            raise ValueError("the request's target and its Host header name different hosts")
    except ValueError as error:
        raise ProblemError(BAD_HOST, sentence(error)) from None
    depth = len(web.prepath or ())
    if not depth:
        return target
    path, mark, query = target.partition(b"?")
    segments = path.split(b"/", depth + 1)
    return b"/" + (segments[depth + 1] if len(segments) > depth + 1 else b"") + mark + query


def _names(request: Request, field: bytes, token: bytes) -> bool:
    return any(value.lower() == token for value in values_of(request.headers, field))


def _size(content: IO[bytes]) -> int:
    size = content.seek(0, 2)
    content.seek(0)
    return size
