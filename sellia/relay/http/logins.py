"""Connection-bound authentication: NTLM, and Negotiate as most servers do it.

Whoever sends a request on a connection with such a login is taken for the user who logged in on it (RFC 4559, section
6), so that connection must never carry the request of another visitor.
"""

import re
from typing import Final

from sellia.protocol.messages import Headers

#: An authentication scheme that is bound to a connection, as a credential or as one of several challenges.
_SCHEME: Final = re.compile(rb"(?:^|,)[ \t]*(?:NTLM|Negotiate|Kerberos|Nego2)(?=[ \t,]|$)", re.IGNORECASE)

#: What a server says that keeps a login with the connection.
_SESSION: Final = b"session-based-authentication"

_LENGTHS: Final = frozenset(
    map(len, (b"www-authenticate", b"authentication-info", b"proxy-support", b"persistent-auth"))
)


def is_bound(credentials: bytes) -> bool:
    """Return whether a value of ``Authorization`` or ``WWW-Authenticate`` names a scheme bound to a connection."""
    return _SCHEME.search(credentials) is not None


def answer_binds(headers: Headers) -> bool:
    """Return whether a response with these fields is part of a login that belongs to its connection."""
    for name, value in headers:
        if len(name) in _LENGTHS:
            folded = name.lower()
            if folded == b"www-authenticate":
                if is_bound(value):
                    return True
            elif folded == b"persistent-auth":
                if value.strip(b" \t").lower() == b"true":
                    return True
            elif folded in (b"authentication-info", b"proxy-support") and (
                _SESSION in value.lower() or is_bound(value)
            ):
                return True
    return False
