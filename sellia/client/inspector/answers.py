"""Answers of the inspector: JSON, problem details (RFC 9457), files, attachments, and what every answer carries."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sellia.relay.http.page_policy import POLICY
from sellia.text import printable

#: Content security policy of a page from a development server, which puts styles and a script of its own into it.
DEV_POLICY: Final = POLICY.replace(
    b"script-src 'self'; style-src 'self'", b"script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)

JSON: Final = b"application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a known length.  ``headers`` replace those of `sellia.relay.http.page_policy.FIELDS`."""

    status: int
    body: bytes = b""
    type: bytes = JSON
    headers: dict[bytes, bytes] = field(default_factory=dict)


class ApiError(Exception):
    """A request to the API fails: with a status, a stable code, and a sentence about what was wrong and what helps."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def as_json(value: Any, status: int = 200) -> Answer:
    """Return a value as JSON."""
    return Answer(status, encoded(value))


def encoded(value: Any) -> bytes:
    """Return a value as JSON, in ASCII apart from the texts in it."""
    return msgspec.json.encode(value)


def problem(status: int, code: str, message: str, headers: dict[bytes, bytes] | None = None) -> Answer:
    """Return problem details.  ``error`` and ``message`` are the names that the server's API has, too."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": printable(message, 1000),
        "error": code,
    }
    return Answer(status, encoded(body), b"application/problem+json", headers or {})


def attachment(data: bytes, name: str, type: bytes = b"application/octet-stream") -> Answer:
    """Return bytes from outside, which no browser shows or runs; ``name`` has letters, digits, ``-`` and dots."""
    disposition = b'attachment; filename="%b"' % name.encode("ascii")
    return Answer(
        200, data, type, {b"Content-Disposition": disposition, b"Content-Security-Policy": b"sandbox; " + POLICY}
    )


_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
