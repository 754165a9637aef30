"""HTTP/1.1 requests out of octets: llhttp parses, strictly; what it lacks is added here.

llhttp (through ``httptools``) refuses obs-fold, bare line feeds, white space before a colon, both framings at once,
and sizes that are not numbers.  Added: limits on target, header section and field count, checked while they arrive;
``Content-Length`` spelled in one way only; characters that no field may have; methods that llhttp has not heard of.

A :class:`RequestReader` is told octets and tells its sink about requests, in order.  It reads on when a request is
complete: the sink keeps what it cannot answer yet, and stops reading when that is enough.  After :class:`Refusal`
nothing more may be fed: the connection is to be closed behind the answer.

Bounds: heads, and what of a chunked body is not body (extensions, trailers), have limits of size and count.  One read
of the socket may come on top of the size, because only what follows it is counted for a head that began in it.

A method that llhttp does not know is passed on, with one exception: it is refused where llhttp had begun to read it,
in a read that began in the middle of the request before it or ended in the middle of the method, as llhttp does not say
where it stopped.
"""

import re
from typing import Final, Protocol

import httptools

from sellia.errors import (
    BAD_REQUEST,
    HEADER_TOO_LARGE,
    HTTP_VERSION_NOT_SUPPORTED,
    METHOD_NOT_ALLOWED,
    TARGET_TOO_LONG,
    Problem,
)
from sellia.protocol.messages import Headers
from sellia.relay.headers import NameTable, check_values, is_token, trailer_breaks_framing, validate
from sellia.server.boundary import end_of_requests

_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,17}")
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")

#: What llhttp knows; another method is parsed in the guise of one without a meaning of its own.
_METHODS: Final = frozenset(
    b"""GET HEAD POST PUT DELETE PATCH OPTIONS TRACE CONNECT COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND
    REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR LINK
    UNLINK SOURCE QUERY PRI""".split()
)
_GUISE: Final = b"POST"

#: How most requests begin.
_COMMON: Final = frozenset((b"GET ", b"POST", b"HEAD", b"PUT "))

#: Octets of a request's start that may come without the space behind the method.
_METHOD_LIMIT: Final = 32

#: Times that what was pipelined in one read may be looked at again for a method that llhttp does not know.
_AGAIN_LIMIT: Final = 100


class Refusal(Exception):
    """A request that is not to be read any further, and what its sender is to be told."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(detail or problem.sentence)
        self.problem = problem
        self.detail = detail


class Request:
    """The head of one request, as it came.  ``length`` is None unless there is a Content-Length."""

    __slots__ = (
        "chunked",
        "headers",
        "hosts",
        "keep_alive",
        "length",
        "method",
        "minor",
        "target",
        "upgrade",
    )

    method: bytes
    target: bytes
    headers: Headers
    hosts: list[bytes]
    minor: int
    length: int | None
    chunked: bool
    keep_alive: bool
    upgrade: bool  #: asks for an upgrade to WebSocket

    @property
    def has_body(self) -> bool:
        """Whether octets follow the head."""
        return self.chunked or bool(self.length)

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields of that (lower-case) name."""
        return [value for each, value in self.headers if each.lower() == name]


class RequestSink(Protocol):
    """Who is told about requests."""

    def request_begun(self, request: Request) -> None:
        """A whole head has arrived."""

    def body_received(self, data: bytes) -> None:
        """Octets of the body of the newest request."""

    def request_ended(self, trailers: Headers) -> None:
        """The newest request is complete."""


class RequestReader:
    """Parses the requests of one connection."""

    __slots__ = (
        "_field_limit",
        "_head_size",
        "_came",
        "_headers",
        "_held",
        "_method",
        "_parser",
        "_refusal",
        "_request",
        "_section_limit",
        "_sink",
        "_skip",
        "_target",
        "_target_limit",
        "_trailers",
        "at_start",
    )

    def __init__(self, sink: RequestSink, *, section_limit: int, field_limit: int, target_limit: int) -> None:
        self._sink = sink
        self._section_limit = section_limit
        self._field_limit = field_limit
        self._target_limit = target_limit
        self._parser = httptools.HttpRequestParser(self)
        #: Whether no octet of the next request has come.
        self.at_start = True
        self._headers: Headers = []
        self._trailers: Headers = []
        self._target = b""
        #: Octets of a head, or of extensions and trailers, since it began; negative if it began in what is being fed.
        self._head_size = 0
        #: Octets of what is being fed.
        self._came = 0
        self._held = b""
        self._method: bytes | None = None
        self._request: Request | None = None
        self._refusal: Refusal | None = None
        self._skip = False

    @property
    def in_head(self) -> bool:
        """Whether part of a head has come, and the rest is awaited."""
        return not self.at_start and self._request is None

    def feed(self, data: bytes) -> bytes | None:
        """Parse; returns what follows the head of a request for an upgrade, which is not ours to parse, or None.

        Raises :class:`Refusal`.
        """
        fresh = self.at_start or bool(self._held)
        again = 0
        if fresh:
            request = self._request
            if data[:4] in _COMMON and not self._held and (request is None or request.keep_alive):
                self.at_start = False
                self._method = None
            else:
                data = self._start(data)
                if not data:
                    return None
        self._came = len(data)
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                request = self._request
                if request is None:
                    raise Refusal(BAD_REQUEST) from None
                rest = data[upgrade.args[0] :]
                if request.upgrade:
                    return rest
                data = self._without_upgrade(request) + rest
                fresh = True
                continue
            except httptools.HttpParserError as error:
                request = self._request
                if self._refusal is None and (self.at_start or (request is None and not self._target)):
                    if request is not None and not request.keep_alive:
                        return None  # what follows the last request of a connection is not read
                    again += 1
                    end = end_of_requests(data) if fresh and again <= _AGAIN_LIMIT else 0
                    if end:
                        self._parser = httptools.HttpRequestParser(self)
                        data = self._start(data[end:])
                        if data:
                            continue
                        return None
                raise self._why(error) from None
            break
        if not self.at_start:
            size = self._head_size
            if size < 0:
                self._head_size = 0
                return None
            self._head_size = size = size + len(data)
            if size > self._section_limit + self._target_limit + 64:
                raise Refusal(HEADER_TOO_LARGE)
        return None

    def _start(self, data: bytes) -> bytes:
        """What to parse of the first octets of a request: nothing as long as its method is not whole."""
        request = self._request
        if self._held:
            data, self._held = self._held + data, b""
        elif request is not None and not request.keep_alive:
            return b""  # what follows the last request of a connection is not read
        if data[:1] in b"\r\n":
            data = data.lstrip(b"\r\n")
            if not data:
                return b""
        self.at_start = False
        end = data.find(b" ", 0, _METHOD_LIMIT + 1)
        if end < 0 and len(data) <= _METHOD_LIMIT and _TOKEN.fullmatch(data):
            self._held = data
            self._request = None
            return b""
        return self._disguise(data, end)

    def _disguise(self, data: bytes, end: int) -> bytes:
        """llhttp stops at a method that it does not know: give it one that it does."""
        method = data[: max(end, 0)]
        if method in _METHODS or not _TOKEN.fullmatch(method):
            self._method = None
            return data
        self._method = method
        return _GUISE + data[len(method) :]

    def _why(self, error: httptools.HttpParserError) -> BaseException:
        if self._refusal is not None:
            return self._refusal
        if isinstance(error, httptools.HttpParserCallbackError) and error.__context__ is not None:
            return error.__context__  # a defect of ours, in the sink
        text = str(error)
        if "version" in text.lower() and "CRLF" not in text:
            return Refusal(HTTP_VERSION_NOT_SUPPORTED)
        return Refusal(BAD_REQUEST, f"{text}." if text else "")

    def _refuse(self, problem: Problem, detail: str = "") -> None:
        self._refusal = Refusal(problem, detail)
        raise self._refusal

    def _without_upgrade(self, request: Request) -> bytes:
        """What goes before the rest of an ordinary request whose upgrade is not one that we make.

        llhttp has stopped before its body: a new parser goes on, which is given a head of the same framing to read.
        """
        self._parser = httptools.HttpRequestParser(self)
        self._skip = True
        framing = b"Transfer-Encoding: chunked\r\n" if request.chunked else b""
        if request.length is not None:
            framing = b"Content-Length: %d\r\n" % request.length
        if not request.keep_alive:
            framing += b"Connection: close\r\n"
        return b"POST / HTTP/1.1\r\n" + framing + b"\r\n"

    # --- llhttp's callbacks ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._skip:
            return
        self.at_start = False
        self._headers = []
        self._trailers = []
        self._target = b""
        self._request = None
        self._head_size = -1

    def on_url(self, url: bytes) -> None:
        if self._skip:
            return
        self._target += url
        if len(self._target) > self._target_limit:
            self._refuse(TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._skip:
            return
        fields = self._headers if self._request is None else self._trailers
        fields.append((name, value))
        if len(fields) > self._field_limit:
            self._refuse(HEADER_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self._skip:
            self._skip = False
            return
        parser = self._parser
        headers = self._headers
        request = Request()
        method = self._method
        if method is None:
            method = parser.get_method()
        else:
            self._method = None
        request.method = method
        request.target = self._target
        request.headers = headers
        version = parser.get_http_version()
        request.minor = 0 if version == "1.0" else 1
        request.keep_alive = parser.should_keep_alive()
        request.length = None
        request.chunked = request.upgrade = False
        request.hosts = hosts = []
        if self._head_size >= 0 or self._came > self._section_limit:  # else it cannot be too large
            if sum(len(name) + len(value) + 4 for name, value in headers) > self._section_limit:
                self._refuse(HEADER_TOO_LARGE)
        if version != "1.1" and version != "1.0":
            self._refuse(HTTP_VERSION_NOT_SUPPORTED)
        specials = _specials
        for name, value in headers:
            known = specials[name]
            if known == _HOST:
                hosts.append(value)
            elif known:
                self._special(request, known, value)
        try:
            check_values([value for _, value in headers])
        except ValueError as error:
            self._refuse(BAD_REQUEST, str(error))
        if method == b"CONNECT":
            self._refuse(METHOD_NOT_ALLOWED)
        if request.upgrade:
            self._check_upgrade(request)
        self._request = request
        self._head_size = -1
        self._sink.request_begun(request)

    def _special(self, request: Request, known: int, value: bytes) -> None:
        if known == _NO_NAME:
            self._refuse(BAD_REQUEST, "a header name is not a token")
        elif known == _LENGTH_FIELD:
            if request.length is not None or not _LENGTH.fullmatch(value):
                self._refuse(BAD_REQUEST, "The Content-Length is not one plain number.")
            request.length = int(value)
        elif known == _CODING:
            if request.chunked or value.lower() != b"chunked" or request.minor == 0:
                self._refuse(BAD_REQUEST, "The only Transfer-Encoding understood is chunked, once, in HTTP/1.1.")
            request.chunked = True
        elif known == _UPGRADE:
            wanted = [each.strip(b" \t").lower() for each in value.split(b",")]
            request.upgrade = request.upgrade or (b"websocket" in wanted and self._parser.should_upgrade())

    def _check_upgrade(self, request: Request) -> None:
        if request.method != b"GET" or request.minor == 0:
            request.upgrade = False
            if request.minor == 0 or request.has_body:
                self._refuse(BAD_REQUEST, "A WebSocket handshake is a GET request of HTTP/1.1.")
        elif request.has_body:
            self._refuse(BAD_REQUEST, "A WebSocket handshake has no body.")

    def on_body(self, data: bytes) -> None:
        self._head_size = -1
        self._sink.body_received(data)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # llhttp ends a request for an upgrade with its head, whatever follows
        if self._trailers:
            try:
                validate(self._trailers)
            except ValueError as error:
                self._refuse(BAD_REQUEST, str(error))
            if trailer_breaks_framing(self._trailers):
                self._refuse(BAD_REQUEST, "A trailer must not say how the message is framed.")
        self.at_start = True
        trailers, self._trailers = self._trailers, []
        self._sink.request_ended(trailers)


_NO_NAME: Final = -1
_HOST: Final = 1
_LENGTH_FIELD: Final = 2
_CODING: Final = 3
_UPGRADE: Final = 4

_SPECIAL: Final[dict[bytes, int]] = {
    b"host": _HOST,
    b"content-length": _LENGTH_FIELD,
    b"transfer-encoding": _CODING,
    b"upgrade": _UPGRADE,
}


def _special(name: bytes) -> int:
    return _SPECIAL.get(name.lower(), 0) if is_token(name) else _NO_NAME


_specials: Final = NameTable(_special)
