"""Incremental parser of HTTP responses: lenient, as nginx and Caddy are.

Need
    Many a service is written by hand and breaks RFC 9112 in small ways; a browser shows its pages all the same.  What
    goes on to the visitor is written anew from what has been read here, so it is always well-formed.

What is forgiven
    Lines that end with LF alone; white space around a value, before a colon and behind a chunk's size; a field that
    goes on in the next line (it is joined by a space); a field whose name is none (it is dropped); a length with zeros
    in front; the same length more than once; a length beside chunks (the chunks count, the length is dropped); the
    status line of Icecast.  After any of them that concerns framing, ``keep_alive`` is False.

What is not
    Two lengths that differ; a transfer coding other than chunked; control characters; a body with an interim
    response: nobody could tell where the next response begins.

What the caller must do
    Call :meth:`ResponseReader.begin` before each exchange and :meth:`ResponseReader.feed` with what has come.
    ``feed`` calls ``interim`` for each interim response as it comes; all else is left in attributes, which the caller
    takes: ``head`` (once), ``body`` (emptied by the caller), ``complete`` with ``trailers``, ``switched``.  ``rest``
    is what came behind the end.  It raises ProblemError, after which nothing more may be fed.

Bounds
    A section of fields has ``HEADER_COUNT_LIMIT`` fields and ``HEAD_LIMIT`` bytes at most, encoded for a link.  No more
    than that and one read is kept.  A line between chunks has ``_LINE_LIMIT`` bytes.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from sellia.protocol.limits import HEAD_LIMIT
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.http.field_rules import NameTable, is_token
from sellia.relay.http.framing import (
    BODILESS,
    bad_response,
    chunk_size,
    is_chunked,
    one_length,
    plain_length,
    with_length,
)
from sellia.relay.http.headers import values_of
from sellia.relay.http.not_http import what_came
from sellia.relay.http.response_head import check_size, fields_of, lines_of, may_be_status_line, parse_head, section_end
from sellia.relay.http.validation import check_reason, check_response_values, check_status

#: Bytes of a chunk's size with its extensions.
_LINE_LIMIT: Final = 16 * 1024

_NO_NAME, _CONTENT_LENGTH, _CODING, _CONNECTION = -1, 1, 2, 3

#: The usual values of Connection where a connection is kept.
_KEEPING: Final = frozenset((b"keep-alive", b"Keep-Alive"))

#: Fields that say where a response ends.
_FRAMING: Final = {b"content-length": _CONTENT_LENGTH, b"transfer-encoding": _CODING, b"connection": _CONNECTION}

_framing: Final = NameTable(lambda name: _FRAMING.get(name.lower(), 0) if is_token(name) else _NO_NAME)

_WAITING, _LENGTH, _CLOSE, _SIZE, _CHUNK, _CHUNK_END, _TRAILERS = range(7)


class Head(NamedTuple):
    """Head of a response.  ``headers`` have neither a coding nor more than one length, in plain digits."""

    status: int
    reason: bytes
    headers: Headers
    length: int | None  #: what Content-Length says, which is not the body's length where ``bodiless``
    bodiless: bool  #: no body follows, whatever the head says


class ResponseReader:
    """Parser of the responses on one connection, one exchange after the other."""

    __slots__ = (
        "_buffer",
        "_interim",
        "_left",
        "_no_body",
        "_state",
        "body",
        "complete",
        "head",
        "keep_alive",
        "rest",
        "size",
        "switched",
        "trailers",
        "until_close",
    )

    def __init__(self, interim: Callable[[int, bytes, Headers], None]) -> None:
        self._interim = interim
        self.begin(bodiless=False)

    def begin(self, *, bodiless: bool) -> None:
        """Expect the response to the next request; ``bodiless``: it has no body, as one to HEAD."""
        self._state = _WAITING
        self._buffer = b""
        #: Bytes of the head, as it came.
        self.size = 0
        self._left = 0
        self._no_body = bodiless
        self.head: Head | None = None
        self.body: list[bytes] = []
        self.trailers: Headers = []
        self.complete = False
        #: Whether the body ends with the connection.
        self.until_close = False
        self.keep_alive = False
        self.rest = b""
        #: Reason and fields of a 101.
        self.switched: tuple[bytes, Headers] | None = None

    def feed(self, data: bytes) -> None:
        """Parse ``data``, which has come behind what was fed before."""
        state = self._state
        if state == _LENGTH:
            self._feed_length(data)
        elif state == _CLOSE:
            self.body.append(data)
        elif state == _WAITING:
            self._feed_head(data)
        else:
            self._feed_chunks(data)

    # --- heads ---------------------------------------------------------------------------------------------

    def _feed_head(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        while data:
            if data[0] in b"\r\n":  # RFC 9112, section 2.2, in the other direction
                data = data.lstrip(b"\r\n")
                continue
            if not (data.startswith(b"HTTP/1.") or may_be_status_line(data)):
                raise bad_response(what_came(data))
            end, behind = section_end(data)
            if end < 0:
                if len(data) > HEAD_LIMIT:
                    raise bad_response("sent a response head that is too long")
                self._buffer = data
                return
            status, minor, reason, headers = parse_head(data[:end])
            self.size = end
            data = data[behind:]
            if status < 200:
                self._begin_interim(status, reason, headers, data)
                if self.switched is not None:
                    return
                continue
            self._begin_body(status, minor, reason, headers)
            if self.complete:
                self.rest = data
            elif self._state == _LENGTH and data:
                self._feed_length(data)
            elif data:
                self.feed(data)
            return

    def _begin_interim(self, status: int, reason: bytes, headers: Headers, rest: bytes) -> None:
        if status == 101:
            self.complete = True
            self.switched = reason, headers
            self.rest = rest
            return
        for name, value in headers:
            folded = name.lower()
            if folded == b"transfer-encoding" or (folded == b"content-length" and value.strip(b"0")):
                raise bad_response(f"sent a body with an interim response ({status})")
        self._interim(status, reason, headers)

    def _begin_body(self, status: int, minor: int, reason: bytes, headers: Headers) -> None:
        lengths: list[bytes] = []
        codings: list[bytes] = []
        keep, unusual = minor == 1, False
        for name, value in headers:
            framing = _framing[name]
            if framing > 0:
                if framing == _CONTENT_LENGTH:
                    lengths.append(value)
                elif framing == _CODING:
                    codings.append(value)
                elif minor == 0 or value not in _KEEPING:
                    unusual = True
        if unusual:
            keep = _keeps_alive(headers, minor)
        length = None
        if lengths:
            length, plain = one_length(lengths)
            if not plain:
                headers = with_length(headers, length)
                keep = keep and len(lengths) == 1 and b"," not in lengths[0]
        no_body = self._no_body or status in BODILESS
        chunked = bool(codings) and is_chunked(codings)
        if codings:
            headers = [pair for pair in headers if len(pair[0]) != 17 or pair[0].lower() != b"transfer-encoding"]
            if chunked and length is not None:
                headers = [pair for pair in headers if len(pair[0]) != 14 or pair[0].lower() != b"content-length"]
                length = None
                keep = False
            keep = keep and minor == 1
        self.keep_alive = keep
        self.head = Head(status, reason, headers, length, no_body)
        if no_body:
            self.complete = True
        elif chunked:
            self._state = _SIZE
        elif length is None:
            self._state = _CLOSE
            self.until_close = True
        elif length:
            self._state = _LENGTH
            self._left = length
        else:
            self.complete = True

    # --- bodies --------------------------------------------------------------------------------------------

    def _feed_length(self, data: bytes) -> None:
        left = self._left - len(data)
        if left >= 0:
            self._left = left
            self.body.append(data)
            self.complete = not left
            return
        self.body.append(data[: self._left])
        self.rest = data[self._left :]
        self._left = 0
        self.complete = True

    def _feed_chunks(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        body, at, end = self.body, 0, len(data)
        while at < end:
            state = self._state
            if state == _CHUNK:
                piece = data[at : at + self._left]
                body.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _CHUNK_END
                continue
            if state == _TRAILERS:
                self._feed_trailers(data[at:])
                return
            line_end = data.find(b"\n", at)
            if line_end < 0:
                if end - at > _LINE_LIMIT:
                    raise bad_response("sent a chunk whose size has a line that is too long")
                if state == _CHUNK_END and data[at:] != b"\r":
                    raise bad_response("sent a chunk that is longer than its size")
                self._buffer = data[at:]
                return
            line = data[at:line_end]
            at = line_end + 1
            if state == _CHUNK_END:
                if line not in (b"", b"\r"):
                    raise bad_response("sent a chunk that is longer than its size")
                self._state = _SIZE
                continue
            self._left = chunk_size(line)
            self._state = _CHUNK if self._left else _TRAILERS

    def _feed_trailers(self, data: bytes) -> None:
        if data[:1] == b"\n" or data[:2] == b"\r\n":
            self.complete = True
            self.rest = data[1 if data[:1] == b"\n" else 2 :]
            return
        end, behind = section_end(data)
        if end < 0:
            if len(data) > HEAD_LIMIT:
                raise bad_response("sent a trailer section that is too long")
            self._buffer = data
            return
        self.trailers = [
            pair for pair in fields_of(lines_of(data[:end], "trailer section"), "trailer section") if is_token(pair[0])
        ]
        check_size(end, self.trailers, b"", "trailer section")
        self.complete = True
        self.rest = data[behind:]


def _keeps_alive(headers: Headers, minor: int) -> bool:
    """Return whether a response's Connection, in all its fields, lets the connection be used again."""
    options = [option.lower() for option in values_of(headers, b"connection")]
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)


def check_head(head: ResponseHead) -> int | None:
    """Validate a response head, and return its Content-Length if it has one.  Raises ValueError.

    Both ends ask this, so a client refuses what the server would refuse.
    """
    check_status(head.status)
    check_reason(head.reason)
    length = None
    for name, value in head.headers:
        framing = _framing[name]
        if framing == _CONTENT_LENGTH:
            if length is not None:
                raise ValueError("the response has more than one Content-Length")
            length = plain_length(value)
        elif framing == _NO_NAME:
            raise ValueError("a header name is not a token")
    check_response_values([value for _, value in head.headers])
    return length
