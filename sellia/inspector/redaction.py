"""Redaction of what leaves the inspector: credentials in header fields, queries, and forms.

Need
    People paste a cURL line into a ticket and send a HAR file to a colleague.  What they mean to show is a request, and
    what they also show is their session.

Invariants
    * On by default in everything that leaves; off only by an explicit choice.
    * What was taken out is replaced by ``REDACTED``, so that one sees that there was something.  Names stay.

Designs not chosen
    *Redacting bodies*: what a secret is in one is not known, and a body that was changed proves nothing; whoever sends
    a file sees what is in it.  *Redacting in the store*: the owner of a service looks for exactly this.
"""

import re
from typing import Final

from sellia.protocol.messages import Headers

REDACTED: Final = "REDACTED"

#: Fields whose values are credentials, in lower case; and parts of names of others that say so.
_FIELDS: Final = frozenset(
    (
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"set-cookie",
        b"cookie2",
        b"x-amz-security-token",
        b"x-forwarded-access-token",
        b"x-csrf-token",
        b"x-xsrf-token",
        b"www-authenticate-token",
    )
)
_NAMES: Final = re.compile(
    r"token|secret|passw(?:or)?d|passwd|api[-_.]?key|apikey|access[-_.]?key|private[-_.]?key|session|signature|"
    r"credential|^auth$|authorization|^sig$|^sid$|^code$|^key$|^jwt$|^pwd$|^state$|^otp$|^hmac$",
    re.IGNORECASE,
)
_NOT: Final = frozenset((b"sec-websocket-key", b"sec-websocket-accept"))
_USERINFO: Final = re.compile(rb"(?<=//)[^/?#@]*@")


def redacted_headers(headers: Headers) -> Headers:
    """Return fields without credentials, in order and case."""
    return [(name, _value(name.lower(), value)) for name, value in headers]


def redacted_target(target: bytes) -> bytes:
    """Return a request's target, or a URL, without credentials in its query and in front of its host."""
    target = _USERINFO.sub(b"", target)
    path, mark, query = target.partition(b"?")
    if not mark:
        return target
    fields, hash_mark, fragment = query.partition(b"#")
    return path + mark + b"&".join(map(_field, fields.split(b"&"))) + hash_mark + fragment


def secret_name(name: str) -> bool:
    """Whether a parameter of this name is one whose value is a credential."""
    return _NAMES.search(name) is not None


def secret_field(name: bytes) -> bool:
    """Whether a header field's value is a credential."""
    lower = name.lower()
    return lower in _FIELDS or (lower not in _NOT and secret_name(lower.decode("latin-1").removeprefix("x-")))


def _value(name: bytes, value: bytes) -> bytes:
    if name in (b"referer", b"location", b"origin", b"content-location", b"link"):
        return redacted_target(value)
    if not secret_field(name):
        return value
    if name in (b"authorization", b"proxy-authorization"):
        scheme, space, _ = value.partition(b" ")
        return scheme + b" " + REDACTED.encode() if space and scheme.isalnum() else REDACTED.encode()
    if name == b"cookie":
        return b"; ".join(_pair(pair.strip()) for pair in value.split(b";"))
    if name == b"set-cookie":
        pair, semicolon, rest = value.partition(b";")
        return _pair(pair) + semicolon + rest
    return REDACTED.encode()


def _pair(pair: bytes) -> bytes:
    name, equals, _ = pair.partition(b"=")
    return name + equals + REDACTED.encode() if equals else REDACTED.encode()


def _field(field: bytes) -> bytes:
    name, equals, _ = field.partition(b"=")
    return name + equals + REDACTED.encode() if equals and secret_name(name.decode("latin-1")) else field
