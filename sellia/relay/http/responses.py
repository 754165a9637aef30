"""Responses of a service, read from its bytes: leniently, as nginx and Caddy read them.

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
from functools import lru_cache
from typing import Final, NamedTuple

from sellia.protocol.limits import HEAD_LIMIT, HEADER_COUNT_LIMIT, SHORT_BODY
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.http.framing import (
    BODILESS,
    LENGTH_DIGITS,
    bad_response,
    chunk_size,
    is_chunked,
    one_length,
    with_length,
)
from sellia.relay.http.headers import check_reason, check_status, is_token, validate_response
from sellia.relay.http.not_http import what_came

#: What encoding a head for a link may add for each field, and once.
_FIELD_COST: Final = 8
_HEAD_COST: Final = 64

#: A head that came in fewer bytes cannot be too long.
_SURELY_SHORT: Final = HEAD_LIMIT - HEADER_COUNT_LIMIT * _FIELD_COST - _HEAD_COST

#: A head that came in so many bytes at most leaves room for a short body in its record.
SHORT_HEAD: Final = _SURELY_SHORT - SHORT_BODY

#: Bytes of a chunk's size with its extensions.
_LINE_LIMIT: Final = 16 * 1024

_CONTROLS: Final = bytes(octet for octet in (*range(0x20), 0x7F) if octet not in b"\t\n\r")

_CONTROLS_AND_ENDS: Final = _CONTROLS + b"\r\n"

_BLANK: Final = b" \t"

#: Lengths of the names of fields that say where a response ends.
_FRAMING_LENGTHS: Final = frozenset(map(len, (b"content-length", b"transfer-encoding", b"connection")))

_WAITING, _LENGTH, _CLOSE, _SIZE, _CHUNK, _CHUNK_END, _TRAILERS = range(7)


class Head(NamedTuple):
    """The head of a response.  ``headers`` have neither a coding nor more than one length, in plain digits."""

    status: int
    reason: bytes
    headers: Headers
    length: int | None  #: what Content-Length says, which is not the body's length where ``bodiless``
    bodiless: bool  #: no body follows, whatever the head says


class ResponseReader:
    """Reads the responses on one connection, one exchange after the other."""

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
        """Await the response to the next request; ``bodiless``: it has no body, as one to HEAD."""
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
        """Read on."""
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
            if not _may_be_status_line(data):
                raise bad_response(what_came(data))
            end, behind = _section_end(data)
            if end < 0:
                if len(data) > HEAD_LIMIT:
                    raise bad_response("sent a response head that is too long")
                self._buffer = data
                return
            status, minor, reason, headers = _parse_head(data[:end])
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
        connection = b""
        for name, value in headers:
            size = len(name)
            if size in _FRAMING_LENGTHS:
                if size == 14:
                    if name.lower() == b"content-length":
                        lengths.append(value)
                elif size == 17:
                    if name.lower() == b"transfer-encoding":
                        codings.append(value)
                elif name.lower() == b"connection":
                    connection += b"," + value
        keep = minor == 1
        if connection:
            options = [option.strip(_BLANK) for option in connection.lower().split(b",")]
            keep = b"close" not in options and (keep or b"keep-alive" in options)
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
        end, behind = _section_end(data)
        if end < 0:
            if len(data) > HEAD_LIMIT:
                raise bad_response("sent a trailer section that is too long")
            self._buffer = data
            return
        self.trailers = [
            pair for pair in _fields(_lines(data[:end], "trailer section"), "trailer section") if is_token(pair[0])
        ]
        _check_size(end, self.trailers, b"", "trailer section")
        self.complete = True
        self.rest = data[behind:]


def check_head(head: ResponseHead) -> int | None:
    """The length that a response's head says, if it says one; ValueError where it may not go to a visitor as it is.

    Both ends ask this, so a client refuses what the server would refuse.
    """
    check_status(head.status)
    check_reason(head.reason)
    validate_response(head.headers)
    length = None
    for name, value in head.headers:
        if len(name) == 14 and name.lower() == b"content-length":
            if length is not None:
                raise ValueError("the response has more than one Content-Length")
            if not value.isdigit() or len(value) > LENGTH_DIGITS:
                raise ValueError("the response has a Content-Length that is not a number")
            length = int(value)
    return length


def _may_be_status_line(data: bytes) -> bool:
    """Whether what has come so far begins a response."""
    return data.startswith(b"HTTP/1.") or b"HTTP/1.".startswith(data[:7]) or b"ICY ".startswith(data[:4])


def _section_end(data: bytes) -> tuple[int, int]:
    """Where a section of fields ends, and where what is behind its blank line begins; -1 if it is not whole."""
    end = data.find(b"\n\r\n")
    bare = data.find(b"\n\n", 0, end + 1 if end >= 0 else len(data))
    if bare >= 0:
        return bare, bare + 2
    return end, end + 3


def _lines(section: bytes, what: str) -> list[bytes]:
    """The lines of a section, without their ends."""
    if section[-1:] == b"\r":
        section = section[:-1]
    lines = section.split(b"\r\n")
    returns = len(lines) - 1
    if len(section.translate(None, _CONTROLS_AND_ENDS)) == len(section) - 2 * returns:
        return lines
    if section.count(b"\n") != returns:
        section = section.replace(b"\r\n", b"\n")
        lines = section.split(b"\n")
        returns = 0
    if len(section.translate(None, _CONTROLS)) != len(section) or section.count(b"\r") != returns:
        raise bad_response(f"sent a {what} with a control character in it")
    return lines


def _parse_head(section: bytes) -> tuple[int, int, bytes, Headers]:
    """Status, minor version, reason and fields of a head."""
    lines = _lines(section, "response head")
    first = lines[0]
    status, minor, reason = _usual_status_line(first) if len(first) < _USUAL_LENGTH else _status_line(first)
    headers = _fields(lines[1:], "response head") if len(lines) > 1 else []
    _check_size(len(section), headers, reason, "response head")
    return status, minor, reason, headers


def _status_line(line: bytes) -> tuple[int, int, bytes]:
    """Status, minor version and reason of a response."""
    version, _, rest = line.partition(b" ")
    code, _, reason = rest.lstrip(b" ").partition(b" ")
    if not (version == b"ICY" or version[7:].isdigit()) or len(code) != 3 or not code.isdigit():
        raise bad_response(what_came(line))
    status = int(code)
    if status < 100:
        raise bad_response("sent a status that is not one")
    try:
        check_reason(reason)
    except ValueError:
        raise bad_response("sent a reason phrase with a control character in it") from None
    return status, int(version == b"HTTP/1.1"), reason


#: Status lines that are remembered have fewer bytes; there are 128 of them at most.
_USUAL_LENGTH: Final = 64

_usual_status_line: Final = lru_cache(maxsize=128)(_status_line)


def _fields(lines: list[bytes], section: str) -> Headers:
    headers: Headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and name[:1] > b" " and name[-1:] > b" ":
            headers.append((name, value.strip()))  # of white space, all but blanks has been refused
            continue
        if line[:1] in (b" ", b"\t"):
            if headers:
                before, start = headers[-1]
                headers[-1] = before, (start + b" " + line.strip(_BLANK)).strip(_BLANK)
            continue
        if not colon:
            raise bad_response(f"sent a {section} with a line that is not a field")
        headers.append((name.rstrip(_BLANK), value.strip(_BLANK)))
    return headers


def _check_size(came: int, headers: Headers, reason: bytes, section: str) -> None:
    too_long = len(headers) > HEADER_COUNT_LIMIT
    if came > _SURELY_SHORT and not too_long:
        size = sum(len(name) + len(value) + _FIELD_COST for name, value in headers)
        too_long = size + len(reason) + _HEAD_COST > HEAD_LIMIT
    if too_long:
        raise bad_response(f"sent a {section} that is too long")
