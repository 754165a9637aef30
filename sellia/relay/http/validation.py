"""Validation of heads: well-formedness, strictly as RFC 9110 and RFC 9112 have it.

The parser of whoever received a head has checked it once; the other end of the link checks it again, because a peer may
be broken or hostile, and a line break in a value would split a message in two.
"""

from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.http.field_rules import RULES, is_token

_CONTROLS: Final = bytes(octet for octet in (*range(0x20), 0x7F) if octet != 0x09)
_NOT_IN_TARGET: Final = bytes((*range(0x21), 0x7F))


def validate(headers: Headers) -> None:
    """Raise ValueError unless every name is a token and every value is free of control characters.

    That is RFC 9110, sections 5.1 and 5.5, strictly: of the control characters only HTAB may stand in a value.  Bytes
    above 0x7f may, but not NEL (U+0085), which some parsers take for the end of a line.
    """
    rules = RULES
    for name, _ in headers:
        if rules[name] < 0:
            raise ValueError("a header name is not a token")
    check_values([value for _, value in headers])


def validate_response(headers: Headers) -> None:
    """Raise ValueError unless every name is a token and every value is one that a response may have."""
    rules = RULES
    for name, _ in headers:
        if rules[name] < 0:
            raise ValueError("a header name is not a token")
    check_response_values([value for _, value in headers])


def check_response_values(values: list[bytes]) -> None:
    """Raise ValueError unless every value of a response is free of control characters.

    NEL may stand in one, as old encodings have names of files with it: no browser ends a line at it.
    """
    joined = b" ".join(values)
    if len(joined.translate(None, _CONTROLS)) != len(joined):
        raise ValueError("a header value has a control character in it")


def check_values(values: list[bytes]) -> None:
    """Raise ValueError unless every value is free of control characters."""
    joined = b" ".join(values)
    if len(joined.translate(None, _CONTROLS)) != len(joined):
        raise ValueError("a header value has a control character in it")
    if not joined.isascii() and any(map(_has_nel, values)):
        raise ValueError("a header value has a control character in it")


def _has_nel(value: bytes) -> bool:
    """Return whether U+0085 is in the value, read as UTF-8 if it can be and as Latin-1 if not."""
    try:
        return "\x85" in value.decode()
    except UnicodeDecodeError:
        return b"\x85" in value


def check_status(status: int) -> int:
    """Return the status.  Raises ValueError unless it has three digits (RFC 9110, section 15)."""
    if type(status) is not int or not 100 <= status <= 999:
        raise ValueError("a status is not a number of three digits")
    return status


_USUAL_REASONS: Final = frozenset((b"OK", b"", b"Not Found", b"Not Modified", b"No Content", b"Found", b"Created"))


def check_reason(reason: bytes) -> bytes:
    """Return the reason phrase.  Raises ValueError for a control character (RFC 9112, section 4)."""
    if reason in _USUAL_REASONS:
        return reason
    if len(reason.translate(None, _CONTROLS)) != len(reason):
        raise ValueError("a reason phrase has a control character in it")
    return reason


def check_method(method: bytes) -> bytes:
    """Return the method.  Raises ValueError unless it is a token (RFC 9110, section 9.1)."""
    if not is_token(method):
        raise ValueError("a method is not a token")
    return method


def check_target(target: bytes) -> bytes:
    """Return the request target.  Raises ValueError if it is empty or has white space or a control character in it.

    Which of the four forms of RFC 9112, section 3.2, it has is not looked at.
    """
    if not target or len(target.translate(None, _NOT_IN_TARGET)) != len(target):
        raise ValueError("a request target is empty or has white space or a control character in it")
    if not target.isascii() and _has_nel(target):
        raise ValueError("a request target is empty or has white space or a control character in it")
    return target
