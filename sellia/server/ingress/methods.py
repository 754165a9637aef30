"""Methods that llhttp does not know, which it would stop at: a request with one is parsed under the name of another.

A method is any token (RFC 9110, 9.1), of 1 to ``METHOD_LIMIT`` bytes here.  One that llhttp knows stays as it is,
because it frames some of them in ways of their own; an unknown one is given to it as a method without a meaning of its
own, and kept beside it.
"""

import re
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import HTTP_VERSION_NOT_SUPPORTED

#: Maximum bytes of a method.
METHOD_LIMIT: Final = 32

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")

#: Methods that llhttp knows.
_KNOWN: Final = frozenset(
    b"""GET HEAD POST PUT DELETE PATCH OPTIONS TRACE CONNECT COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND
    REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR LINK
    UNLINK SOURCE QUERY""".split()
)
_GUISE: Final = b"POST"

#: Method that only the preface of HTTP/2 has (RFC 9113, 3.4).
_PREFACE: Final = b"PRI"


def whole_method(data: bytes) -> bool:
    """Return whether the method at the front of a request is whole, or can be none: no more bytes need be awaited."""
    return data.find(b" ", 0, METHOD_LIMIT + 1) >= 0 or len(data) > METHOD_LIMIT or not _TOKEN.fullmatch(data)


def disguise(data: bytes) -> tuple[bytes | None, bytes]:
    """Return the method at the front of ``data`` if llhttp does not know it, and what is to be parsed.

    Raises ProblemError for the preface of HTTP/2.
    """
    method = data[: max(data.find(b" ", 0, METHOD_LIMIT + 1), 0)]
    if method == _PREFACE:
        raise ProblemError(HTTP_VERSION_NOT_SUPPORTED, "This was the beginning of HTTP/2.")
    if method in _KNOWN or not _TOKEN.fullmatch(method):
        return None, data
    return method, _GUISE + data[len(method) :]
