"""Parser of response heads and trailer sections; `sellia.relay.http.responses` lists what it forgives.

Bounds: ``HEADER_COUNT_LIMIT`` fields and ``HEAD_LIMIT`` bytes, encoded for a link.
"""

from functools import lru_cache
from typing import Final

from sellia.protocol.limits import HEAD_LIMIT, HEADER_COUNT_LIMIT, SHORT_BODY
from sellia.protocol.messages import Headers
from sellia.relay.http.framing import bad_response
from sellia.relay.http.not_http import what_came
from sellia.relay.http.validation import check_reason

#: What encoding a head for a link may add for each field, and once.
_FIELD_COST: Final = 8
_HEAD_COST: Final = 64

#: A head that came in fewer bytes cannot be too long.
_SURELY_SHORT: Final = HEAD_LIMIT - HEADER_COUNT_LIMIT * _FIELD_COST - _HEAD_COST

#: A head that came in so many bytes at most leaves room for a short body in its record.
SHORT_HEAD: Final = _SURELY_SHORT - SHORT_BODY

_CONTROLS: Final = bytes(octet for octet in (*range(0x20), 0x7F) if octet not in b"\t\n\r")

_CONTROLS_AND_ENDS: Final = _CONTROLS + b"\r\n"

_BLANK: Final = b" \t"


def may_be_status_line(data: bytes) -> bool:
    """Return whether the bytes so far can begin a response."""
    return data.startswith(b"HTTP/1.") or b"HTTP/1.".startswith(data[:7]) or b"ICY ".startswith(data[:4])


def section_end(data: bytes) -> tuple[int, int]:
    """Return where a section of fields ends, and where its blank line does; -1 while it is incomplete."""
    end = data.find(b"\n\r\n")
    bare = data.find(b"\n\n", 0, end + 1 if end >= 0 else len(data))
    if bare >= 0:
        return bare, bare + 2
    return end, end + 3


def lines_of(section: bytes, what: str) -> list[bytes]:
    """Split a section into lines, without their ends."""
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


def parse_head(section: bytes) -> tuple[int, int, bytes, Headers]:
    """Parse a head into status, minor version, reason and fields."""
    lines = lines_of(section, "response head")
    first = lines[0]
    status, minor, reason = _usual_status_line(first) if len(first) < _USUAL_LENGTH else _status_line(first)
    headers = fields_of(lines[1:], "response head") if len(lines) > 1 else []
    check_size(len(section), headers, reason, "response head")
    return status, minor, reason, headers


def _status_line(line: bytes) -> tuple[int, int, bytes]:
    """Parse a status line into status, minor version and reason."""
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


def fields_of(lines: list[bytes], section: str) -> Headers:
    """Parse the lines of a section into fields."""
    headers: Headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and name and name[0] > 0x20 and name[-1] > 0x20:
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


def check_size(came: int, headers: Headers, reason: bytes, section: str) -> None:
    """Raise ProblemError for a section of ``came`` bytes that is too long for a link."""
    too_long = len(headers) > HEADER_COUNT_LIMIT
    if came > _SURELY_SHORT and not too_long:
        size = sum(len(name) + len(value) + _FIELD_COST for name, value in headers)
        too_long = size + len(reason) + _HEAD_COST > HEAD_LIMIT
    if too_long:
        raise bad_response(f"sent a {section} that is too long")
