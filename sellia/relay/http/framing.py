"""Framing of responses (RFC 9112, section 6): read leniently, refused where it is ambiguous."""

from typing import Final

from sellia.errors import ProblemError
from sellia.problems import BAD_SERVICE_RESPONSE
from sellia.protocol.messages import Headers

#: Digits of the largest length that everybody can count to.
LENGTH_DIGITS: Final = 18

#: Status codes of responses that have no body whatever their fields say (RFC 9112, section 6.3).
BODILESS: Final = frozenset((204, 304))

#: Hexadecimal digits of a chunk's size, without zeros in front.
_SIZE_DIGITS: Final = 15
_HEX: Final = b"0123456789abcdefABCDEF"

_BLANK: Final = b" \t"

#: Joins a field's name and value.
_field: Final = b": ".join


def bad_response(fault: str) -> ProblemError:
    """Return the error of a response that cannot be passed on; ``fault`` goes on after the service's address."""
    return ProblemError(BAD_SERVICE_RESPONSE, fault)


def field_lines(headers: Headers) -> bytes:
    """Return a section of fields as it stands on the wire, each line with its end."""
    return b"\r\n".join([*map(_field, headers), b""])


def plain_length(value: bytes) -> int:
    """Return a Content-Length that stands there in plain digits (RFC 9110, section 8.6).  Raises ValueError."""
    if not value.isdigit() or len(value) > LENGTH_DIGITS:
        raise ValueError("a Content-Length is not a number")
    return int(value)


def one_length(values: list[bytes]) -> tuple[int, bool]:
    """Return the length that all values agree on, and whether it stands there once in plain digits."""
    value = values[0]
    if len(values) == 1 and value.isdigit() and len(value) <= LENGTH_DIGITS and (value[:1] != b"0" or value == b"0"):
        return int(value), True
    parts = [part.strip(_BLANK) for part in b",".join(values).split(b",")]
    said = {part.lstrip(b"0") or part[-1:] for part in parts}
    if len(said) > 1:
        raise bad_response("sent two lengths that differ (Content-Length)")
    length = said.pop()
    if not length.isdigit() or len(length) > LENGTH_DIGITS:
        raise bad_response("sent a length that is not a number (Content-Length)")
    return int(length), False


def with_length(headers: Headers, length: int) -> Headers:
    """Replace all lengths with one in plain digits, where the first stood."""
    kept: Headers = []
    found = False
    for pair in headers:
        if len(pair[0]) == 14 and pair[0].lower() == b"content-length":
            if not found:
                found = True
                kept.append((pair[0], b"%d" % length))
        else:
            kept.append(pair)
    return kept


def is_chunked(codings: list[bytes]) -> bool:
    """Return whether the body is in chunks.  Raises ProblemError for any other coding."""
    named = [coding.strip(_BLANK).lower() for coding in b",".join(codings).split(b",")]
    named = [coding for coding in named if coding and coding != b"identity"]
    if named not in ([], [b"chunked"]):
        raise bad_response("sent a body in a transfer coding that is not spoken here")
    return bool(named)


def chunk_size(line: bytes) -> int:
    """Parse the line of a chunk's size.  Raises ProblemError."""
    digits = line.partition(b";")[0].strip(b" \t\r")
    if not digits or digits.translate(None, _HEX):
        raise bad_response("sent a chunk whose size is not a number")
    digits = digits.lstrip(b"0")
    if len(digits) > _SIZE_DIGITS:
        raise bad_response("sent a chunk whose size is not a number")
    return int(digits, 16) if digits else 0
