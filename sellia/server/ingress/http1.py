"""Parser of HTTP/1.1 requests: llhttp, strictly, and what it lacks.

llhttp (through ``httptools``) refuses obs-fold, bare line feeds, white space before a colon, both framings at once,
and sizes that are not numbers.  Added: limits on target, header section and field count, checked while they arrive;
one spelling of ``Content-Length`` and ``Transfer-Encoding``; characters that no field may have; methods that llhttp
has not heard of (:mod:`sellia.server.ingress.methods`).

A :class:`RequestReader` is fed bytes and tells its sink about one request at a time: :meth:`RequestReader.feed` stops
at the end of a request and returns what follows it, unread.  After :class:`ProblemError` nothing more may be fed: the
connection is to be closed behind the answer.

llhttp does not stop by itself, so it is fed in pieces that end where a request can end: behind each empty line, which
ends a head without a body as well as a chunked body, and behind as many bytes as a Content-Length says.

Bounds: heads, and what of a chunked body is not body (extensions, trailers), have limits of size and count.  One read
of the socket may come on top of the size of extensions.  The chunks of one read are handed on as one piece of body, so
that small chunks take no more memory than large ones.
"""

import re
from typing import Final, Protocol

import httptools

from sellia.errors import ProblemError
from sellia.problems import BAD_REQUEST, HEADER_TOO_LARGE, HTTP_VERSION_NOT_SUPPORTED, TARGET_TOO_LONG
from sellia.protocol.messages import Headers
from sellia.relay.http.interim import section_size
from sellia.server.ingress.heads import Request as Request
from sellia.server.ingress.heads import judge, judge_trailers
from sellia.server.ingress.methods import disguise, whole_method

#: First bytes of most requests.
_COMMON: Final = frozenset((b"GET ", b"POST", b"HEAD", b"PUT "))

#: Host field, wherever it stands.
_HOST_LINE: Final = re.compile(rb"(?:^|\n)host:[ \t]*([^\r\n]*)", re.IGNORECASE)

_EMPTY_LINE: Final = b"\r\n\r\n"


class RequestSink(Protocol):
    """Receiver of what has been parsed."""

    def request_begun(self, request: Request) -> None:
        """Take a request whose whole head has arrived."""

    def body_received(self, data: bytes) -> None:
        """Take bytes of the body of the newest request."""

    def request_ended(self, trailers: Headers) -> None:
        """End the newest request."""


class RequestReader:
    """Parser of the requests of one connection."""

    __slots__ = (
        "_body",
        "_count",
        "_faulty",
        "_field_limit",
        "_head_limit",
        "_headers",
        "_held",
        "_left",
        "_method",
        "_packed",
        "_parser",
        "_request",
        "_section_limit",
        "_sink",
        "_size",
        "_skip",
        "_tail",
        "_target",
        "_target_limit",
        "_trailers",
        "at_start",
        "upgraded",
    )

    def __init__(self, sink: RequestSink, *, section_limit: int, field_limit: int, target_limit: int) -> None:
        self._sink = sink
        self._section_limit = section_limit
        self._field_limit = field_limit
        self._target_limit = target_limit
        self._head_limit = section_limit + target_limit + 64
        self._parser = httptools.HttpRequestParser(self)
        #: Whether no byte of the next request has come.
        self.at_start = True
        #: Whether a request for an upgrade has been read, to WebSocket or to what its tunnel lists: nothing more may be
        #: fed.
        self.upgraded = False
        self._headers: Headers = []
        #: Lines of fields that came in earlier reads, while the rest of the section is awaited.
        self._packed: list[bytes] = []
        self._count = 0
        self._trailers: Headers = []
        self._target = b""
        #: Bytes of a head, or of extensions and trailers, since it began.
        self._size = 0
        #: Bytes of a body with a Content-Length that are still to come.
        self._left = 0
        #: Last three bytes of what was fed, unless an empty line ended it.
        self._tail = b""
        #: Pieces of a body from what is being fed.
        self._body: list[bytes] = []
        self._held = b""
        #: Input that could not be parsed, and what came with it.
        self._faulty = b""
        self._method: bytes | None = None
        self._request: Request | None = None
        self._skip = False

    @property
    def in_head(self) -> bool:
        """Whether part of a head has come, and the rest is awaited."""
        return not self.at_start and self._request is None

    @property
    def so_far(self) -> tuple[bytes, bytes, list[bytes]]:
        """Method, target and Host fields of a head that is not whole or not valid."""
        method = self._method or self._parser.get_method()
        hosts = [value for name, value in self._headers if name.lower() == b"host"]
        if not hosts:  # it came in an earlier read, or behind the fault
            hosts = [value.rstrip(b" \t") for value in _HOST_LINE.findall(b"\n".join([*self._packed, self._faulty]))]
        return method or b"", self._target, hosts

    def feed(self, data: bytes) -> bytes:
        """Parse up to the end of a request, or to the end of the head of one that is for an upgrade.

        Returns what follows.  It is to be fed again when the request has been answered; after an upgrade it is not
        ours to parse.  Behind the last request of a connection nothing is read, and nothing returned.  Raises
        :class:`ProblemError`.
        """
        request = self._request
        if self.at_start or self._held:
            if data[:4] in _COMMON and not self._held and (request is None or request.keep_alive):
                self._method = None
            else:
                data = self._start(data)
                if not data:
                    return b""
            self.at_start = False
            self._request = None
            end = data.find(_EMPTY_LINE)
            if end >= 0 and end + 4 == len(data):  # a head and nothing behind it, as nearly always
                self._parse(data)
                return b""
        at, size = 0, len(data)
        while at < size and not self.at_start and not self.upgraded:
            end = self._end(data, at, size)
            self._parse(data if end - at == size else data[at:end])
            at = end
        if self._body:
            self._flush()
        if at == size:
            if self._request is None and self._headers:
                self._pack()
            return b""
        request = self._request
        return data[at:] if self.upgraded or (request is not None and request.keep_alive) else b""

    def _end(self, data: bytes, at: int, size: int) -> int:
        """Return the first place behind ``at`` where the request can end, or ``size``."""
        left = self._left
        if left:
            end = min(at + left, size)
            self._left = left - (end - at)
            return end
        tail = self._tail
        if tail:
            found = (tail + data[at : at + 3]).find(_EMPTY_LINE)
            if found >= 0:
                self._tail = b""
                return at + found + len(_EMPTY_LINE) - len(tail)
        found = data.find(_EMPTY_LINE, at)
        if found >= 0:
            self._tail = b""
            return found + len(_EMPTY_LINE)
        self._tail = (tail + data[max(at, size - 3) :])[-3:]
        return size

    def _parse(self, piece: bytes) -> None:
        self._size += len(piece)
        try:
            self._parser.feed_data(piece)
            if self._size > self._head_limit and not self.at_start:
                raise ProblemError(HEADER_TOO_LARGE)
        except httptools.HttpParserUpgrade:
            request = self._request
            if request is None:
                raise ProblemError(BAD_REQUEST) from None
            if request.upgrade:
                self.upgraded = True
            else:
                self._parse(self._without_upgrade(request))
        except httptools.HttpParserError as error:
            self._faulty = piece
            raise self._why(error) from None

    def _start(self, data: bytes) -> bytes:
        """Return what to parse of the first bytes of a request: nothing as long as its method is not whole."""
        request = self._request
        if self._held:
            data, self._held = self._held + data, b""
        elif request is not None and not request.keep_alive:
            return b""  # what follows the last request of a connection is not read
        if data[:1] in b"\r\n":
            data = data.lstrip(b"\r\n")
            if not data:
                return b""
        if not whole_method(data):
            self.at_start = False
            self._held = data
            self._request = None
            return b""
        self._method, data = disguise(data)
        return data

    def _why(self, error: httptools.HttpParserError) -> BaseException:
        if isinstance(error, httptools.HttpParserCallbackError) and error.__context__ is not None:
            return error.__context__  # a refusal of ours, or a defect in the sink
        text = str(error)
        if "version" in text.lower() and "CRLF" not in text:
            return ProblemError(HTTP_VERSION_NOT_SUPPORTED)
        return ProblemError(BAD_REQUEST, f"{text}." if text else "")

    def _without_upgrade(self, request: Request) -> bytes:
        """Return the head of an ordinary request, in place of one whose upgrade is not one that we make.

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

    def _pack(self) -> None:
        """Keep the fields of a head that is not whole as bytes, which take a tenth of the memory of small fields."""
        lines = [b"%b:%b" % pair for pair in self._headers]
        packed = b"\n".join([*self._packed, *lines])
        if packed.count(b"\n") != self._count + len(lines) - 1:
            raise ProblemError(BAD_REQUEST)
        self._packed = [packed]
        self._headers = []
        self._count += len(lines)

    def _unpack(self) -> Headers:
        """Return all fields of a head that came in several reads."""
        lines = self._packed[0].split(b"\n")
        self._packed = []
        self._count = 0
        return [(name, value) for name, _, value in (line.partition(b":") for line in lines)] + self._headers

    def _flush(self) -> None:
        """Hand on what came of the body."""
        pieces, self._body = self._body, []
        self._sink.body_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    # --- llhttp's callbacks ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._skip:
            return
        self.at_start = False
        self._target = b""
        self._request = None

    def on_url(self, url: bytes) -> None:
        if self._skip:
            return
        self._target += url
        if len(self._target) > self._target_limit:
            raise ProblemError(TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._skip:
            return
        fields = self._headers if self._request is None else self._trailers
        fields.append((name, value))
        if len(fields) + self._count > self._field_limit:
            raise ProblemError(HEADER_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self._skip:
            self._skip = False
            return
        parser = self._parser
        headers = self._unpack() if self._packed else self._headers
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":
            raise ProblemError(HTTP_VERSION_NOT_SUPPORTED)
        if self._size > self._section_limit and section_size(headers) > self._section_limit:
            raise ProblemError(HEADER_TOO_LARGE)
        request = Request()
        request.method = parser.get_method() if self._method is None else self._method
        request.target = self._target
        request.headers = headers
        request.minor = 0 if version == "1.0" else 1
        request.keep_alive = parser.should_keep_alive()
        judge(request, upgrades=parser.should_upgrade())
        self._headers = []
        self._request = request
        self._size = 0
        if request.length is not None:
            self._left = request.length
        self._sink.request_begun(request)

    def on_body(self, data: bytes) -> None:
        self._size = 0
        self._body.append(data)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # llhttp ends a request for an upgrade with its head, whatever follows
        trailers = self._trailers
        if trailers:
            trailers = judge_trailers(trailers)
            if section_size(trailers) > self._section_limit:
                raise ProblemError(HEADER_TOO_LARGE)
        self.at_start = True
        self._trailers = []
        if self._body:
            self._flush()
        if self._request is not None and self._request.switch:
            self.upgraded = True
        self._sink.request_ended(trailers)
