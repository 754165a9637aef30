"""Request heads: judges the fields that llhttp has split, and brings them to one spelling.

What is legal passes, and what a parser behind us could read in another way than we do is written plainly or refused:
the table in ``docs/messages.rst`` lists both.  White space behind a value that is understood here goes, a
Content-Length loses the zeros in front of it, and a line end of Unicode (U+0085), at which some services split lines,
becomes a space.
"""

import re
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import BAD_REQUEST, METHOD_NOT_ALLOWED
from sellia.protocol.messages import Headers
from sellia.relay.http.field_rules import NameTable, is_token
from sellia.relay.http.policy import Rewrite
from sellia.relay.http.trailers import trailer_breaks_framing

#: Control characters except the tab (RFC 9110, 5.5).
_CONTROLS: Final = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x09)

#: Length in digits, with as many zeros in front as somebody may have written on purpose.
_LENGTH: Final = re.compile(rb"0{0,32}[0-9]{1,18}")


class Request:
    """Head of one request, as it came.  ``length`` is None unless there is a Content-Length."""

    __slots__ = (
        "chunked",
        "declined",
        "has_body",
        "headers",
        "hosts",
        "keep_alive",
        "length",
        "method",
        "minor",
        "rewrite",
        "switch",
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
    has_body: bool  #: whether a body follows the head
    keep_alive: bool
    upgrade: bool  #: asks for an upgrade to WebSocket
    declined: bytes  #: asks for an upgrade to something else, which is taken off unless its tunnel lists that
    rewrite: Rewrite | None  #: how its tunnel's rules change it
    switch: bytes  #: what it asks to switch to, where its tunnel lists that

    def __init__(self) -> None:
        self.hosts = []
        self.length = None
        self.chunked = self.has_body = self.upgrade = False
        self.declined = self.switch = b""
        self.rewrite = None

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of all fields of that (lower-case) name."""
        return [value for each, value in self.headers if each.lower() == name]


def judge(request: Request, *, upgrades: bool) -> None:
    """Set the attributes that the fields of a request say, and write the fields plainly.

    Set before: ``method``, ``target``, ``headers``, ``minor`` and ``keep_alive``.  ``upgrades`` says whether llhttp
    has found an upgrade.  Raises :class:`ProblemError`.
    """
    headers = request.headers = plain_values(request.headers)
    hosts = request.hosts
    respell = False
    for name, value in headers:
        known = _specials[name]
        if known:
            plain = value.rstrip(b" \t")
            if known == _HOST:
                hosts.append(plain)
            else:
                plain = _special(request, known, plain, upgrades)
            respell = respell or plain != value
    request.has_body = request.chunked or bool(request.length)
    if request.method == b"CONNECT":
        raise ProblemError(METHOD_NOT_ALLOWED)
    if respell:
        request.headers = [(name, _plain(request, name, value)) for name, value in headers]
    if request.upgrade:
        _check_upgrade(request)


def judge_trailers(trailers: Headers) -> Headers:
    """Return the trailers of a chunked body, written plainly.  Raises :class:`ProblemError`."""
    if not all(is_token(name) for name, _ in trailers):
        raise ProblemError(BAD_REQUEST, "A header name is not a token.")
    if trailer_breaks_framing(trailers):
        raise ProblemError(BAD_REQUEST, "A trailer must not say how the message is framed.")
    return plain_values(trailers)


def plain_values(headers: Headers) -> Headers:
    """Return the section with values that no parser splits.  Raises :class:`ProblemError` for control characters."""
    values = [value for _, value in headers]
    joined = b" ".join(values)
    if len(joined.translate(None, _CONTROLS)) != len(joined):
        raise ProblemError(BAD_REQUEST, "A header value has a control character in it.")
    if not joined.isascii() and b"\x85" in joined:
        return [(name, _without_nel(value)) for name, value in headers]
    return headers


def _without_nel(value: bytes) -> bytes:
    """Replace each U+0085, in UTF-8 if the value is that and in Latin-1 if not, with a space."""
    try:
        return value.decode().replace("\x85", " ").encode()
    except UnicodeDecodeError:
        return value.replace(b"\x85", b" ")


def _plain(request: Request, name: bytes, value: bytes) -> bytes:
    """Return the value of a field as a service is to see it."""
    known = _specials[name]
    if known == _LENGTH_FIELD:
        return b"%d" % (request.length or 0)
    return value.rstrip(b" \t") if known else value


def _special(request: Request, known: int, value: bytes, upgrades: bool) -> bytes:
    """Set what a field says of the request; returns its value in the plainest spelling."""
    if known == _NO_NAME:
        raise ProblemError(BAD_REQUEST, "A header name is not a token.")
    if known == _LENGTH_FIELD:
        if request.length is not None or not _LENGTH.fullmatch(value):
            raise ProblemError(BAD_REQUEST, "The Content-Length is not one plain number.")
        request.length = length = int(value)
        return b"%d" % length
    if known == _CODING:
        if request.chunked or value.lower() != b"chunked" or request.minor == 0:
            raise ProblemError(BAD_REQUEST, "The only Transfer-Encoding understood is chunked, once, in HTTP/1.1.")
        request.chunked = True
    elif known == _UPGRADE:
        wanted = [each.strip(b" \t").lower() for each in value.split(b",")]
        request.upgrade = request.upgrade or (b"websocket" in wanted and upgrades)
        if upgrades and not request.upgrade:
            request.declined = value
    return value


def _check_upgrade(request: Request) -> None:
    if request.method != b"GET" or request.minor == 0:
        request.upgrade = False
        if request.minor == 0 or request.has_body:
            raise ProblemError(BAD_REQUEST, "A WebSocket handshake is a GET request of HTTP/1.1.")
    elif request.has_body:
        raise ProblemError(BAD_REQUEST, "A WebSocket handshake has no body.")


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


def _special_name(name: bytes) -> int:
    return _SPECIAL.get(name.lower(), 0) if is_token(name) else _NO_NAME


_specials: Final = NameTable(_special_name)
