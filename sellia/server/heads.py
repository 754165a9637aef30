"""The head of a request, as llhttp has split it, judged and brought to one spelling.

What is legal passes, and what a parser behind us could read in another way than we do is written plainly or refused:
the table in ``docs/messages.rst`` lists both.  White space behind a value goes, a Content-Length loses the zeros in
front of it, and a line end of Unicode (U+0085), at which some services split lines, becomes a space.
"""

import re
from typing import Final

from sellia.errors import BAD_REQUEST, METHOD_NOT_ALLOWED, Problem
from sellia.protocol.messages import Headers
from sellia.relay.headers import NameTable, check_values, is_token, trailer_breaks_framing

#: A length in digits; the most zeros in front that somebody may have written on purpose.
_LENGTH: Final = re.compile(rb"0{0,32}[0-9]{1,18}")


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

    def __init__(self) -> None:
        self.hosts = []
        self.length = None
        self.chunked = self.upgrade = False

    @property
    def has_body(self) -> bool:
        """Whether octets follow the head."""
        return self.chunked or bool(self.length)

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields of that (lower-case) name."""
        return [value for each, value in self.headers if each.lower() == name]


def judge(request: Request, *, upgrades: bool) -> None:
    """Find out what the fields of a request say of it, and write them plainly.

    Set before: ``method``, ``target``, ``headers``, ``minor`` and ``keep_alive``.  ``upgrades`` says whether llhttp
    has found an upgrade.  Raises :class:`Refusal`.
    """
    headers = request.headers = plain_values(request.headers)
    hosts = request.hosts
    for name, value in headers:
        known = _specials[name]
        if known == _HOST:
            hosts.append(value)
        elif known:
            _special(request, known, value, upgrades)
    if request.method == b"CONNECT":
        raise Refusal(METHOD_NOT_ALLOWED)
    if request.length is not None:
        request.headers = _with_length(headers, request.length)
    if request.upgrade:
        _check_upgrade(request)


def judge_trailers(trailers: Headers) -> Headers:
    """The trailers of a chunked body, written plainly.  Raises :class:`Refusal`."""
    if not all(is_token(name) for name, _ in trailers):
        raise Refusal(BAD_REQUEST, "A header name is not a token.")
    if trailer_breaks_framing(trailers):
        raise Refusal(BAD_REQUEST, "A trailer must not say how the message is framed.")
    return plain_values(trailers)


def section_size(headers: Headers) -> int:
    """Bytes of a header section as it stands on the wire."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


def plain_values(headers: Headers) -> Headers:
    """The section with values that no parser splits or trims.  Raises :class:`Refusal` for control characters."""
    values = [value for _, value in headers]
    joined = b"\n".join(values)
    if b" \n" in joined or b"\t\n" in joined or joined.endswith((b" ", b"\t")):
        values = [value.rstrip(b" \t") for value in values]
        headers = [(name, value) for (name, _), value in zip(headers, values, strict=True)]
    if b"\x85" in joined:
        values = [_without_nel(value) for value in values]
        headers = [(name, value) for (name, _), value in zip(headers, values, strict=True)]
    try:
        check_values(values)
    except ValueError as error:
        raise Refusal(BAD_REQUEST, f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    return headers


def _without_nel(value: bytes) -> bytes:
    """A space for each U+0085, read as UTF-8 if the value can be and as Latin-1 if not."""
    try:
        return value.decode().replace("\x85", " ").encode()
    except UnicodeDecodeError:
        return value.replace(b"\x85", b" ")


def _with_length(headers: Headers, length: int) -> Headers:
    """The section with its Content-Length in the shortest spelling."""
    plain = b"%d" % length
    for index, (name, value) in enumerate(headers):
        if len(name) == 14 and name.lower() == b"content-length":
            if value != plain:
                headers = [*headers[:index], (name, plain), *headers[index + 1 :]]
            break
    return headers


def _special(request: Request, known: int, value: bytes, upgrades: bool) -> None:
    if known == _NO_NAME:
        raise Refusal(BAD_REQUEST, "A header name is not a token.")
    if known == _LENGTH_FIELD:
        if request.length is not None or not _LENGTH.fullmatch(value):
            raise Refusal(BAD_REQUEST, "The Content-Length is not one plain number.")
        request.length = int(value)
    elif known == _CODING:
        if request.chunked or value.lower() != b"chunked" or request.minor == 0:
            raise Refusal(BAD_REQUEST, "The only Transfer-Encoding understood is chunked, once, in HTTP/1.1.")
        request.chunked = True
    elif known == _UPGRADE:
        wanted = [each.strip(b" \t").lower() for each in value.split(b",")]
        request.upgrade = request.upgrade or (b"websocket" in wanted and upgrades)


def _check_upgrade(request: Request) -> None:
    if request.method != b"GET" or request.minor == 0:
        request.upgrade = False
        if request.minor == 0 or request.has_body:
            raise Refusal(BAD_REQUEST, "A WebSocket handshake is a GET request of HTTP/1.1.")
    elif request.has_body:
        raise Refusal(BAD_REQUEST, "A WebSocket handshake has no body.")


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
