"""The cookie by which a visitor of a pool stays with one of its members.

Its value names the member and proves that this server has said so: whoever makes one up is treated like a visitor
without one, so nobody can choose a member, nor find out which there are.  A cookie of one name is none for another.  It
is taken off before the service sees it.

Bounds: at most ``TRIED`` cookies of that name are looked at in a request.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hmac import compare_digest, digest
from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.pool import MARK

COOKIE: Final = b"Sellia-Sticky"

#: Cookies of that name that are looked at in one request: a site next to this one may set some as well.
TRIED: Final = 4

_SIGNATURE: Final = 16
_VALUE: Final = (MARK + _SIGNATURE) * 4 // 3


class StickyCookies:
    """Cookies of the pool behind one name.  ``secret`` is the server's own."""

    __slots__ = ("_label", "_secret")

    def __init__(self, secret: bytes, label: str) -> None:
        self._secret = secret
        self._label = label.encode("utf-8") + b"\0"

    def value(self, mark: bytes) -> bytes:
        """Return the value that names the member with this mark."""
        return urlsafe_b64encode(mark + self._sign(mark))

    def mark_in(self, value: bytes, known: Callable[[bytes], bool]) -> bytes | None:
        """Return the mark that a value names, if it is one of those ``known`` and the signature is ours."""
        if len(value) != _VALUE:
            return None
        try:
            octets = urlsafe_b64decode(value)
        except (binascii.Error, ValueError):
            return None
        mark = octets[:MARK]
        if not known(mark) or not compare_digest(octets[MARK:], self._sign(mark)):
            return None
        return mark

    def field(self, mark: bytes, *, secure: bool) -> tuple[bytes, bytes]:
        """Return the field that sets the cookie."""
        value = b"%b=%b; Path=/; HttpOnly; SameSite=Lax" % (COOKIE, self.value(mark))
        return b"Set-Cookie", value + b"; Secure" if secure else value

    def _sign(self, mark: bytes) -> bytes:
        return digest(self._secret, self._label + mark, "sha256")[:_SIGNATURE]


def take_off(headers: Headers) -> tuple[Headers, list[bytes]]:
    """Return a section without cookies of ours, and the first values that they had."""
    found: list[bytes] = []
    kept: Headers = []
    for name, value in headers:
        if len(name) == 6 and COOKIE in value and name.lower() == b"cookie":
            pairs = value.split(b";")
            others = [each for each in pairs if each.partition(b"=")[0].strip() != COOKIE]
            found += [each.partition(b"=")[2].strip() for each in pairs if each not in others]
            value = b";".join(others).strip()
            if not value:
                continue
        kept.append((name, value))
    return (kept, found[:TRIED]) if found else (headers, found)
